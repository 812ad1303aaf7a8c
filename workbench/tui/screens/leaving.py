"""What every sheet for something that leaves shares: where it goes, under which licence, and a look before it goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Label, Static

from workbench.services.publishing.leaving import HUB, Wanted
from workbench.text import counted, show
from workbench.tui.screens.trying import KEYS, TryingSheet
from workbench.tui.widgets.safe_input import SafeInput
from workbench.tui.widgets.switches import Changed, Toggle
from workbench.tui.widgets.word_diff import Piece

if TYPE_CHECKING:
    from workbench.services.publishing.trial import Trial

_SIGNS = {"add": "+", "replace": "~", "same": "=", "delete": "-"}
_FILES, _CARD = 12, 4000
"""Files that are listed, and characters of the card that are shown."""
_REPOSITORY = "OWNER/NAME on the Hub"


class LeavingSheet(TryingSheet[Wanted, "Trial"]):
    """What would leave, as a list of files and a card."""

    CSS_PATH = "leaving.tcss"
    heading = ""
    license_hint = "none is stated; to the Hub one is needed: cc-by-4.0"

    def compose(self) -> ComposeResult:
        """Hold what is asked above what would leave."""
        with Vertical(id="publish"):
            yield Static(Content.assemble((show(self.heading), "bold")), id="what", markup=False)
            yield from self.compose_choice()
            with Horizontal(classes="line"):
                yield Label("to", id="place-label", markup=False)
                yield SafeInput(id="place", placeholder=_REPOSITORY)
            with Horizontal(classes="line"):
                yield Label("licence", markup=False)
                yield SafeInput(id="license", placeholder=self.license_hint)
                yield Toggle("private", value=True, id="private")
            with VerticalScroll(id="trial"):
                yield Static("enter lists the files and the card; nothing is written before", id="seen", markup=False)
            yield Static(KEYS, id="keys", markup=False)

    def compose_choice(self) -> ComposeResult:
        """Yield what else can be chosen."""
        yield from ()

    @property
    def format(self) -> str:
        """Return the form in which it leaves."""
        return HUB

    def usual_place(self, format: str) -> str:
        """Return where it goes when no place is named."""
        raise AssertionError("what goes to the Hub alone has no usual place")

    def on_mount(self) -> None:
        """Begin at the place."""
        self.query_one("#place").focus()
        self._show_place()

    def read(self) -> Wanted:
        """Return what is asked to leave."""
        values = {name: self.query_one(f"#{name}", Input).value.strip() for name in ("place", "license")}
        private = self.query_one("#private", Toggle).value
        return Wanted(self.format, values["place"], values["license"] or None, private or self.format != HUB)

    def missing(self, asked: Wanted) -> str:
        """Ask for a repository, where it goes to one."""
        return "name a repository: OWNER/NAME" if asked.is_push and not asked.place else ""

    @on(Changed)
    def _show_place(self) -> None:
        wanted = self.read()
        usual = _REPOSITORY if wanted.is_push else f"{self.usual_place(wanted.format)} (the usual folder)"
        self.query_one("#place", Input).placeholder = usual
        self.query_one("#private").display = wanted.is_push

    def promise(self, asked: Wanted, seen: Trial) -> str:
        """Return where the next enter writes or sends."""
        if not asked.is_push:
            return f"enter writes these files to {seen.place}   esc leaves"
        visible = "privately" if asked.private else "FOR EVERYBODY TO SEE"
        return f"enter sends these files to {seen.place}, {visible}   esc leaves"

    def outcome(self, seen: Trial) -> Iterator[Piece]:
        """Yield the files and the card."""
        for line in seen.said:
            yield f"! {show(line, limit=300)}\n", "$text-warning"
        total = sum(size for *_, size in seen.files)
        yield f"{show(seen.place)}: {counted(len(seen.files), 'file')}, {total:,} bytes\n", "bold"
        for path, change, size in seen.files[:_FILES]:
            yield f"{_SIGNS[change]} {change:<8}{size:>14,}  {show(path)}\n"
        if len(seen.files) > _FILES:
            yield f"and {len(seen.files) - _FILES:,} more\n", "$foreground-muted"
        yield "\ncard\n", "bold"
        yield show(seen.card, lines=True, limit=_CARD)
