"""Things in memory as the source of a table: the cells of one are made when it is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from workbench.services.looking.column import Column

T = TypeVar("T")


@dataclass(frozen=True)
class Listed(Generic[T]):
    """A source of many things, of which a screen shows a few."""

    columns: Sequence[Column]
    things: Sequence[T]
    cells: Callable[[T], Sequence[object]]

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return len(self.things)

    def window(self, start: int, stop: int) -> Sequence[Sequence[object]]:
        """Return the cells of some things."""
        return [self.cells(one) for one in self.things[start:stop]]
