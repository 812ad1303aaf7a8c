"""What differs between two versions: counts, a table of any length, and the record under its cursor word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from workbench.services.looking.column import Column
from workbench.text import show
from workbench.tui.screens.version_words import change_pieces, difference_head
from workbench.tui.widgets.virtual_table import Rows, VirtualTable
from workbench.tui.widgets.word_diff import DiffPane, Piece

if TYPE_CHECKING:
    from workbench.services.versions.changes import Changed, Changes, Places

ALL = "all"
_BLANK = Rows([Column("", 1)])


class ChangesPane(Vertical):
    """The changes of one kind, or of all."""

    def __init__(self, *, id: str | None = None) -> None:
        """Begin with nothing that differs."""
        super().__init__(id=id)
        self.found: Changes | None = None
        self.kind = ALL
        self._kinds: dict[str, Places] = {}

    def compose(self) -> ComposeResult:
        """Hold counts, table and record."""
        yield Static(id="kinds", markup=False)
        yield VirtualTable(_BLANK, id="changes")
        yield DiffPane(id="change")

    @property
    def table(self) -> VirtualTable:
        """Return the table of changed records."""
        return self.query_one("#changes", VirtualTable)

    @property
    def row(self) -> int | None:
        """Return which row of the difference is under the cursor."""
        places = self._kinds.get(self.kind, ())
        return int(places[self.table.cursor]) if self.table.cursor < len(places) else None

    def show_changes(self, found: Changes | None, note: str = "") -> None:
        """Show a difference, or say why there is none."""
        self.found, self._kinds = found, {} if found is None else found.views()
        if found is None:
            self.table.set_source(_BLANK, note=show(note))
            self.query_one("#change", DiffPane).show_pieces("")
            self.query_one("#kinds", Static).update("")
        else:
            self.kind = self.kind if len(self._kinds[self.kind]) else ALL
            self._show_kind(found)

    def _show_kind(self, found: Changes) -> None:
        from workbench.services.versions.changes import ChangeSource

        source = ChangeSource(found, self._kinds[self.kind])
        pieces: list[Piece] = list(difference_head(found))
        if self.kind != ALL:
            pieces.append((f"  only {self.kind}: {source.n_rows:,}", "reverse"))
        self.query_one("#kinds", Static).update(Content.assemble(*pieces))
        self.table.set_source(source, note="No record differs.")

    def show_next_kind(self, step: int) -> None:
        """Show the next kind of change that there is."""
        if self.found is not None:
            names = [name for name, rows in self._kinds.items() if len(rows) or name == ALL]
            self.kind = names[(names.index(self.kind) + step) % len(names)]
            self._show_kind(self.found)

    @on(events.Click, "#kinds")
    def _next_kind(self) -> None:
        self.show_next_kind(1)

    def show_change(self, told: Changed | None) -> None:
        """Show one changed record word by word."""
        self.query_one("#change", DiffPane).show_pieces(*(change_pieces(told) if told else ("",)))
