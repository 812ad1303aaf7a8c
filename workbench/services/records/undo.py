"""Take edits, judgements, thresholds and marks back: an undo is one more row of the log, and can be taken back too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from workbench.fingerprint import digest
from workbench.services.duplicates.verdicts import OPEN, SETTING, set_threshold
from workbench.services.records.marks import MARKS
from workbench.store.catalogue import Entry, Row
from workbench.store.edits import body_of
from workbench.store.state import State
from workbench.store.store import Store

Place = tuple[str, ...]
"""What a row changes: a record and one of its fields, a judged pair, a setting, or a mark."""


def undo(store: Store, name: str, count: int = 1) -> list[dict[str, Any]]:
    """Take back the newest actions that were not taken back yet, and return what each place holds now.

    An action is one edit, judgement, threshold or mark, or all edits or judgements that were made at once. What is
    returned has `record`, `field` and `value`; `record` is the first one of a judged pair, the corpus of a threshold,
    and the subject of a mark.
    """
    corpus = store.corpus(name)
    undone: list[dict[str, Any]] = []
    thresholds: list[float] = []

    def entries(state: State) -> list[Entry]:
        standing = _standing(state, beside(store, name))
        actions = _actions(state, standing, corpus.duplicates.threshold)
        rows = [row for action in reversed(actions[-count:]) for row in reversed(action)] if count else []
        made = _edits(state, [row for row in rows if row.kind == "edit"])
        made |= {row.seq: _taken_back(state, row, standing) for row in rows if row.kind == "judgement"}
        made |= {row.seq: (row.kind, name, row.subject, {"undo": True}) for row in rows if row.kind in MARKS}
        thresholds[:] = [row.body["before"] for row in rows if row.kind == SETTING]
        undone[:] = [_told(state, row, standing) for row in rows]
        return [made[row.seq] for row in rows if row.seq in made]  # a redo repeats the last of them first

    store.change(corpus, entries, lambda: store.desk(corpus))
    for threshold in thresholds:
        set_threshold(store, name, threshold, taken_back=True)
    return undone


def beside(store: Store, name: str) -> list[Row]:
    """Return the rows that can be taken back and change no record: settings and marks."""
    return store.catalogue.rows(name, kinds=(SETTING, *MARKS))


def _edits(state: State, rows: list[Row]) -> dict[int, Entry]:
    """Return the edits that give back what some edits, newest first, replaced, by the log row of these."""
    steps = [(row, state.today(row.subject), row.body["field"], state.replayed.applied[row.seq]) for row in rows]
    present = {row["id"]: row for row in state.present({record for _, record, _, _ in steps})}
    out: dict[int, Entry] = {}
    for row, record, field, value in steps:
        found = present[record][field]
        if digest(found) != digest(value):
            body = body_of(field, found, value, f"undo of log row {row.seq}") | {"undo": True}
            out[row.seq] = ("edit", row.corpus, record, body)
        present[record][field] = value
    return out


def _taken_back(state: State, row: Row, standing: dict[Place, list[Row]]) -> Entry:
    """Return the judgement that puts what was judged before, or nothing, in place of one."""
    before = standing[place_of(state, row)]
    before.remove(row)
    held = before[-1].body if before else row.body | {"verdict": OPEN}
    body = {"pair": held["pair"], "verdict": held["verdict"], "undo": True}
    return ("judgement", row.corpus, row.subject, body)


def _told(state: State, row: Row, standing: dict[Place, list[Row]]) -> dict[str, Any]:
    if row.kind == SETTING:
        return {"record": row.corpus, "field": row.subject, "value": row.body["before"]}
    if row.kind in MARKS:
        return {"record": row.subject, "field": row.kind, "value": None}
    if row.kind == "judgement":
        before = standing[place_of(state, row)]
        one, other = row.body["pair"]
        verdict = before[-1].body["verdict"] if before else OPEN
        return {"record": one, "field": f"verdict with {other[:12]}", "value": verdict}
    value = state.replayed.applied[row.seq]
    return {"record": row.subject, "field": row.body["field"], "value": value}


def _actions(state: State, standing: dict[Place, list[Row]], threshold: float) -> list[list[Row]]:
    """Return the rows in force by what was done at once, oldest first."""
    rows = sorted((row for left in standing.values() for row in left), key=lambda row: row.seq)
    set_here = _set_here((row for row in reversed(rows) if row.kind == SETTING), threshold)
    applied = state.replayed.applied
    changed = {row.seq for row in rows if row.kind == "edit" and _changes_anything(row, applied)}
    in_force = (row for row in rows if row.kind in ("judgement", *MARKS) or row.seq in changed or row.seq in set_here)
    return [list(action) for _, action in groupby(in_force, key=lambda row: row.body.get("action", row.seq))]


def _changes_anything(row: Row, applied: Mapping[int, Any]) -> bool:
    """Say whether an edit is in force and put another value in place: one that settles a conflict may keep it."""
    return row.seq in applied and digest(applied[row.seq]) != digest(row.body["value"])


def _set_here(newest_first: Iterable[Row], threshold: float) -> set[int]:
    """Return the rows that led to the threshold of corpus.yaml; what somebody wrote there by hand is left alone."""
    led: set[int] = set()
    for row in newest_first:
        if row.body["value"] != threshold:
            break
        led.add(row.seq)
        threshold = row.body["before"]
    return led


def _standing(state: State, others: Iterable[Row]) -> dict[Place, list[Row]]:
    """Return the rows that nobody took back, by place, oldest first: each undo closes the newest one of its place.

    Row numbers are not looked at: they differ in a store that was built from saved files.
    """
    standing: dict[Place, list[Row]] = defaultdict(list)
    for row in [*state.of("edit"), *state.of("judgement"), *others]:
        before = standing[place_of(state, row)]
        if not row.body.get("undo"):
            before.append(row)
        elif before:
            before.pop()
    return standing


def place_of(state: State, row: Row) -> Place:
    """Return the record that an edit changes now, and the field."""
    if row.kind == SETTING:
        return (row.subject,)
    if row.kind in MARKS:
        return ("marked", row.kind, row.subject)
    if row.kind == "judgement":
        return ("judged", *sorted(state.today(record) for record in row.body["pair"]))
    return state.today(row.subject), row.body["field"]
