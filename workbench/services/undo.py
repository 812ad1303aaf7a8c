"""Take edits back: an undo is a further edit, so it can be taken back as well."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import Any

from workbench.fingerprint import digest
from workbench.store.catalogue import Entry, Row
from workbench.store.edits import body_of
from workbench.store.state import State
from workbench.store.store import Store

_Place = tuple[str, str]
"""A record and one of its fields."""


def undo(store: Store, name: str, count: int = 1) -> list[dict[str, Any]]:
    """Take back the newest actions that were not taken back yet, and return what each place holds now.

    An action is one edit, or all edits that were made at once.
    """
    corpus = store.corpus(name)
    undone: list[dict[str, Any]] = []

    def entries(state: State) -> list[Entry]:
        rows = [row for action in reversed(_actions(state)[-count:]) for row in reversed(action)] if count else []
        steps = [(row, _place(state, row), state.replayed.applied[row.seq]) for row in rows]
        undone[:] = [{"record": row.subject, "field": field, "value": old} for row, (_, field), old in steps]
        present = {row["id"]: row for row in state.present({record for _, (record, _), _ in steps})}
        out: list[Entry] = []
        for row, (record, field), value in steps:
            found = present[record][field]
            if digest(found) != digest(value):
                body = body_of(field, found, value, f"undo of log row {row.seq}") | {"undo": True}
                out.append(("edit", corpus.name, record, body))
            present[record][field] = value
        return out

    store.change(corpus, entries, lambda: store.desk(corpus))
    return undone


def _actions(state: State) -> list[list[Row]]:
    """Return the edits in force by what was done at once, oldest first."""
    rows = groupby(_open(state), key=lambda row: row.body.get("action", row.seq))
    return [list(together) for _, together in rows]


def _open(state: State) -> list[Row]:
    """Return the edits in force, oldest first: each undo closes the newest one of its record and field.

    Row numbers are not looked at: they differ in a store that was built from saved files.
    """
    standing: dict[_Place, list[Row]] = defaultdict(list)
    for row in state.of("edit"):
        before = standing[_place(state, row)]
        if not row.body.get("undo"):
            before.append(row)
        elif before:
            before.pop()
    rows = (row for left in standing.values() for row in left if row.seq in state.replayed.applied)
    return sorted(rows, key=lambda row: row.seq)


def _place(state: State, row: Row) -> _Place:
    return state.today(row.subject), row.body["field"]
