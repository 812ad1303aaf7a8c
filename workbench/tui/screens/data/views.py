"""The list of views beside the table: what the records can be looked at as, with honest counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from workbench.services.looking.column import Column
from workbench.services.looking.lens import Line
from workbench.tui.widgets.virtual_table import Rows, VirtualTable

_COLUMNS = (Column("", 1), Column("view", 15), Column("records", 9))


class ViewTable(VirtualTable):
    """The views, one a line; the cursor stands on the one that is shown."""

    def __init__(self, id: str | None = None) -> None:
        """Begin without views."""
        super().__init__(Rows(_COLUMNS), id=id)
        self.lines: Sequence[Line] = ()

    def show_lines(self, lines: Sequence[Line], view: str) -> None:
        """Show the views with the cursor on one of them, which stays where it stood though it may hold nothing now.

        The next key is meant for what was looked at: to show all records instead would let it hit one of those.
        """
        if self.view == view and view not in [line.view for line in lines]:
            lines = [*lines[: self.cursor], replace(self.lines[self.cursor], count=0), *lines[self.cursor :]]
        self.lines = lines
        cells = [(line.sign, line.label, "..." if line.count is None else line.count) for line in lines]
        names = [line.view for line in lines]
        self.set_source(Rows(_COLUMNS, cells), cursor=names.index(view) if view in names else 0)

    @property
    def view(self) -> str:
        """Return the view under the cursor."""
        return self.lines[self.cursor].view if self.lines else ""

    def neighbour(self, view: str, step: int) -> str:
        """Return the next view that holds anything, or the same one where there is no other."""
        held = [line.view for line in self.lines if line.count or line.view == view]
        return held[(held.index(view) + step) % len(held)] if view in held else view
