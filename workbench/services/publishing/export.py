"""Export a version as files: its own columns, a trainer's form of them, and a trainer's configuration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from workbench.errors import DataError
from workbench.publish.facts import CARD, CURATION, ExportFacts
from workbench.publish.formats import check_format, holds_something, write_export
from workbench.publish.forms import PAIR
from workbench.publish.pieces import Leaving
from workbench.schema import Schema
from workbench.services.progress import Report, silent
from workbench.services.publishing.departing import Departing, departing, of_frame
from workbench.services.publishing.export_facts import facts_of
from workbench.services.publishing.stubs import StubOrder, check_order, stub_for
from workbench.store.store import Store
from workbench.store.versions import Version, state_of
from workbench.text import counted
from workbench.workspace import export_name

if TYPE_CHECKING:
    from workbench.scale.engine import Engine

_LINEAGE = ("record_id", "source")
JUDGED = "answers of models that were judged side by side; the proof is of the records that were asked"


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    corpus: str
    version: str
    folder: Path
    files: tuple[str, ...]
    rows: dict[str, int]
    was_there: bool
    """Whether just this stood in the folder before."""
    note: str = ""
    """What cannot be told from these files any more."""


def export(
    store: Store,
    corpus: str,
    version_name: str,
    *,
    license: str | None = None,
    format: str = "parquet",
    folder: Path | None = None,
    force: bool = False,
    stub: StubOrder | None = None,
    facts: ExportFacts | None = None,
    engine: Engine | None = None,
    report: Report = silent,
) -> Exported:
    """Write a version into `exports/`, or another folder, whole or not at all; `force` replaces another export.

    `facts` are written to its card in place of the version's own: a push adds where it goes and what was trained on it.
    With an engine its workers read and write the records; the files are the very same.
    """
    check_format(format)  # before the records are read, which may take minutes
    if stub is not None:
        check_order(store, stub, format)
    version = store.version(corpus, version_name)
    schema = store.kept_schema(version.schema_object)
    with departing(store, version, schema, engine, report) as records:
        facts = facts or facts_of(store, version, license, records)
        leaving, said = _leaving(store, version, records, schema, format)
        if _is_judged(format, schema):
            # What is known of the records is not known of the answers: those are texts of models.
            settings = {**facts.settings, "pairs": "; ".join(filter(None, (JUDGED, said)))}
            facts = replace(facts, settings=settings, lengths=(), spoken={}, spoken_of=0)
        place = folder or store.workspace.export_folder(export_name(corpus, version.name, format))
        was_there = holds_something(place) and not force
        configured = stub_for(store, stub, format, (schema, facts)) if stub else None
        written = write_export(facts, leaving, place, format=format, force=force, schema=schema, stub=configured)
    rows = {file.split: file.rows for file in written.files} if written.left_out else dict(leaving.counts)
    files = (*written.names, CARD, CURATION)
    note = "; ".join(filter(None, (said, written.note)))
    return Exported(corpus, version.id, place, files, rows, was_there, note)


def _is_judged(format: str, schema: Schema) -> bool:
    """Return whether an export is of judged pairs, as the records themselves are none."""
    return format == "preference" and not set(PAIR) <= set(schema.columns)


def _leaving(store: Store, version: Version, records: Departing, schema: Schema, format: str) -> tuple[Leaving, str]:
    """Return the rows that leave, by split, and what must be said of them."""
    if _is_judged(format, schema):
        pairs, said = _judged(store, version, records.placed())
        return of_frame(pairs.rename({"id": "record_id"}), (*PAIR, *_LINEAGE)), said
    return records.leaving((*schema.columns, *_LINEAGE)), ""


def _judged(store: Store, version: Version, placed: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """Return the judged pairs of a version's records, each in its record's split, and how many have no place there."""
    from workbench.services.evaluation.judgements import preferences

    judged = preferences(store, version.corpus)
    if judged.is_empty():
        hint = "judge answers side by side first, or ingest pairs with --schema preference"
        raise DataError(f"corpus {version.corpus!r} holds no preference pair", hint)
    state = state_of(store.catalogue, store.objects, store.kept_schema(version.schema_object), version)
    judged = judged.with_columns(
        pl.col("record_id").map_elements(state.today, return_dtype=pl.String)  # a later delivery may have renamed it
    )
    answer = pl.struct(role=pl.lit("assistant"), content=pl.col("chosen"))
    pairs = judged.select(
        pl.col("prompt").list.concat(pl.concat_list(answer)).alias("messages"), "rejected", id="record_id"
    )
    kept = placed.join(pairs, on="id", how="inner", maintain_order="left")
    if kept.is_empty():
        what = f"none of {counted(judged.height, 'judged pair')} is of a record that stands in a split"
        raise DataError(what, "judge answers to records of this version")
    left = judged.height - kept.height
    said = f"{counted(left, 'judged pair')} left out, of prompts that stand in no split of this version" if left else ""
    return kept, said
