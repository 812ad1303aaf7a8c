"""Find, show, edit and drop records; every change is a row of the log and can be undone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from workbench.corpus import Corpus
from workbench.curation.validate import record_issues
from workbench.errors import UsageError, unknown
from workbench.fingerprint import digest
from workbench.schema import Schema
from workbench.services.checking.check import check
from workbench.services.intake.rows import fields_of
from workbench.store.catalogue import Entry
from workbench.store.edits import WHOLE, as_one, body_of
from workbench.store.state import State
from workbench.store.store import Store

Values = Mapping[str, Mapping[str, Any]]
"""Record to the values of some of its fields."""
COMPARED = 20_000
"""In a corpus of more records, one that is shown alone is not compared with all others for its issues."""


_KINDS = {
    "str": "a text",
    "json": "JSON, written as a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list[str]": 'a list of texts, written as JSON: ["one", "two"]',
    "list[int]": "a list of whole numbers, written as JSON: [0, 2]",
    "messages": 'a list of turns, written as JSON: [{"role": "user", "content": "..."}]',
    "messages+extra": 'a list of turns, written as JSON: [{"role": "user", "content": "...", "extra": null}]',
}
"""What a field holds, in words, by the kind that a mapping knows it as."""


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
    ids = state.found(prefix)
    if len(ids) == 1:
        return ids[0]
    if not ids:
        raise UsageError(f"no record starts with {prefix!r}", "ids are listed by: workbench check, workbench show")
    raise UsageError(f"{len(ids):,} records start with {prefix!r}", f"for example {ids[0]} and {ids[1]}")


def show_record(store: Store, name: str, prefix: str) -> Shown:
    """Return one record as it stands now."""
    corpus = store.corpus(name)
    state = store.desk(corpus, [prefix])
    record = find(state, prefix)
    row = state.present([record])[0]
    return Shown(
        record=record,
        fields={column: row[column] for column in state.schema.columns},
        extra=json.loads(row["extra"]),
        source=row["source"],
        digest=state.deliveries[row["source"]].body["digest"],
        position=row["position"],
        span=(row["start"], row["end"]),
        dropped=row[WHOLE],
        issues=_issues_of(store, corpus, state, record),
        edits=[_edit_shown(r) for r in state.of("edit") if state.today(r.subject) == record],
    )


def _issues_of(store: Store, corpus: Corpus, state: State, record: str) -> list[dict[str, Any]]:
    if state.delivered.height <= COMPARED:
        found = check(store, corpus.name)[1]
    else:
        found = record_issues(state.edited(state.rows_of([record])), state.schema)
    return found.filter(pl.col("record") == record).to_dicts()


def broken_rules(store: Store, name: str, prefix: str) -> list[dict[str, Any]]:
    """Return the issues that one record has by itself as it stands now, errors first."""
    state = store.desk(store.corpus(name), [prefix])
    found = record_issues(state.edited(state.rows_of([find(state, prefix)])), state.schema)
    return found.sort(pl.col("severity") != "error", maintain_order=True).to_dicts()


def _edit_shown(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a log row
    return {"seq": row.seq, "at": row.at, "who": row.who, **row.body}


def edit(
    store: Store,
    name: str,
    prefix: str,
    values: dict[str, Any],
    *,
    reason: str = "",
    seen: Mapping[str, Any] | None = None,
) -> int:
    """Set fields of a record and return the number of edits made; an unchanged value makes none.

    `seen` holds the fields as the person saw them: where one of those to be set is another by now, nothing is set.
    """
    corpus = store.corpus(name)
    schema = store.schema(corpus)
    _check_reason(reason)
    for field, value in values.items():
        check_fits(schema, field, value)

    def entries(state: State) -> list[Entry]:
        record = find(state, prefix)
        refuse_stale(state, {record: values}, {record: seen or {}})
        return edits_for(state, corpus.name, {record: values}, reason)

    return len(store.change(corpus, entries, lambda: store.desk(corpus, [prefix])))


def refuse_stale(state: State, wanted: Values, seen: Values) -> None:
    """Refuse to set fields that hold another value by now than was seen; what nobody saw is not looked at."""
    looked_at = {record for record in wanted.keys() & seen.keys() if seen[record]}
    for row in state.present(looked_at) if looked_at else []:
        record = row["id"]
        for field in wanted[record].keys() & seen[record].keys():
            if digest(row[field]) != digest(seen[record][field]):
                raise UsageError(
                    f"{field!r} of record {record[:12]} was changed meanwhile by somebody else",
                    "keep a copy of what you wrote, look at the record again, and edit it as it is now",
                )


def _check_reason(reason: str) -> None:
    try:
        digest(reason)
    except TypeError as error:
        raise UsageError(f"the reason {reason!r} is not Unicode text", "write it in UTF-8") from error


def check_fits(schema: Schema, field: str, value: Any) -> None:  # noqa: ANN401 - a JSON value
    """Refuse a value that is not of its field's type, or a field the schema does not have."""
    if field not in schema.columns:
        raise unknown("field", field, schema.columns)
    held = _KINDS[fields_of(schema)[field].kind]
    if schema.declared.choices and field == schema.declared.choices.key:
        held = "the letter of the right option, or its number counted from 0: A is 0"
    refused = UsageError(
        f"{json.dumps(value, ensure_ascii=False, default=str)} does not fit the field {field!r}", f"it holds {held}"
    )
    try:
        taken = pl.Series([value], dtype=schema.types[field], strict=True).to_list()
        digest(value)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise refused from error
    # polars would quietly make a list of a text's letters or of a dictionary's keys.
    if taken != [value] or (isinstance(value, bool) and schema.types[field] != pl.Boolean):
        raise refused


def edits_for(state: State, corpus: str, changes: dict[str, dict[str, Any]], reason: str) -> list[Entry]:
    """Return the log entries that give records new values, as one action; WHOLE drops or restores a record."""
    return as_one(
        [
            ("edit", corpus, row["id"], body_of(field, row[field], value, reason))
            for row in state.present(changes)
            for field, value in changes[row["id"]].items()
            if digest(row[field]) != digest(value)
        ]
    )


def drop(store: Store, name: str, prefixes: Iterable[str], *, reason: str = "", back: bool = False) -> int:
    """Drop records, or bring dropped ones back; nothing is deleted."""
    corpus, wanted = store.corpus(name), list(prefixes)
    _check_reason(reason)

    def entries(state: State) -> list[Entry]:
        return edits_for(state, corpus.name, {find(state, p): {WHOLE: not back} for p in wanted}, reason)

    return len(store.change(corpus, entries, lambda: store.desk(corpus, wanted)))
