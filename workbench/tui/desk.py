"""What every screen is given: the workspace, and how a training is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.curation.fixes import changes, in_words
from workbench.workspace import Workspace

if TYPE_CHECKING:
    from workbench.store.store import Store
    from workbench.store.versions import Version

StartTraining = Callable[[Workspace, str], Path]
"""Takes workspace and corpus; returns the folder of a run that outlives this process and may not be there yet."""


def start_training(workspace: Workspace, corpus: str) -> Path:
    """Start training the newest version with the recipe `tiny`, in a process of its own."""
    from workbench.services.train import Training, spawn

    return spawn(workspace, Training(corpus, recipe="tiny"))


@dataclass(frozen=True)
class Desk:
    """The workspace on the desk; its methods open the store in the thread that calls them."""

    workspace: Workspace
    start: StartTraining = start_training

    def store(self) -> Store:
        """Open the store; SQLite wants one connection a thread."""
        from workbench.store.store import Store

        return Store(self.workspace)

    def edit(self, corpus: str, record: str, values: dict[str, Any], reason: str = "") -> int:
        """Set fields of a record and return the number of edits made."""
        from workbench.services import records

        with self.store() as store:
            return records.edit(store, corpus, record, values, reason=reason)

    def drop(self, corpus: str, record: str, reason: str = "") -> int:
        """Drop a record and return the number of edits made."""
        from workbench.services import records

        with self.store() as store:
            return records.drop(store, corpus, [record], reason=reason)

    def fix(self, corpus: str, issue: Mapping[str, Any]) -> str:
        """Apply the fix that an issue suggests to its record, and say what was done."""
        wanted, reason = changes(issue["field"], issue["fix"]), f"fix {issue['rule']}"
        if wanted is None:
            self.drop(corpus, issue["record"], reason)
            return f"dropped: {issue['message']}"
        self.edit(corpus, issue["record"], wanted, reason)
        return in_words(wanted)

    def undo(self, corpus: str) -> list[dict[str, Any]]:
        """Take back the newest change of a corpus and return what was taken back."""
        from workbench.services.undo import undo

        with self.store() as store:
            return undo(store, corpus)

    def cut(self, corpus: str, report: Callable[[str], None]) -> tuple[Version, bool]:
        """Cut a version with the settings of the newest one, else of the corpus; say whether it is new."""
        from workbench.services.split import Request, requested, split
        from workbench.store.versions import versions

        with self.store() as store:
            known = {version.id for version in versions(store.catalogue, corpus)}
            version = split(store, Request(corpus, requested(store, corpus)), report=report)
            return version, version.id not in known

    def train(self, corpus: str) -> str:
        """Train the newest version of a corpus and return the run's name."""
        return self.start(self.workspace, corpus).name
