"""Follow one thing both ways: a record, a raw file or a run, from its bytes to the runs that saw it and back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import polars as pl

from workbench.curation.split import SPLITS, by_side
from workbench.errors import UsageError
from workbench.fingerprint import digest_file
from workbench.services import lineage
from workbench.services.training import exposure
from workbench.services.training.train import found as found_run
from workbench.services.training.train import runs
from workbench.store.catalogue import Row
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import Version, versions
from workbench.training.runs import RunFolder

LISTED = 1000
"""Records of a file or a run that are listed; the totals are true."""
_HEX = re.compile("[0-9a-f]{4,64}")
_HELD = ("read", "kept", "merged", "quarantined")
_Delivered = tuple[str, Row]
"""A corpus and the log row of a delivery."""


def trace(store: Store, reference: str, corpus: str | None = None) -> dict[str, Any]:
    """Return where a thing comes from and where it went: `kind` is record, file or run.

    `reference` is the name of a run, the path, source name or digest of a raw file, or the prefix of a record's id.
    """
    corpora = [corpus] if corpus else store.corpora()
    names = {run.name: run for run in runs(store.workspace)}
    if reference in names:
        return _run(store, names[reference])
    delivered = _deliveries(store, corpora, reference)
    records = _records(store, corpora, reference) if _HEX.fullmatch(reference) else []
    if len(records) + bool(delivered) > 1:
        meant = [f"record {record} of {name}" for name, record in records[:3]] + ["a raw file"] * bool(delivered)
        raise UsageError(f"{reference!r} means several things", f"for example {', '.join(meant)}: give more of it")
    if records:
        return _record(store, *records[0])
    if delivered:
        return _file(store, delivered)
    if any(name.startswith(reference) for name in names):
        return _run(store, found_run(store.workspace, reference))
    raise UsageError(f"nothing here is called {reference!r}", "give a record's id, a raw file, or the name of a run")


def _records(store: Store, corpora: Iterable[str], prefix: str) -> list[tuple[str, str]]:
    """Return (corpus, record) of every record ever kept whose id starts so."""
    out = []
    for corpus in corpora:
        index = store.state(store.corpus(corpus)).index
        ids = index.filter(pl.col("id").str.starts_with(prefix))["id"].unique().sort()
        out += [(corpus, record) for record in ids]
    return out


def _deliveries(store: Store, corpora: Iterable[str], reference: str) -> list[_Delivered]:
    """Return the deliveries of a raw file: of its bytes, its digest, its path or the source it feeds."""
    path = Path(reference)
    digest = digest_file(path) if _is(Path.is_file, path) else None
    rows = [(name, row) for name in corpora for row in store.catalogue.rows(name, kinds=("delivery",))]
    whole = [(name, row) for name, row in rows if "purged" not in row.body]
    if digest:
        return [(name, row) for name, row in whole if digest in row.body["raw"]]
    declared = store.workspace.relative(path) if _is(Path.is_dir, path) else None
    return [(name, row) for name, row in whole if _is_meant(row, reference, declared)]


def _is(kind: Callable[[Path], bool], path: Path) -> bool:
    """Return whether a path is of a kind; what no file system can name, such as a name too long, is of none."""
    try:
        return kind(path)
    except OSError:
        return False


def _is_meant(row: Row, reference: str, declared: str | None) -> bool:
    if row.subject == reference or (declared and row.body["declared"].get("path") == declared):
        return True
    digests = (row.body["digest"], *row.body["raw"])
    return bool(_HEX.fullmatch(reference)) and any(digest.startswith(reference) for digest in digests)


def _record(store: Store, corpus: str, record: str) -> dict[str, Any]:
    """Return a record's way, also of one that was dropped or has vanished."""
    state = store.state(store.corpus(corpus))
    line = state.line(record)
    source = state.index.filter(pl.col("id") == record)["source"][0]
    held = _held(store, corpus, source, record)
    stands = lineage.standing_in(store, corpus, line)
    edits = [
        {"seq": row.seq, "at": row.at, "who": row.who, "record": row.subject, **row.body}
        for row in state.of("edit")
        if row.subject in line
    ]
    return {
        "kind": "record",
        "corpus": corpus,
        "record": record,
        "state": _state_of(state, record),
        "heir": heir if (heir := state.today(record)) != record else None,
        "stands_for": sorted(line - {record}),
        "source": source,
        "deliveries": [_told(row) | place for row, place in held],
        "raw": lineage.bytes_of(store, held[-1][0], held[-1][1]["start"], held[-1][1]["end"]) if held else None,
        "readmitted": [
            {"seq": row.seq, "at": row.at, "who": row.who, "record": row.subject}
            for row in state.of("readmission")
            if row.subject in line
        ],
        "edits": edits,
        "versions": stands,
        "runs": _runs_of(store, stands),
        "published": lineage.published(store, corpus, (place["version"] for place in stands)),
    }


