"""The links of a record's way that the store knows: deliveries, versions, runs and what left for the Hub."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from workbench.curation.split import SPLITS
from workbench.errors import WorkbenchError
from workbench.services.training.train import runs
from workbench.store.catalogue import Row
from workbench.store.state import State, state
from workbench.store.store import Store
from workbench.store.versions import Version, versions
from workbench.training.runs import RunFolder

UNSPANNED = frozenset({"parquet_file", "arrow_folder"})
"""Readers of formats whose rows have no bytes of their own."""
RAW_SHOWN = 4096
"""Bytes of a record's raw unit that are shown."""


@dataclass(frozen=True)
class Use:
    """A run and the version it trains."""

    run: str
    corpus: str
    version: str
    status: str
    scored: frozenset[str]
    """Splits that were scored record by record."""


def state_at(store: Store, corpus: str, seq: int) -> State:
    """Return a corpus as it stood just behind one row of the log."""
    return state(store.catalogue, store.objects, store.schema(store.corpus(corpus)), corpus, upto=seq)


def records_of(store: Store, corpus: str, delivery: Row) -> pl.DataFrame:
    """Return the records of a delivery with their places, those included that were re-admitted of its torn rows.

    They are told by the last row of the log before the next delivery of its source.
    """
    later = _successor(store, corpus, delivery)
    last = store.catalogue.last() if later is None else later - 1
    return state_at(store, corpus, last).current.filter(pl.col("source") == delivery.subject)


def place_of(store: Store, corpus: str, delivery: Row, record: str) -> dict[str, Any] | None:
    """Return where a delivery holds a record: {position, start, end, row_digest}, None where it does not."""
    row = records_of(store, corpus, delivery).filter(pl.col("id") == record)
    return row.select("position", "start", "end", "row_digest").to_dicts()[0] if row.height else None


def bytes_of(store: Store, delivery: Row, start: int, end: int) -> dict[str, Any]:
    """Return {text, bytes, shown} of a unit of a raw file, cut at RAW_SHOWN, or {text: None, reason}."""
    body = delivery.body
    if body["reader"] in UNSPANNED or len(body["raw"]) != 1:
        return {"text": None, "reason": f"a row of a {body['reader']} has no bytes of its own"}
    path = store.objects.path(f"{body['raw'][0]}.raw")
    try:
        with path.open("rb") as handle:
            handle.seek(start)
            data = handle.read(min(end - start, RAW_SHOWN))
    except OSError:
        return {"text": None, "reason": "the raw file is missing: workbench verify"}
    return {"text": data.decode(_codec(body["encoding"]), "replace"), "bytes": end - start, "shown": len(data)}


def _codec(encoding: str) -> str:
    try:
        "".encode(encoding)
    except LookupError:
        return "utf-8"
    return encoding


def standing_in(store: Store, corpus: str, records: Collection[str]) -> list[dict[str, Any]]:
    """Return [{name, version, record, split, reason}] of every version that holds one of these records."""
    out = []
    for version in versions(store.catalogue, corpus):
        assignment = store.objects.table(version.assignment, ["id", "split", "reason"])
        held = assignment.filter(pl.col("id").is_in(list(records)) & pl.col("split").is_not_null())
        named = {"name": version.name, "version": version.id}
        out += [named | {"record": r, "split": s, "reason": why} for r, s, why in held.sort("id").iter_rows()]
    return out


def uses(store: Store, of: Iterable[str]) -> list[Use]:
    """Return the runs that train one of these versions, by name; a damaged run folder hides no other."""
    wanted = set(of)
    return [use for run in runs(store.workspace) if (use := use_of(run)) is not None and use.version in wanted]


def use_of(run: RunFolder) -> Use | None:
    """Return what a run folder says of its version, None where it cannot be read."""
    try:
        facts, status = run.facts(), run.status()
    except WorkbenchError:
        return None
    scored = frozenset(split for split in SPLITS if (run.evaluation / f"scores-{split}.parquet").is_file())
    return Use(run.name, str(facts.get("corpus", "")), str(facts.get("version", "")), status, scored)


def saw(use: Use, split: str) -> str:
    """Return what a run did with a record of a split: trained, validated, tested, or not at all."""
    if split not in SPLITS:
        return "not seen"
    if split in use.scored:
        return {"train": "trained and scored", "validation": "validated and scored", "test": "tested"}[split]
    return {"train": "trained", "validation": "validated", "test": "kept for test, not scored"}[split]


def published(store: Store, corpus: str, of: Iterable[str]) -> list[dict[str, Any]]:
    """Return [{version, repo, commit, tag}] of the pushes of these versions."""
    wanted = set(of)
    rows = store.catalogue.rows(corpus, kinds=("publication",))
    return [{"at": row.at, **row.body} for row in rows if row.body.get("version") in wanted]


def holding(store: Store, corpus: str, delivery: Row) -> list[Version]:
    """Return the versions that were made while a delivery was the newest of its source."""
    later = _successor(store, corpus, delivery)
    known = versions(store.catalogue, corpus)
    return [v for v in known if delivery.seq <= v.upto and (later is None or v.upto < later)]


def _successor(store: Store, corpus: str, delivery: Row) -> int | None:
    """Return the number of the log row of the source's next delivery, None where there is none."""
    rows = store.catalogue.rows(corpus, kinds=("delivery",))
    return min((row.seq for row in rows if row.subject == delivery.subject and row.seq > delivery.seq), default=None)
