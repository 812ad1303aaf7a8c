"""Find, show, edit, fix, drop and re-admit records; every change is a row of the log and can be undone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from workbench.corpus import Corpus
from workbench.curation.validate import DROP, issues
from workbench.errors import DataError, UsageError, unknown
from workbench.fingerprint import digest, digest_bytes
from workbench.readers import mapping as maps
from workbench.readers.record import Origin
from workbench.schema import Schema
from workbench.services.intake import fields_of
from workbench.store.catalogue import Entry, Row
from workbench.store.deliveries import Arrival, Intake, take
from workbench.store.edits import WHOLE, body_of
from workbench.store.state import State
from workbench.store.store import Store

_UNDO = "undo of log row "


@dataclass(frozen=True)
class Shown:
    """One record with its lineage and what is wrong with it."""

    record: str
    fields: dict[str, Any]
    extra: dict[str, Any]
    source: str
    digest: str
    position: int
    span: tuple[int, int]
    dropped: bool
    issues: list[dict[str, Any]]
    edits: list[dict[str, Any]]


def find(state: State, prefix: str) -> str:
    """Return the record meant by an id or a unique prefix of one."""
    ids = state.delivered.filter(pl.col("id").str.starts_with(prefix))["id"].to_list() if prefix else []
    if len(ids) == 1:
        return str(ids[0])
    if not ids:
        raise UsageError(f"no record starts with {prefix!r}", "ids are listed by: workbench check, workbench show")
    raise UsageError(f"{len(ids)} records start with {prefix!r}", f"for example {ids[0]} and {ids[1]}")


def show_record(store: Store, name: str, prefix: str) -> Shown:
    """Return one record as it stands now."""
    corpus = store.corpus(name)
    state, schema = store.state(corpus), store.schema(corpus)
    record = find(state, prefix)
    frame = pl.concat([state.records.drop("edited"), state.dropped]).filter(pl.col("id") == record)
    row = frame.to_dicts()[0]
    wrong = issues(frame, schema) if not schema.declared.order else issues(state.records, schema)
    edits = [_edit_shown(r) for r in state.of("edit") if state.today(r.subject) == record]
    return Shown(
        record=record,
        fields={column: row[column] for column in schema.columns},
        extra=json.loads(row["extra"]),
        source=row["source"],
        digest=state.deliveries[row["source"]].body["digest"],
        position=row["position"],
        span=(row["start"], row["end"]),
        dropped=record in set(state.dropped["id"]),
        issues=wrong.filter(pl.col("record") == record).to_dicts(),
        edits=edits,
    )


def _edit_shown(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a log row
    return {"seq": row.seq, "at": row.at, "who": row.who, **row.body}


def edit(store: Store, name: str, prefix: str, values: dict[str, Any], *, reason: str = "") -> int:
    """Set fields of a record and return the number of edits made; an unchanged value makes none."""
    corpus = store.corpus(name)
    schema = store.schema(corpus)
    for field, value in values.items():
        check_fits(schema, field, value)
    return len(store.change(corpus, lambda state: _edits(state, corpus.name, {find(state, prefix): values}, reason)))


def check_fits(schema: Schema, field: str, value: Any) -> None:  # noqa: ANN401 - a JSON value
    """Refuse a value that is not of its field's type, or a field the schema does not have."""
    if field not in schema.columns:
        raise unknown("field", field, schema.columns)
    refused = UsageError(f"{value!r} does not fit the field {field!r} ({schema.types[field]})", "give JSON")
    try:
        taken = pl.Series([value], dtype=schema.types[field], strict=True).to_list()
        digest(value)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise refused from error
    # polars would quietly make a list of a text's letters or of a dictionary's keys.
    if taken != [value] or (isinstance(value, bool) and schema.types[field] != pl.Boolean):
        raise refused


