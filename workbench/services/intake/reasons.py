"""Why rows of a delivery went to quarantine, counted."""

from __future__ import annotations

from collections import Counter

from workbench.store.rejects import Rejects

OTHERS = "other reasons"
_TOLD_APART = 1000
"""Reasons that are counted each by itself: one that quotes the row may be another one for every row."""


def reasons_of(rejects: Rejects) -> dict[str, int]:
    """Return the reasons with the number of rows that each set aside, the most frequent first."""
    counts: Counter[str] = Counter()
    for frame in rejects.frames():
        for reason, rows in sorted(frame["reason"].value_counts().iter_rows()):
            counts[reason if reason in counts or len(counts) < _TOLD_APART else OTHERS] += rows
    return dict(counts.most_common())
