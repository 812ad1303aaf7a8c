"""The records that a person marked: one byte a row, so that all of a million can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workbench.services.looking.selection import Selection
    from workbench.services.looking.tables import Marks as Flags
    from workbench.store.view import Rows


class Marks:
    """Which rows of a view are marked, and where the last mark was set."""

    def __init__(self, view: str, height: int) -> None:
        """Begin with none; row numbers mean other records in another view."""
        self.view = view
        self.flags: Flags = np.zeros(height, np.bool_)
        self.anchor: int | None = None
        """The place in the table where the last mark was set."""
        self._count = 0

    def __len__(self) -> int:
        """Return how many rows are marked; kept, because all rows are too many to count at each look."""
        return self._count

    @property
    def rows(self) -> Rows:
        """Return the marked rows, ascending."""
        return np.flatnonzero(self.flags)

    def mark(self, selection: Selection, first: int, last: int, *, turn: bool = False) -> None:
        """Mark the rows in some places of a table; `turn` takes the marks away from those that have one."""
        rows = selection.part(first, last + 1)
        before = int(self.flags[rows].sum())
        self.flags[rows] = ~self.flags[rows] if turn else True
        self._count += int(self.flags[rows].sum()) - before
        self.anchor = last

    def are_all(self, selection: Selection) -> bool:
        """Say whether every row of a selection is marked."""
        return bool(self.flags[selection.part(0, len(selection))].all())

    def clear(self) -> None:
        """Take all marks away."""
        self.flags[:] = False
        self.anchor, self._count = None, 0
