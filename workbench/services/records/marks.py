"""What people say of records and answers without changing any: rows of the log that one undo takes back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from workbench.store.catalogue import Row
from workbench.store.store import Store

PREFERENCE, REVIEW = "preference", "review"
"""Kinds of log rows: which of two answers is better; that a record was looked at and stays as it is."""
MARKS = (PREFERENCE, REVIEW)
MADE = "made"
"""What the body of a row that `build` replayed tells `who` and `at` of its first making under: the log's own tell of
the build."""


def marks(store: Store, corpus: str, *kinds: str) -> list[Row]:
    """Return the marks of some kinds that hold now, in log order: the newest of each subject that nobody took back."""
    return sorted(holding(store.catalogue.rows(corpus, kinds=kinds)), key=lambda row: row.seq)


def holding(rows: Iterable[Row]) -> list[Row]:
    """Return the newest row of each kind and subject; each undo closes the newest one before it."""
    said: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        before = said[row.kind, row.subject]
        if "purged" in row.body:
            continue
        if not row.body.get("undo"):
            before.append(row)
        elif before:
            before.pop()
    return [before[-1] for before in said.values() if before]


def said(row: Row) -> dict[str, Any]:
    """Return what a mark says, without how it came into the log."""
    return {key: value for key, value in row.body.items() if key not in ("redo", MADE)}