def _held(store: Store, corpus: str, source: str, record: str) -> list[tuple[Row, dict[str, Any]]]:
    """Return the deliveries that held a record, oldest first, each with its place there."""
    rows = [row for row in store.catalogue.rows(corpus, kinds=("delivery",)) if row.subject == source]
    places = ((row, lineage.place_of(store, corpus, row, record)) for row in rows if "purged" not in row.body)
    return [(row, place) for row, place in places if place is not None]


def _told(row: Row) -> dict[str, Any]:
    origin = row.body.get("declared", {}).get("origin")  # rows of older workbenches do not know where from
    told = {"seq": row.seq, "at": row.at, "digest": row.body["digest"], "reader": row.body["reader"]}
    return told | ({"origin": origin} if origin else {})


def _state_of(state: State, record: str) -> str:
    if not state.current.filter(pl.col("id") == record).height:
        return "vanished"
    return "dropped" if record in set(state.dropped["id"]) else "current"


def _runs_of(store: Store, stands: list[dict[str, Any]]) -> list[dict[str, Any]]:
    split = {place["version"]: place["split"] for place in stands}
    found = {run.name: run for run in runs(store.workspace)}
    records = {place["version"]: place["record"] for place in stands}
    return [
        {
            **{"run": use.run, "version": use.version, "status": use.status},
            "saw": lineage.saw(use, split[use.version]),
            "exposure": exposure.seen(found[use.run], records[use.version]) if use.run in found else None,
        }
        for use in lineage.uses(store, split)
    ]


def _file(store: Store, delivered: list[_Delivered]) -> dict[str, Any]:
    """Return what became of a raw file: deliveries, records, versions, runs and pushes."""
    seen = [_delivery(store, corpus, row) for corpus, row in delivered]
    ids = sorted({record for _, records, _ in seen for record in records})
    places = [place for _, _, held in seen for place in held]
    of = {place["version"] for place in places}
    return {
        "kind": "file",
        "digests": sorted({row.body["digest"] for _, row in delivered}),
        "deliveries": [told for told, _, _ in seen],
        "records": {"total": len(ids), "ids": ids[:LISTED]},
        "versions": places,
        "runs": [{"run": use.run, "version": use.version, "status": use.status} for use in lineage.uses(store, of)],
        "published": [
            push for name in {corpus for corpus, _ in delivered} for push in lineage.published(store, name, of)
        ],
    }


def _delivery(store: Store, corpus: str, row: Row) -> tuple[dict[str, Any], list[str], list[dict[str, Any]]]:
    """Return a delivery, its records, and the versions made while it was its source's newest."""
    records = lineage.records_of(store, corpus, row)["id"]
    told = {"corpus": corpus, "source": row.subject} | _told(row) | {name: row.body[name] for name in _HELD}
    return told, records.to_list(), [_holds(store, version, records) for version in lineage.holding(store, corpus, row)]


def _holds(store: Store, version: Version, records: pl.Series) -> dict[str, Any]:
    assignment = store.objects.table(version.assignment, ["id", "split"])
    held = assignment.filter(pl.col("id").is_in(records.to_list()))["split"].drop_nulls()
    named = {"corpus": version.corpus, "name": version.name, "version": version.id}
    return named | {"splits": by_side(Counter(held))}


def _run(store: Store, run: RunFolder) -> dict[str, Any]:
    """Return a run's version and its records, each with its split and, where scored, its score."""
    use = lineage.use_of(run)
    if use is None:
        raise UsageError(f"the run {run.name!r} cannot be read", "its folder is damaged: see workbench runs")
    known = {version.id: version for version in versions(store.catalogue, use.corpus)}
    version = known.get(use.version)
    out = {"kind": "run", "run": run.name, "corpus": use.corpus, "version": use.version, "status": use.status}
    if version is None:
        return out | {"name": None, "records": None, "reason": "its version is not in this workspace"}
    assignment = store.objects.table(version.assignment, ["id", "split"])
    seen = assignment.filter(pl.col("split").is_in(SPLITS)).sort("split", "id")
    scores = _scores(run, use)
    first = sorted(seen.iter_rows(), key=lambda row: row[0] not in scores)[:LISTED]
    return out | {
        "name": version.name,
        "splits": by_side(Counter(seen["split"])),
        "scored": sorted(use.scored),
        "exposure": exposure.totals(run),
        "records": {
            "total": seen.height,
            "rows": [{"record": r, "split": s, "scores": scores.get(r)} for r, s in first],
        },
    }


def _scores(run: RunFolder, use: lineage.Use) -> dict[str, dict[str, Any]]:
    """Return {record: {base or tuned: {nll, tokens, bytes, prediction}}} of all that was scored."""
    out: dict[str, dict[str, Any]] = {}
    for split in sorted(use.scored):
        table = pl.read_parquet(run.evaluation / f"scores-{split}.parquet")
        for row in table.iter_rows(named=True):
            kept = {name: row[name] for name in ("nll", "tokens", "bytes", "prediction")}
            out.setdefault(row["record"], {})[row["model"]] = kept
    return out
