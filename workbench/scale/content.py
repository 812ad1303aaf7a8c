"""The digest of a version's content: workers write its lines down, the machine that asks hashes them in order."""

from __future__ import annotations

import hashlib
import uuid
from functools import partial
from pathlib import Path

import polars as pl

from workbench.errors import OutsideError
from workbench.scale.engine import Engine
from workbench.scale.records import PART, over, slices
from workbench.scale.surface import collected
from workbench.scale.torn import AGAIN, readable
from workbench.schema import Schema
from workbench.store.rows import rows_of
from workbench.store.state import State
from workbench.store.versions import content_lines
from workbench.workspace import out_of_space

_LINES = {"bucket": pl.Int64, "id": pl.String, "line": pl.Binary}
_SORTED = {"bucket": pl.Int64, "path": pl.String, "size": pl.Int64}
_HEAD = 8
"""Hex digits of an id that tell its bucket."""


def content_digest(engine: Engine, state: State, assignment: pl.DataFrame, schema: Schema) -> str:
    """Return what `store.versions.content_digest` returns of the current records of a state."""
    hashed = hashlib.sha256()
    with engine.folder() as folder:
        rows = rows_of(state, folder).joined(assignment.select("id", "split"))
        if rows.listing.is_empty():
            return hashed.hexdigest()
        work = partial(_lines, schema=schema.bare(), buckets=-(-rows.listing.height // PART))
        plan = over(rows, slices(rows.listing), folder, work, _LINES).grouped(
            "bucket", partial(_sorted, folder=folder), _SORTED
        )
        told = collected(engine.ran("writing the content down", plan, folder), _SORTED).sort("bucket")
        for path, size in told.select("path", "size").iter_rows():
            with readable(Path(path)):
                read = hashed_from(Path(path), hashed)
            if read != size:
                raise OutsideError(f"shard {path} is shorter here than where it was written", AGAIN)
    return hashed.hexdigest()


def hashed_from(path: Path, hashed: hashlib._Hash) -> int:
    """Put a file's bytes into a hash, and return how many they are."""
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            hashed.update(block)
        return handle.tell()


def _lines(rows: pl.DataFrame, schema: Schema, buckets: int) -> pl.DataFrame:
    """Return the line of each record, and the bucket of its id: buckets are in the order of ids, as ids are hashes."""
    lines = content_lines(rows, schema)
    head = pl.col("id").str.slice(0, _HEAD).str.to_integer(base=16, dtype=pl.Int64)
    return rows.select(bucket=head * buckets // 16**_HEAD, id="id", line=pl.Series(lines, dtype=pl.Binary))


def _sorted(rows: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """Write the lines of a bucket in the order of ids, to a file of its own."""
    path = folder / f"{uuid.uuid4().hex}.lines"
    with out_of_space(path):
        path.write_bytes(b"".join(rows.sort("id")["line"].to_list()))
    told = [rows["bucket"][0], str(path), path.stat().st_size]
    return pl.DataFrame([told], schema=_SORTED, orient="row")
