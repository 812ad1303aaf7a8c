"""What is asked to leave the workbench, and its leaving: light to import, as a screen and a process hand it on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.services.progress import Report
from workbench.text import counted

if TYPE_CHECKING:
    from workbench.store.versions import Version
    from workbench.workspace import Workspace

HUB = "Hub"
FORMATS = (
    *("parquet", "jsonl", "csv", "csv-exact"),
    *("messages", "sharegpt", "chatml", "alpaca", "prompt-completion", "preference", "text", "lm-eval"),
    HUB,
)
"""What a sheet offers; a test holds it to the formats that there are, which are heavy to import."""


@dataclass(frozen=True)
class Wanted:
    """What is asked to leave."""

    format: str
    """A format of files, or HUB."""
    place: str
    """Folder, empty for the usual one, or repository."""
    license: str | None
    private: bool

    @property
    def is_push(self) -> bool:
        """Return whether it goes to the Hub."""
        return self.format == HUB


def leave(workspace: Workspace, version: Version, wanted: Wanted, report: Report) -> str:
    """Export or push a version and return where it went, in words."""
    from workbench.services.publishing import push
    from workbench.services.publishing.export import export
    from workbench.store.store import Store

    with Store(workspace) as store:
        if wanted.is_push:
            done = push.pushed(
                store,
                version.corpus,
                version.name,
                wanted.place,
                license=wanted.license,
                private=wanted.private,
                report=report,
            )
            return f"pushed: {done.url}"
        folder = Path(wanted.place).expanduser() if wanted.place else None
        made = export(
            store,
            version.corpus,
            version.name,
            license=wanted.license,
            format=wanted.format,
            folder=folder.resolve() if folder else None,
            report=report,
        )
        rows, files = counted(sum(made.rows.values()), "row"), counted(len(made.files), "file")
        return f"{rows} in {files}: {made.folder}{f'; mind: {made.note}' if made.note else ''}"


def leave_adapter(workspace: Workspace, run: str, wanted: Wanted, report: Report) -> str:
    """Push the adapter of a run and return where it went, in words."""
    from workbench.services.publishing.adapters import Target, pushed
    from workbench.services.training.train import found
    from workbench.store.store import Store

    with Store(workspace) as store:
        target = Target(wanted.place, wanted.license, wanted.private)
        return f"pushed: {pushed(store, found(workspace, run), target, report).url}"
