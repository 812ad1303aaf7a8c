"""Where the current records of a state lie on disk, so that some of them can be read without the others."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from workbench.errors import CorruptionError, DataError, OutsideError
from workbench.store.objects import write_parquet
from workbench.store.standing import LINEAGE, MEMBERS
from workbench.store.state import State

EDITED = "edited.parquet"
"""File of the records that were edited, as they are now."""
_PATH = "_path"
"""Column of a written listing that names the file of each record; no schema has columns that begin like it."""


@dataclass(frozen=True)
class Rows:
    """Which file holds each current record; no text is in memory."""

    listing: pl.DataFrame
    """`id`, `source`, `rid` (the number of the stored row) and `file` of each record, in source and file order."""
    files: tuple[Path, ...]
    types: dict[str, pl.DataType]
    """Lineage and the schema's columns, in the types that the records have when all are read at once."""

    def joined(self, placed: pl.DataFrame) -> Rows:
        """Return only those records that a table names by `id`, with the table's columns, in the same order."""
        return Rows(self.listing.join(placed, on="id", how="inner", maintain_order="left"), self.files, self.types)

    def written(self, parts: Iterator[pl.DataFrame], folder: Path) -> int:
        """Write listings, each to a file that `read` takes, and return how many there are."""
        names = pl.DataFrame({"file": range(len(self.files)), _PATH: list(map(str, self.files))})
        count = 0
        for count, part in enumerate(parts, start=1):
            placed = part.join(names.cast({"file": part.schema["file"]}), on="file", maintain_order="left")
            write_parquet(placed.drop("file"), listing_file(folder, count - 1))
        return count


def listing_file(folder: Path, part: int) -> Path:
    """Return where the listing of a part lies."""
    return folder / f"rows-{part:06}.parquet"


def rows_of(state: State, folder: Path) -> Rows:
    """List the current records of a state; those that were edited are written to a file in `folder`."""
    paths = [state.objects.path(name) for name in state.segments]
    tables = state.objects.tables(state.segments, ["rid", "id", "source"])
    frames = [table.with_columns(file=pl.lit(number, pl.UInt32)) for number, table in enumerate(tables)]
    empty = {**{name: LINEAGE[name] for name in ("rid", "id", "source")}, "file": pl.UInt32}
    stored = pl.concat([pl.DataFrame(schema=empty), *frames])
    touched = state.touched
    placed = stored.join(state.members, on="rid").sort("source", "position", "rid").drop(set(MEMBERS) - {"rid"})
    if placed.height != state.members.height:
        raise CorruptionError(
            f"{state.members.height - placed.height} records are in no segment", "run: workbench verify"
        )
    current = placed.filter(~pl.col("id").is_in(state.gone))
    types = state.types
    if touched:
        now = state.edited(state.rows_of(touched)).select(*types)
        write_parquet(now, folder / EDITED)
        paths.append(folder / EDITED)
        other = pl.when(pl.col("id").is_in(touched)).then(pl.lit(len(paths) - 1, pl.UInt32))
        current = current.with_columns(file=other.otherwise("file"))
    return Rows(current.select("id", "source", "rid", "file"), tuple(paths), types)


def read(listing: Path, types: dict[str, pl.DataType]) -> pl.DataFrame:
    """Return the records of a listing in its order, with its columns beside their own.

    DataError names the segment that cannot be read, or that lacks a row; OutsideError the listing.
    """
    wanted = _scratch(listing, {"rid", _PATH})
    parts = wanted.partition_by(_PATH, as_dict=True, maintain_order=True)
    own = {name: kind for name, kind in types.items() if name == "rid" or name not in wanted.columns}
    rows = pl.concat([_picked(Path(path), some["rid"], own) for (path,), some in parts.items()])
    return wanted.drop(_PATH).join(rows, on="rid", maintain_order="left")


def _picked(path: Path, wanted: pl.Series, types: dict[str, pl.DataType]) -> pl.DataFrame:
    whole = _scratch(path, {"rid"}) if path.name == EDITED else _segment(path)
    stored = whole.filter(pl.col("rid").is_in(wanted.implode()))
    if stored.height != len(wanted):
        raise DataError(f"segment {path} lacks {len(wanted) - stored.height} rows", "run: workbench verify")
    return pl.concat([pl.DataFrame(schema=types), stored], how="diagonal_relaxed").select(*types)


def _segment(path: Path) -> pl.DataFrame:
    try:
        stored = pl.read_parquet(path)
        stored.get_column("rid")  # another table may stand there
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"segment {path} cannot be read: {error}", "run: workbench verify") from error
    return stored


def _scratch(path: Path, needed: Set[str]) -> pl.DataFrame:
    """Return what the asking process wrote for its workers."""
    try:
        rows = pl.read_parquet(path)
        rows.select(needed)
    except (pl.exceptions.PolarsError, OSError) as error:
        hint = "do all workers see the workspace under the same path? then run the command again"
        raise OutsideError(f"shard {path} cannot be read: {error}", hint) from error
    return rows
