"""Bring quarantined rows back as a person mended them."""

from __future__ import annotations

from typing import Any

import polars as pl

from workbench.corpus import Corpus
from workbench.errors import DataError, UsageError, unknown
from workbench.fingerprint import digest_bytes
from workbench.readers import mapping as maps
from workbench.readers.record import Origin
from workbench.services.duplicates.verdicts import SETTING
from workbench.services.intake.rows import fields_of
from workbench.services.records.marks import MARKS
from workbench.store.catalogue import Entry
from workbench.store.deliveries import take
from workbench.store.intake import Arrival, Intake
from workbench.store.state import State
from workbench.store.store import Store


def readmit(store: Store, name: str, source: str, position: int, row: dict[str, Any]) -> str:
    """Bring a quarantined row back as a person mended it, and return the new record's id."""
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


def passed_over(store: Store, name: str) -> str | None:
    """Return the record whose re-admission is the newest change of a corpus, if it is: an undo passes it over.

    It stays because a version may hold it and later edits may be its own; dropped, it can still come back.
    """
    rows = store.catalogue.rows(name, kinds=("edit", "judgement", SETTING, *MARKS, "readmission"))
    return rows[-1].subject if rows and rows[-1].kind == "readmission" else None


def _readmission(state: State, corpus: Corpus, place: tuple[str, int], row: dict[str, Any]) -> Entry:
    source, position = place
    rejects = state.rejects.filter((pl.col("source") == source) & (pl.col("position") == position))
    if rejects.is_empty():
        hint = f"list them with: workbench show {corpus.name} --quarantine"
        raise UsageError(f"no quarantined row {position} in {source!r}", hint)
    if not row:
        raise UsageError(f"nothing is given for row {position}", "give its columns: --set COLUMN=VALUE ...")
    unit = rejects.to_dicts()[0]
    declared = corpus.source(source)
    mapping = maps.Mapping(state.deliveries[source].body["mapping"])
    try:
        typed, extra = maps.apply(mapping, row, fields_of(state.schema))
    except maps.MappingError as error:
        raise UsageError(f"the row still does not fit: {error}", "give the raw columns as JSON") from error
    origin = Origin(unit["position"], unit["start"], unit["end"])
    key, of = declared.key if declared else (), (corpus.name, source)
    with Intake(state.schema.types, key, state.objects, of=of, joins=True) as intake:
        intake.add(Arrival(typed, extra, row, origin))
        body = take(intake, {}, state).entries[0][3]
    rid = state.objects.table(body["members"])["rid"][0]
    segment = body["segments"][0] if body["segments"] else _segment_of(state, rid)
    record = state.objects.table(segment, ["rid", "id"]).filter(rid=rid)["id"][0]
    if record in state.current["id"]:
        raise DataError("a record like this is here already", "leave it in quarantine, or give other values")
    return (
        "readmission",
        corpus.name,
        record,
        {
            "source": source,
            "unit": digest_bytes(unit["raw"]),
            "segment": segment,
            "rid": rid,
        },
    )


def _segment_of(state: State, rid: int) -> str:
    """Return the segment of a row that was here before: it comes back as itself, with its edits and its side."""
    return next(name for name in state.segments if rid in state.objects.table(name, ["rid"])["rid"])
