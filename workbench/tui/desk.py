"""What every screen is given: the workspace, and how a training is started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.workspace import Workspace

if TYPE_CHECKING:
    from workbench.store.store import Store
    from workbench.store.versions import Version

StartTraining = Callable[["Store", str, str, str], Path]
"""Takes store, corpus, version and recipe by name; returns the folder of a run that outlives this process."""
RECIPE = "tiny"


def start_training(store: Store, corpus: str, version: str, recipe: str) -> Path:
    """Start a training through its service, which is imported when it is needed."""
    from workbench.services.train import start

    return start(store, corpus, version, recipe)


@dataclass(frozen=True)
class Desk:
    """The workspace on the desk; its methods open the store in the thread that calls them."""

    workspace: Workspace
    start: StartTraining = start_training

    def store(self) -> Store:
        """Open the store; SQLite wants one connection a thread."""
        from workbench.store.store import Store

        return Store(self.workspace)

    def cut(self, corpus: str, report: Callable[[str], None]) -> tuple[Version, bool]:
        """Cut a version with the settings of the newest one, else of the corpus; say whether it is new."""
        from workbench.corpus import SplitSettings
        from workbench.services.split import Request, split
        from workbench.store.versions import versions

        with self.store() as store:
            known = versions(store.catalogue, corpus)
            settings = SplitSettings(**known[-1].settings["split"]) if known else store.corpus(corpus).split
            version = split(store, Request(corpus, settings), report=report)
            return version, version.id not in {old.id for old in known}

    def train(self, corpus: str) -> str:
        """Train the newest version of a corpus and return the run's name."""
        with self.store() as store:
            return self.start(store, corpus, store.version(corpus).name, RECIPE).name
