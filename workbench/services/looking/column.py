"""A column of a table on any screen; apart from the tables' services, because a first paint loads none of those."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column's heading and its width in terminal cells."""

    label: str
    width: int
    sign: str = ""
    """Stands behind the heading: an arrow where the rows are sorted by this column."""
