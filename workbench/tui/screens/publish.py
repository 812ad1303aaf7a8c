"""The sheets for what leaves: a version as files or to the Hub, and the adapter of a run to the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.widgets import Input

from workbench.services.progress import Report
from workbench.services.publishing.leaving import FORMATS, Wanted
from workbench.tui.desk import Desk
from workbench.tui.screens.leaving import LeavingSheet
from workbench.tui.widgets.switches import Cycle
from workbench.workspace import export_name

if TYPE_CHECKING:
    from workbench.services.publishing.trial import Trial
    from workbench.store.versions import Version


class PublishSheet(LeavingSheet):
    """A version as files in a folder, or to the Hub."""

    def __init__(self, desk: Desk, version: Version) -> None:
        """Ask about one version."""
        super().__init__(desk)
        self.version = version
        self.heading = f"Export {version.corpus} {version.name}"

    def compose_choice(self) -> ComposeResult:
        """Yield the formats."""
        yield Cycle(FORMATS, id="format")

    def on_mount(self) -> None:
        """Begin with files in the usual folder, and with the licence that corpus.yaml states."""
        self.in_background(self._stated, self._fill, "stated")

    def _stated(self) -> str:
        with self.desk.store() as store:
            return store.corpus(self.version.corpus).license or ""

    def _fill(self, license: str) -> None:
        if not self.query_one("#license", Input).value:
            self.query_one("#license", Input).value = license

    @property
    def format(self) -> str:
        """Return the chosen format."""
        return self.query_one(Cycle).value

    def usual_place(self, format: str) -> str:
        """Return the folder that this version goes to in a format."""
        return f"exports/{export_name(self.version.corpus, self.version.name, format)}"

    def tried(self, asked: Wanted, report: Report) -> Trial:
        """Return what would leave."""
        from workbench.services.publishing import trial

        with self.desk.store() as store:
            if asked.is_push:
                return trial.tried_push(store, self.version, asked.place, license=asked.license, report=report)
            folder = Path(asked.place).expanduser().resolve() if asked.place else None
            return trial.tried_export(
                store, self.version, format=asked.format, folder=folder, license=asked.license, report=report
            )


class AdapterSheet(LeavingSheet):
    """The adapter of a run to the Hub."""

    license_hint = "it depends on the base as well, so it has to be said: apache-2.0"

    def __init__(self, desk: Desk, run: str) -> None:
        """Ask about one run, by its name."""
        super().__init__(desk)
        self.run_name = run
        self.heading = f"Push the adapter of {run}"

    def tried(self, asked: Wanted, report: Report) -> Trial:
        """Return what would leave."""
        from workbench.services.publishing import trial

        with self.desk.store() as store:
            return trial.tried_adapter(store, self.run_name, asked.place, license=asked.license)