def _edits(state: State, corpus: str, changes: dict[str, dict[str, Any]], reason: str) -> list[Entry]:
    """Return the log entries that give records new values; WHOLE drops or restores one."""
    frame = pl.concat([state.records.drop("edited"), state.dropped]).filter(pl.col("id").is_in(list(changes)))
    gone = set(state.dropped["id"])
    entries: list[Entry] = []
    for row in frame.iter_rows(named=True):
        present = row | {WHOLE: row["id"] in gone}
        for field, value in changes[row["id"]].items():
            if digest(present[field]) != digest(value):
                entries.append(("edit", corpus, row["id"], body_of(field, present[field], value, reason)))
    return entries


def drop(store: Store, name: str, prefixes: Iterable[str], *, reason: str = "", back: bool = False) -> int:
    """Drop records, or bring dropped ones back; nothing is deleted."""
    corpus, wanted = store.corpus(name), list(prefixes)

    def entries(state: State) -> list[Entry]:
        return _edits(state, corpus.name, {find(state, p): {WHOLE: not back} for p in wanted}, reason)

    return len(store.change(corpus, entries))


def fixes(store: Store, name: str, rule: str) -> pl.DataFrame:
    """Return the issues of one rule that come with a suggested fix."""
    return _fixable(store.state(store.corpus(name)), rule)


def _fixable(state: State, rule: str) -> pl.DataFrame:
    found = issues(state.records, state.schema)
    if rule not in set(found["rule"]):
        raise unknown("issue", rule, set(found["rule"]))
    fixable = found.filter((pl.col("rule") == rule) & pl.col("fix").is_not_null())
    if fixable.is_empty():
        hint = found.filter(pl.col("rule") == rule)["hint"][0]
        raise DataError(f"{rule!r} comes with no suggested fix", hint)
    return fixable


def fix(store: Store, name: str, rule: str) -> int:
    """Apply the suggested fix to all records alike, in one transaction; return the number of edits made."""
    corpus = store.corpus(name)

    def entries(state: State) -> list[Entry]:
        # The suggestions are made from the very state they are applied to: nobody's edit is overwritten.
        changes: dict[str, dict[str, Any]] = {}
        for record, field, value in _fixable(state, rule).select("record", "field", "fix").iter_rows():
            changes.setdefault(record, {}).update({WHOLE: True} if value == DROP else {field: json.loads(value)})
        return _edits(state, corpus.name, changes, f"fix {rule}")

    return len(store.change(corpus, entries))


def undo(store: Store, name: str, count: int = 1) -> list[dict[str, Any]]:
    """Take back the newest edits that were not taken back yet; an undo is a further edit."""
    corpus = store.corpus(name)
    undone: list[dict[str, Any]] = []

    def entries(state: State) -> list[Entry]:
        undone.clear()
        present = state
        out: list[Entry] = []
        for row in reversed(_open(state)[-count:]):
            record, field = _place(state, row)
            before = tuple(r for r in state.rows if r.seq < row.seq or r.kind != "edit")
            value = _value(State(before, state.objects, state.schema), record, field)
            undone.append({"record": row.subject, "field": field, "value": value})
            made = _edits(present, corpus.name, {record: {field: value}}, f"{_UNDO}{row.seq}")
            present = _later(present, made)
            out += made
        return out

    store.change(corpus, entries)
    return undone


def _open(state: State) -> list[Row]:
    """Return the edits in force, oldest first: each undo closes the newest one of its record and field.

    Row numbers are not looked at: they differ in a store that was built from saved files.
    """
    out: list[Row] = []
    for row in state.of("edit"):
        if not row.body["reason"].startswith(_UNDO):
            out.append(row)
            continue
        same = (i for i in reversed(range(len(out))) if _place(state, out[i]) == _place(state, row))
        closed = next(same, None)
        if closed is not None:
            del out[closed]
    return [row for row in out if row.seq in state.replayed.applied]


def _place(state: State, row: Row) -> tuple[str, str]:
    return state.today(row.subject), row.body["field"]


def _later(state: State, entries: list[Entry]) -> State:
    """Return the state as it will be when these entries are written."""
    last = state.rows[-1].seq
    rows = [Row(last + i, "", "", *entry) for i, entry in enumerate(entries, start=1)]
    return State((*state.rows, *rows), state.objects, state.schema)


