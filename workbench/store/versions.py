"""Immutable versions: each one row of the log, named by what it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from workbench.curation.split import by_side
from workbench.errors import DataError, UsageError
from workbench.fingerprint import canonical, digest
from workbench.schema import Schema
from workbench.store.catalogue import Catalogue, Row
from workbench.store.objects import Objects
from workbench.store.shelf import Shelf
from workbench.store.state import State, state

ASSIGNMENT = {
    "id": pl.String,
    "split": pl.String,
    "reason": pl.String,
    "prior": pl.String,
    "tested": pl.Int64,
    "texts": pl.String,
}
"""Where each current record stands: train, validation, test, excluded or removed, why, and where it once stood.

`tested` is the number of the version whose test it first stood in, which keeps it out of training for good; `texts`
holds the keys of the texts it was tested with, joined by blanks, which keep every other record of such a text out as
well. An absent record that once stood somewhere has a row without split.
"""
_AT_ONCE = 16_384
"""Records whose lines are in memory together."""
SHORT = 12
"""Characters of a version id that are shown."""


@dataclass(frozen=True)
class Version:
    """A version as its log row tells it."""

    id: str
    number: int
    corpus: str
    parent: str | None
    upto: int
    """The last log row that this version sees."""
    assignment: str
    """Object that holds where each record stands."""
    settings: dict[str, Any]
    schema: str
    schema_object: str
    """Object that holds the schema file, so that a version can be read after the file has changed."""
    counts: dict[str, int]
    proof: dict[str, Any]
    note: str
    at: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    """How the split came out: wanted and got, strata, largest group, excluded by reason, texts; not part of the id."""
    difference: str | None = None
    """Object that holds what differs from the parent; None for a first version, and for those of older stores."""

    @property
    def name(self) -> str:
        """Return the short name people use: v1, v2, ..."""
        return f"v{self.number}"

    def body(self) -> dict[str, Any]:
        """Return the log body; what the log row itself says is left out."""
        left_out = ("id", "corpus", "at")
        return {key: value for key, value in self.__dict__.items() if key not in left_out}


def version_of(row: Row) -> Version:
    """Return the version that a log row holds."""
    body = row.body | {"counts": by_side(row.body["counts"])}  # the log sorts its keys
    return Version(id=row.subject, corpus=row.corpus, at=row.at, **body)


def versions(catalogue: Catalogue, corpus: str) -> list[Version]:
    """Return the versions of a corpus, oldest first."""
    return [version_of(row) for row in catalogue.rows(corpus, kinds=("version",))]


def resolve(catalogue: Catalogue, corpus: str, name: str) -> Version:
    """Return the version meant by `latest`, `v3`, a tag or a unique prefix of an id."""
    known = versions(catalogue, corpus)
    if not known:
        first = "" if catalogue.rows(corpus, kinds=("delivery",)) else f"workbench ingest {corpus}, then: "
        raise DataError(f"corpus {corpus!r} has no version yet", f"run: {first}workbench split {corpus} --seed 42")
    if name in ("latest", ""):
        return known[-1]
    tags = tags_of(catalogue, corpus)
    hits = [v for v in known if v.name == name or v.id == tags.get(name) or (len(name) >= 4 and v.id.startswith(name))]
    if len({v.id for v in hits}) != 1:
        listed = ", ".join(f"{v.name} ({v.id[:SHORT]})" for v in hits or known)
        what = f"several versions of {corpus!r} match" if hits else f"no version of {corpus!r} matches"
        raise UsageError(f"{what} {name!r}", f"{'they are' if hits else 'known'}: {listed}")
    return hits[-1]


def tags_of(catalogue: Catalogue, corpus: str) -> dict[str, str]:
    """Return the version id that each tag names now; a tag may have moved."""
    return {row.subject: row.body["version"] for row in catalogue.rows(corpus, kinds=("ref",))}


def content_digest(records: pl.DataFrame, assignment: pl.DataFrame, schema: Schema) -> str:
    """Return the logical digest over (record id, canonical row, split) in id order.

    It depends on neither writer, engine nor machine: Parquet bytes only name objects.
    """
    hashed = hashlib.sha256()
    order = records.select("id").with_row_index("row").join(assignment.select("id", "split"), on="id").sort("id")
    for first in range(0, order.height, _AT_ONCE):
        some = order.slice(first, _AT_ONCE)
        hashed.update(b"".join(content_lines(records[some["row"]].with_columns(some["split"]), schema)))
    return hashed.hexdigest()


def content_lines(placed: pl.DataFrame, schema: Schema) -> list[bytes]:
    """Return what the content digest is of: a line for each record of a frame (`id`, `split`, the schema's columns)."""
    rows = placed.select("id", "split", *schema.columns).iter_rows(named=True)
    parted = ((row.pop("id"), row.pop("split"), row) for row in rows)
    # The order within a line is part of every version's id that was ever given.
    return [canonical([record, row, split]) + b"\n" for record, split, row in parted]


def version_id(content: str, schema: Schema, settings: dict[str, Any], parent: str | None) -> str:
    """Return a version's id: its content, its schema, its settings and the version it follows."""
    return digest([content, schema.digest, settings, parent])


def state_of(
    catalogue: Catalogue, objects: Objects, schema: Schema, version: Version, *, shelf: Shelf | None = None
) -> State:
    """Return the corpus as a version sees it; with a shelf its texts stay in files."""
    return state(catalogue, objects, schema, version.corpus, upto=version.upto, shelf=shelf)


def records_of(catalogue: Catalogue, objects: Objects, schema: Schema, version: Version) -> pl.DataFrame:
    """Return a version's records with `split` and `reason`, in source and file order."""
    assignment = objects.table(version.assignment).select("id", "split", "reason")
    records = state_of(catalogue, objects, schema, version).records
    return records.join(assignment, on="id", how="inner", maintain_order="left")


def named_objects(rows: Iterable[Row]) -> set[str]:
    """Return every object that these log rows name."""
    names: set[str] = set()
    for row in rows:
        body = row.body
        if "purged" in body:
            continue
        if row.kind == "delivery":
            names |= {*body["segments"], body["members"], *([body["rejects"]] if body["rejects"] else [])}
            names |= {f"{raw}.raw" for raw in body["raw"]}
        elif row.kind == "readmission":
            names.add(body["segment"])
        elif row.kind == "version":
            names |= {body["assignment"], body["schema_object"]}
            names |= {body["difference"]} if body.get("difference") else set()
    return names
