"""Repeat what an undo took back: by further rows of the log, so that it can be taken back once more."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import Any

from workbench.fingerprint import digest
from workbench.services.duplicates.verdicts import SETTING, set_threshold
from workbench.services.records.marks import MARKS, said
from workbench.services.records.undo import Place, beside, place_of
from workbench.store.catalogue import Entry, Row
from workbench.store.edits import as_one, body_of
from workbench.store.state import State
from workbench.store.store import Store


def redo(store: Store, name: str, count: int = 1) -> list[dict[str, Any]]:
    """Repeat the actions that were taken back last, and return what each place holds now, as `undo` does.

    Nothing is left to repeat once anything else was changed: what was taken back may not fit any more.
    """
    redone: list[dict[str, Any]] = []
    for _ in range(count):
        redone += _repeated(store, name)
    return redone


def _repeated(store: Store, name: str) -> list[dict[str, Any]]:
    corpus = store.corpus(name)
    rows: list[Row] = []

    def entries(state: State) -> list[Entry]:
        rows[:] = (taken_back(state, beside(store, name)) or [[]])[-1]
        edits = [row for row in rows if row.kind == "edit"]
        present = {row["id"]: row for row in state.present({state.today(row.subject) for row in edits})}
        judged = [("judgement", name, row.subject, _judged(row)) for row in rows if row.kind == "judgement"]
        marked = [(row.kind, name, row.subject, said(row) | {"redo": True}) for row in rows if row.kind in MARKS]
        return as_one([*marked, *(_edited(row, present[state.today(row.subject)]) for row in edits), *judged])

    store.change(corpus, entries, lambda: store.desk(corpus))
    for row in rows:
        if row.kind == SETTING:
            set_threshold(store, name, row.body["value"], redone=True)
    return [_told(row) for row in rows]


def _edited(row: Row, present: dict[str, Any]) -> Entry:
    field, value = row.body["field"], row.body["value"]
    body = body_of(field, present[field], value, f"redo of log row {row.seq}") | {"redo": True}
    return "edit", row.corpus, str(present["id"]), body


def _judged(row: Row) -> dict[str, Any]:
    return {"pair": row.body["pair"], "verdict": row.body["verdict"], "redo": True}


def _told(row: Row) -> dict[str, Any]:
    if row.kind == SETTING:
        return {"record": row.corpus, "field": row.subject, "value": row.body["value"]}
    if row.kind in MARKS:
        return {"record": row.subject, "field": row.kind, "value": _said_of(row)}
    if row.kind == "judgement":
        one, other = row.body["pair"]
        return {"record": one, "field": f"verdict with {other[:12]}", "value": row.body["verdict"]}
    return {"record": row.subject, "field": row.body["field"], "value": row.body["value"]}


def taken_back(state: State, others: list[Row]) -> list[list[Row]]:
    """Return the actions that an undo took back and that can be repeated, the one taken back last at the end."""
    standing: dict[Place, list[Row]] = defaultdict(list)
    gone: list[Row] = []
    for row in sorted([*state.of("edit"), *state.of("judgement"), *others], key=lambda row: row.seq):
        made = standing[place_of(state, row)]
        if row.body.get("undo"):
            gone += [made.pop()] if made else []
            continue
        again = _again(state, gone, row) if row.body.get("redo") else None
        gone = [one for one in gone if again is not None and one is not again]
        made.append(row)
    here = (row for row in gone if row.kind != "edit" or state.found(state.today(row.subject)))
    together = groupby(here, key=lambda row: row.body.get("action", row.seq))
    return [list(rows)[::-1] for _, rows in together]


def _again(state: State, gone: list[Row], row: Row) -> Row | None:
    """Return the row that a redo repeats."""
    place, said = place_of(state, row), _said(row)
    return next((one for one in reversed(gone) if place_of(state, one) == place and _said(one) == said), None)


def _said(row: Row) -> str:
    if row.kind in MARKS:
        return digest(said(row))
    return digest(row.body["verdict"] if row.kind == "judgement" else row.body["value"])


def _said_of(row: Row) -> str:
    return str(row.body.get("better") or row.body.get("verdict", ""))
