"""The sheet for records from the Hub: what a repository holds and where it would go, before any of it is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Label, Static

from workbench.services.progress import Report
from workbench.services.publishing.arriving import Asked, offer
from workbench.services.publishing.named_repository import NamedRepository
from workbench.text import counted, show
from workbench.tui.desk import Desk
from workbench.tui.screens.trying import KEYS, TryingSheet
from workbench.tui.widgets.safe_input import SafeInput
from workbench.tui.widgets.word_diff import Piece

if TYPE_CHECKING:
    from workbench.services.publishing.pull import Offered

_LINES = {
    "repository": ("repository", "OWNER/NAME or OWNER/NAME@REVISION"),
    "corpus": ("into the corpus", "called like the repository"),
    "schema": ("kind of record", "as it says, or as it looks"),
    "config": ("configuration", "the usual one"),
}
"""What can be typed: its name, and what an empty line means."""
_IGNORED = 5
"""Files left alone that are named."""


class PullSheet(TryingSheet[Asked, "Offered"]):
    """What a repository holds, as one source for each split."""

    CSS_PATH = "pull.tcss"
    nothing = "nothing was fetched"

    def __init__(self, desk: Desk, named: NamedRepository) -> None:
        """Begin with a repository that was named elsewhere."""
        super().__init__(desk)
        self.named = named

    def compose(self) -> ComposeResult:
        """Hold what is asked above what is there."""
        with Vertical(id="pull"):
            yield Static(Content.assemble(("Take records in from the Hub", "bold")), id="what", markup=False)
            for name, (label, usual) in _LINES.items():
                with Horizontal(classes="line"):
                    yield Label(label, markup=False)
                    yield SafeInput(id=name, placeholder=usual)
            with VerticalScroll(id="trial"):
                yield Static(id="seen", markup=False)
            yield Static(KEYS, id="keys", markup=False)

    def on_mount(self) -> None:
        """Look at once: the repository is known."""
        self.query_one("#repository", Input).value = str(self.named)
        self.query_one("#repository").focus()
        self.action_go()

    def read(self) -> Asked:
        """Return what is asked of the pull."""
        return Asked(**{name: self.query_one(f"#{name}", Input).value.strip() for name in _LINES})

    def missing(self, asked: Asked) -> str:
        """Ask for a repository."""
        return "" if asked.repository else "name a repository: OWNER/NAME"

    def tried(self, asked: Asked, report: Report) -> Offered:
        """Return what the repository holds."""
        report("asking the Hub")
        return offer(self.desk.workspace, asked)

    def promise(self, asked: Asked, seen: Offered) -> str:
        """Return where the next enter puts the records."""
        return f"enter fetches them into the corpus {seen.corpus}   esc leaves"

    def settled(self, asked: Asked, seen: Offered) -> Asked:
        """Return what is asked, with the corpus that was shown."""
        return replace(asked, corpus=seen.corpus)

    def outcome(self, seen: Offered) -> Iterator[Piece]:
        """Yield what would be fetched, and what would not."""
        files = seen.chosen.files
        yield f"{counted(len(files), 'file')}, {sum(file.size for file in files):,} bytes", "bold"
        yield f"  at {seen.commit[:12]}, into the corpus {show(seen.corpus)}\n"
        for part in seen.parts:
            size = sum(file.size for file in part.files)
            yield f"{size:>14,}  {show(part.name, limit=60):<24} {counted(len(part.files), 'file')}\n"
        yield f"\n{show(_checked(seen))}\n", "$foreground-muted"
        ignored = seen.chosen.ignored
        for path, reason in ignored[:_IGNORED]:
            yield f"not fetched: {show(path, limit=60)} ({show(reason)})\n", "$text-warning"
        if len(ignored) > _IGNORED:
            yield f"not fetched: {len(ignored) - _IGNORED:,} more\n", "$text-warning"


def _checked(seen: Offered) -> str:
    """Return by what the files are checked."""
    if seen.verified["version"]:
        return f"every file is checked against its curation.json, of version {seen.verified['version'][:12]}"
    return f"not checked against a version: {seen.verified['reason']}"