def _value(state: State, record: str, field: str) -> Any:  # noqa: ANN401 - a JSON value
    if field == WHOLE:
        return record in set(state.dropped["id"])
    frame = pl.concat([state.records.drop("edited"), state.dropped])
    return frame.filter(pl.col("id") == record)[field].to_list()[0]


def readmit(store: Store, name: str, source: str, position: int, row: dict[str, Any]) -> str:
    """Bring a quarantined unit back as the row a person made of it, and return the new record's id."""
    corpus = store.corpus(name)
    if corpus.source(source) is None:
        raise unknown("source", source, [known.name for known in corpus.sources])
    made: list[str] = []

    def entries(state: State) -> list[Entry]:
        entry = _readmission(state, corpus, (source, position), row)
        made[:] = [entry[2]]
        return [entry]

    store.change(corpus, entries)
    return made[0]


def _readmission(state: State, corpus: Corpus, place: tuple[str, int], row: dict[str, Any]) -> Entry:
    source, position = place
    rejects = state.rejects.filter((pl.col("source") == source) & (pl.col("position") == position))
    if rejects.is_empty():
        raise UsageError(f"no quarantined unit {position} in {source!r}", "list them with: workbench show --quarantine")
    unit = rejects.to_dicts()[0]
    declared = corpus.source(source)
    mapping = maps.Mapping(state.deliveries[source].body["mapping"])
    try:
        typed, extra = maps.apply(mapping, row, fields_of(state.schema))
    except maps.MappingError as error:
        raise UsageError(f"the row still does not fit: {error}", "give the raw columns as JSON") from error
    origin = Origin(unit["position"], unit["start"], unit["end"])
    key = declared.key if declared else ()
    intake = Intake([Arrival(typed, extra, row, origin)], joins=True)
    taken = take(intake, {}, key, (corpus.name, source, state))
    body = taken.entries[0][3]
    segment = state.objects.table(body["segments"][0]) if body["segments"] else None
    if segment is None:
        raise DataError("a record like this is here already", "drop the quarantined unit, or change the row")
    facts = {"source": source, "unit": digest_bytes(unit["raw"]), "segment": body["segments"][0], "rid": state.next_rid}
    return "readmission", corpus.name, segment["id"][0], facts


def conflicting(store: Store, name: str) -> list[dict[str, Any]]:
    """Return the edits that no longer fit their record, with what is there now."""
    state = store.state(store.corpus(name))
    return [
        {
            "seq": c.edit.seq,
            "record": state.today(c.edit.record),
            "field": c.edit.field,
            "wanted": c.edit.value,
            "found": c.found,
        }
        for c in state.replayed.conflicts
    ]


def history(store: Store, name: str | None, limit: int) -> list[dict[str, Any]]:
    """Return the newest rows of the log, of one corpus or of all, newest first."""
    rows = store.catalogue.rows(name)[-limit:]
    return [
        {
            "seq": r.seq,
            "at": r.at,
            "who": r.who,
            "kind": r.kind,
            "corpus": r.corpus,
            "subject": r.subject,
            "body": r.body,
        }
        for r in reversed(rows)
    ]


def listing(store: Store, name: str, *, quarantine: bool, conflicts: bool, limit: int) -> dict[str, Any]:
    """Return the first records of a corpus, its quarantined units or its conflicting edits, with the true total."""
    if conflicts:
        rows = conflicting(store, name)
        return {"what": "edits in conflict", "total": len(rows), "rows": rows[:limit]}
    state = store.state(store.corpus(name))
    if quarantine:
        found = state.rejects.head(limit).to_dicts()
        rows = [row | {"raw": bytes(row["raw"]).decode("utf-8", "replace")} for row in found]
        return {"what": "quarantined units", "total": state.rejects.height, "rows": rows}
    columns = ["id", "source", "position", *state.schema.columns]
    return {
        "what": "records",
        "total": state.records.height,
        "rows": state.records.head(limit).select(columns).to_dicts(),
    }
