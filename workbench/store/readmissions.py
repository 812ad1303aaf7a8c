"""Tell which re-admissions stand: rows that a person made of units which could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from workbench.store.catalogue import Row

Unit = tuple[str, str]
"""A unit set aside: its source, and the digest of its bytes."""


def unit_of(row: Row) -> Unit:
    """Return the unit that a re-admission stands for."""
    return row.body["source"], row.body["unit"]


def standing(made: Sequence[Row], units: Counter[Unit], delivered: Collection[str]) -> list[Row]:
    """Return the re-admissions that stand, in log order.

    `made` are all of them in log order, `units` tells how often each unit is set aside, and `delivered` are the
    records that the deliveries hold. One stands while its unit is set aside and its record is not delivered; where
    several speak of one unit or of one record, the newest do.
    """
    left, here, out = units.copy(), set(delivered), []
    for row in reversed(made):
        if left[unit_of(row)] and row.subject not in here:
            left[unit_of(row)] -= 1
            here.add(row.subject)
            out.append(row)
    return out[::-1]
