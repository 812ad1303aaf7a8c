"""What every screen is given: the workspace, and how a training is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.curation.fixes import changes, in_words
from workbench.services.apart import Doing, Here
from workbench.services.progress import Report
from workbench.workspace import Workspace

if TYPE_CHECKING:
    from workbench.services.training.preflight import Preflight
    from workbench.services.training.train import Begun, Training
    from workbench.store.store import Store
    from workbench.store.versions import Version

StartTraining = Callable[[Workspace, "Training"], "Begun"]
"""Takes what is asked of a training; returns a run that outlives this process and may not be there yet."""


def start_training(workspace: Workspace, training: Training) -> Begun:
    """Start training in a process of its own."""
    from workbench.services.training.train import spawn

    return spawn(workspace, training)


def _cut(workspace: Workspace, corpus: str, report: Report) -> tuple[Version, bool]:
    from workbench.services.versions.split import Request, requested, split
    from workbench.store.store import Store
    from workbench.store.versions import versions

    with Store(workspace) as store:
        known = {version.id for version in versions(store.catalogue, corpus)}
        version = split(store, Request(corpus, requested(store, corpus)), report=report)
        return version, version.id not in known


@dataclass(frozen=True)
class Desk:
    """The workspace on the desk; its methods open the store in the thread that calls them."""

    workspace: Workspace
    start: StartTraining = start_training
    apart: Doing = field(default_factory=Here)
    """Where long work is done: in a process of its own where there is a screen to keep quick."""
    models: Doing = field(default_factory=Here)
    """Where models are asked: in one process that keeps them loaded, where there is a screen."""

    def store(self) -> Store:
        """Open the store; SQLite wants one connection a thread."""
        from workbench.store.store import Store

        return Store(self.workspace)

    def edit(
        self, corpus: str, record: str, values: dict[str, Any], reason: str = "", *, seen: Mapping[str, Any]
    ) -> int:
        """Set fields of a record, if they still are as they were seen, and return the number of edits made."""
        from workbench.services.records import editing

        with self.store() as store:
            return editing.edit(store, corpus, record, values, reason=reason, seen=seen)

    def drop(self, corpus: str, record: str, reason: str = "") -> int:
        """Drop a record and return the number of edits made."""
        from workbench.services.records import editing

        with self.store() as store:
            return editing.drop(store, corpus, [record], reason=reason)

    def fix(self, corpus: str, issue: Mapping[str, Any], seen: Mapping[str, Any]) -> str:
        """Apply the fix that an issue suggests to its record, if it still is as it was seen; say what was done."""
        wanted, reason = changes(issue["field"], issue["fix"]), f"fix {issue['rule']}"
        if wanted is None:
            self.drop(corpus, issue["record"], reason)
            return f"dropped: {issue['message']}"
        self.edit(corpus, issue["record"], wanted, reason, seen=seen)
        return in_words(wanted)

    def undo(self, corpus: str) -> list[dict[str, Any]]:
        """Take back the newest change of a corpus and return what was taken back."""
        from workbench.services.records.undo import undo

        with self.store() as store:
            return undo(store, corpus)

    def redo(self, corpus: str) -> list[dict[str, Any]]:
        """Repeat what was taken back last and return what was repeated."""
        from workbench.services.records.redo import redo

        with self.store() as store:
            return redo(store, corpus)

    def cut(self, corpus: str, report: Report) -> tuple[Version, bool]:
        """Cut a version with the settings of the newest one, else of the corpus; say whether it is new."""
        return self.apart(partial(_cut, self.workspace, corpus), report)

    def preflight(self, corpus: str, version: str = "latest", recipe: str = "") -> Preflight:
        """Return what stands in the way of training a version; no recipe named means the one used last."""
        from workbench.services.training.preflight import preflight

        with self.store() as store:
            return preflight(store, corpus, version, recipe)

    def train(self, flight: Preflight) -> Begun:
        """Start what a pre-flight looked at."""
        from workbench.services.training.train import Training

        self.models.close()  # a training wants the memory that they hold
        return self.start(self.workspace, Training(flight.corpus, flight.version, flight.recipe))

    def withdraw(self, begun: Begun) -> None:
        """End a training that was only just begun."""
        from workbench.services.training.train import withdraw

        withdraw(self.workspace, begun)

    def recipe_file(self, corpus: str) -> Path:
        """Return the file of the recipe that a corpus is trained with next."""
        from workbench.services.training.preflight import last_recipe

        return self.workspace.recipe_file(last_recipe(self.workspace, corpus))

    def recipe(self, path: Path) -> str:
        """Return the name of a recipe file's recipe; raises UsageError for one that does not hold what it must."""
        from workbench.recipe import load_recipe

        return load_recipe(path).name

    def resume(self, run: str) -> str:
        """Go on with a run from its last checkpoint, and return its name."""
        from workbench.services.training.train import resume

        self.models.close()
        return resume(self.workspace, run).name
