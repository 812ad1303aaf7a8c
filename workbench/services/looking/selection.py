"""Which rows of a corpus a table shows, in which order: numbers only, and none at all where all rows stand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from workbench.store.view import Rows


class Selection(Protocol):
    """Rows in an order."""

    def __len__(self) -> int:
        """Return how many there are."""

    def part(self, start: int, stop: int) -> Rows:
        """Return the rows in some places; places behind the end are left out."""

    def place(self, row: int) -> int | None:
        """Return the place of a row, None where it is not among them."""


@dataclass(frozen=True)
class Remaining:
    """All rows but those that are gone, in ascending order; nothing is kept for each row."""

    total: int
    gone: Rows
    """Ascending."""

    @cached_property
    def _passed(self) -> Rows:
        """Return how many rows stand before each one that is gone."""
        return self.gone - np.arange(len(self.gone))

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self.total - len(self.gone)

    def part(self, start: int, stop: int) -> Rows:
        """Return the rows in some places."""
        places = np.arange(start, min(stop, len(self)), dtype=np.int64)
        return places + np.searchsorted(self._passed, places, side="right")

    def place(self, row: int) -> int | None:
        """Return the place of a row, None where it is gone."""
        before = int(np.searchsorted(self.gone, row))
        is_gone = before < len(self.gone) and self.gone[before] == row
        return None if is_gone or not 0 <= row < self.total else row - before


@dataclass(frozen=True)
class Listed:
    """Rows one by one, in any order."""

    rows: Rows

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.rows)

    def part(self, start: int, stop: int) -> Rows:
        """Return the rows in some places."""
        return self.rows[start:stop]

    def place(self, row: int) -> int | None:
        """Return the first place of a row."""
        found = np.flatnonzero(self.rows == row)
        return int(found[0]) if len(found) else None


NOTHING = Listed(np.empty(0, np.int64))


def sorted_rows(selection: Selection) -> Rows:
    """Return the rows of a selection, ascending."""
    rows: Rows = np.sort(selection.part(0, len(selection)))
    return rows


def among(rows: Rows, ascending: Rows) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return for each row whether it is among ascending ones."""
    if not len(ascending):
        return np.zeros(len(rows), np.bool_)
    places = np.minimum(np.searchsorted(ascending, rows), len(ascending) - 1)
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = ascending[places] == rows
    return found


def following(selection: Selection, place: int, wanted: Rows, step: int) -> int | None:
    """Return the nearest place before (step -1) or behind (step 1) one whose row is among ascending wanted ones."""
    block = 8192  # rows looked at at once: the next one is mostly near
    low, high = place + 1, len(selection)
    while low < high and step > 0:
        hits = np.flatnonzero(among(selection.part(low, low + block), wanted))
        if len(hits):
            return low + int(hits[0])
        low += block
    high = place
    while high > 0 and step < 0:
        start = max(high - block, 0)
        hits = np.flatnonzero(among(selection.part(start, high), wanted))
        if len(hits):
            return start + int(hits[-1])
        high = start
    return None
