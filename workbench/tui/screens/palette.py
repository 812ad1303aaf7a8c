"""The palette: every action that is possible here, found by typing, with its key and what it does."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.fuzzy import Matcher
from textual.screen import ModalScreen
from textual.widgets import Input

from workbench.services.looking.column import Column
from workbench.tui.offers import Offer
from workbench.tui.widgets.safe_input import SafeInput
from workbench.tui.widgets.virtual_table import Rows, VirtualTable

_COLUMNS = (Column("action", 50), Column("key", 12), Column("", 24))


class Palette(ModalScreen[Offer | None]):
    """Actions over a screen; dismissed with the one to do."""

    CSS_PATH = "palette.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", id="palette.close"),
        Binding("down,ctrl+n", "move(1)", "Next action", show=False, id="palette.down"),
        Binding("up", "move(-1)", "Previous action", show=False, id="palette.up"),
        Binding("pagedown", "move(8)", "Page down", show=False, id="palette.page-down"),
        Binding("pageup", "move(-8)", "Page up", show=False, id="palette.page-up"),
    ]

    def __init__(self, offers: list[Offer]) -> None:
        """Offer some actions."""
        super().__init__()
        self.offers = self.shown = offers

    def compose(self) -> ComposeResult:
        """Hold the line that one types in, and the actions that fit."""
        with Vertical(id="palette"):
            yield SafeInput(placeholder="what do you want to do?", id="wanted")
            yield VirtualTable(Rows(_COLUMNS), note="No action is called so.", id="actions")

    def on_mount(self) -> None:
        """Show all."""
        self.query_one("#wanted").focus()
        self._draw()

    @on(Input.Changed, "#wanted")
    def _narrow(self, event: Input.Changed) -> None:
        self.shown = fitting(self.offers, event.value)
        self._draw()

    def _draw(self) -> None:
        cells = [(offer.what, offer.key_names, offer.help) for offer in self.shown]
        self._table.set_source(Rows(_COLUMNS, cells), note="No action is called so.")

    @property
    def _table(self) -> VirtualTable:
        return self.query_one("#actions", VirtualTable)

    def action_move(self, step: int) -> None:
        """Move the cursor, while the line keeps the keys."""
        self._table.cursor = min(max(self._table.cursor + step, 0), max(len(self.shown) - 1, 0))

    @on(Input.Submitted, "#wanted")
    @on(VirtualTable.Selected, "#actions")
    def _choose(self) -> None:
        row = self._table.cursor
        if row < len(self.shown):
            self.dismiss(self.shown[row])

    def action_close(self) -> None:
        """Do nothing."""
        self.dismiss(None)


def fitting(offers: list[Offer], wanted: str) -> list[Offer]:
    """Return the actions whose words fit what was typed, best first; all where nothing was."""
    if not wanted.strip():
        return offers
    matcher = Matcher(wanted.strip())
    scored = [(matcher.match(f"{offer.what} {offer.help}"), offer) for offer in offers]
    return [offer for score, offer in sorted(scored, key=lambda found: -found[0]) if score > 0]
