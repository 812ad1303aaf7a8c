"""One record of an opened corpus, whole: its fields, what is wrong with it, where it stands, its length in tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from workbench.curation.validate import record_issues
from workbench.services import lineage
from workbench.services.looking.contents import Contents
from workbench.services.looking.selection import among
from workbench.services.looking.sides import reason_in
from workbench.services.records.editing import Shown, check_fits
from workbench.services.training.train import runs
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import versions


@dataclass(frozen=True)
class Tokens:
    """How a run saw a record."""

    run: str
    count: int
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Detail:
    """A record as its pane shows it."""

    row: int
    shown: Shown
    standing: str
    """Where it stands in the newest version, and whose duplicate it is, in words."""
    tokens: Tokens | None


def detail(store: Store, contents: Contents, row: int) -> Detail:
    """Return the record of a row."""
    shown = shown_at(contents, row)
    return Detail(row, shown, _standing(store, contents, shown.record), _tokens(store, contents, shown))


def shown_at(contents: Contents, row: int) -> Shown:
    """Return a record's fields, lineage, issues and edits."""
    opened = contents.opened
    state = opened.state
    values = opened.pages.page(np.array([row])).row(0, named=True)
    record = values["id"]
    return Shown(
        record=record,
        fields={name: values[name] for name in opened.schema.columns},
        extra=json.loads(values["extra"]),
        source=values["source"],
        digest=state.deliveries[values["source"]].body["digest"],
        position=values["position"],
        span=(values["start"], values["end"]),
        dropped=bool(among(np.array([row]), opened.dropped)[0]),
        issues=contents.issues.at(row) if contents.issues else [],
        edits=_edits(state, record),
    )


def _edits(state: State, record: str) -> list[dict[str, Any]]:
    lines = state.line(record)
    rows = (row for row in state.of("edit") if row.subject in lines and state.today(row.subject) == record)
    return [{"seq": row.seq, "at": row.at, "who": row.who, **row.body} for row in rows]


def _standing(store: Store, contents: Contents, record: str) -> str:
    version, split, reason = contents.opened.version, "", ""
    if version is not None:
        split, reason = reason_in(store, version, record)
        split = f"{version.name} {split}" if split else ""
    twin = _twin(contents, record)
    return "; ".join(part for part in (split, reason, twin if twin not in reason else "") if part)


def _twin(contents: Contents, record: str) -> str:
    if contents.removed is None or contents.removed.pairs is None:
        return ""
    rows = contents.removed.pairs.filter(pl.col("id") == record).select("kept", "jaccard").iter_rows()
    return "".join(f"duplicate of {kept} (Jaccard {jaccard:.2f})" for kept, jaccard in rows)


def _tokens(store: Store, contents: Contents, shown: Shown) -> Tokens | None:
    """Return how the newest run saw the record, if it did and the record was not edited since."""
    named = {version.id: version.upto for version in versions(store.catalogue, contents.opened.corpus)}
    last = max((edit["seq"] for edit in shown.edits), default=0)
    for run in reversed(runs(store.workspace)):
        use = lineage.use_of(run)
        if use is None or named.get(use.version, -1) < last or not run.xray.is_file():
            continue
        wanted = pl.scan_parquet(run.xray).filter(pl.col("record") == shown.record).select("tokens", "flags")
        for count, flags in wanted.collect().iter_rows():
            return Tokens(run.name, count, tuple(flags or ()))
    return None


def raw_of(store: Store, contents: Contents, row: int) -> dict[str, Any]:
    """Return the raw bytes of a record, as `lineage.bytes_of` does, with the `delivery` they came with."""
    opened = contents.opened
    source, start, end = opened.delivered.select("source", "start", "end").row(row)
    delivery = opened.state.deliveries[source]
    return lineage.bytes_of(store, delivery, start, end) | {"delivery": delivery}


def faults_of(contents: Contents, row: int, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what would be wrong with a record by itself with these values; a UsageError names one that misfits."""
    opened = contents.opened
    for field, value in values.items():
        check_fits(opened.schema, field, value)
    frame = opened.pages.page(np.array([row]))
    columns = [pl.Series(name, [value], dtype=frame.schema[name]) for name, value in values.items()]
    return record_issues(frame.with_columns(columns), opened.schema).to_dicts()
