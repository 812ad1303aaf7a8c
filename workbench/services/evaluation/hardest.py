"""The queue from a run back to the records: the hardest, the least improved, the ones learned by heart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from workbench.curation.split import SPLITS
from workbench.errors import unknown
from workbench.schema import Schema
from workbench.services.evaluation import scored
from workbench.store.store import Store
from workbench.training.runs import RunFolder


def hardest(store: Store, run: RunFolder, by: str = "loss", limit: int = 20, split: str = "train") -> dict[str, Any]:
    """Return {run, corpus, version, split, by, scored, records} with the first records of the queue.

    Each record has its id, source, losses in nats a token, prediction, reference, its fields as they were trained and
    whether it was edited or dropped since (`now`). Raises UsageError for a split without scores.
    """
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    from workbench.evaluation.hardest import hardest as ranked
    from workbench.evaluation.scores import read_scores

    table = read_scores(run.evaluation, split, run.name)
    queue = ranked(table, by, limit)
    fields = _fields(store, run, [entry.record for entry in queue])
    records = [{**vars(entry), **fields.get(entry.record, _UNKNOWN)} for entry in queue]
    facts = run.facts()
    named = {key: facts.get(key) for key in ("corpus", "version", "version_name")}
    return {"run": run.name, **named, "split": split, "by": by, "scored": len(table) // 2, "records": records}


_UNKNOWN: dict[str, Any] = {"fields": None, "now": "not in this workspace"}


def _fields(store: Store, run: RunFolder, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return {record: {fields, now}}; empty where this workspace does not hold the run's version."""
    version = scored.version_of(store, run)
    if version is None:
        return {}
    schema = store.kept_schema(version.schema_object)
    wanted = list(ids)
    then = scored.records(store, version).filter(pl.col("id").is_in(wanted))
    state = store.state(store.corpus(version.corpus))
    present = {row["id"]: row for row in state.records.filter(pl.col("id").is_in(wanted)).iter_rows(named=True)}
    return {
        row["id"]: {"fields": _filled(row, schema), "now": _now(row, present.get(row["id"]), schema)}
        for row in then.iter_rows(named=True)
    }


def _filled(row: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    return {name: row[name] for name in schema.columns if row[name] is not None}


def _now(then: Mapping[str, Any], present: Mapping[str, Any] | None, schema: Schema) -> str:
    if present is None:
        return "gone"
    same = all(present.get(name) == then[name] for name in schema.columns)
    return "as trained" if same else "edited since"
