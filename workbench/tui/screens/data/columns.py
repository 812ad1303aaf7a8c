"""Which columns the table shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from workbench.services.looking.column import Column
from workbench.tui.widgets.virtual_table import Rows, VirtualTable

_COLUMNS = (Column("", 1), Column("column", 40))


class ColumnSheet(ModalScreen[frozenset[str]]):
    """The columns, one a line; answers with those to hide."""

    CSS_PATH = "../sheets.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,enter", "turn", "Show or hide", id="columns.turn"),
        Binding("escape,c,q", "close", "Close", id="columns.close"),
    ]

    def __init__(self, names: Sequence[str], hidden: frozenset[str]) -> None:
        """Show columns; at least one of them stays."""
        super().__init__()
        self.names, self.hidden = names, hidden

    def compose(self) -> ComposeResult:
        """Hold the list."""
        with Vertical(id="sheet"):
            yield VirtualTable(self._source(), id="column-list")
            yield Static(Content("space shows or hides   esc closes"), markup=False)

    def on_mount(self) -> None:
        """Make the list as long as it needs to be."""
        table = self.query_one(VirtualTable)
        table.styles.height = min(len(self.names) + 1, 16)
        table.focus()

    def _source(self) -> Rows:
        return Rows(_COLUMNS, [("" if name in self.hidden else "+", name) for name in self.names])

    def action_turn(self) -> None:
        """Show the column under the cursor, or hide it."""
        table = self.query_one(VirtualTable)
        turned = self.hidden ^ {self.names[table.cursor]}
        if len(turned) < len(self.names):
            self.hidden = turned
        table.set_source(self._source(), cursor=table.cursor)

    def action_close(self) -> None:
        """Close with the columns to hide."""
        self.dismiss(self.hidden)
