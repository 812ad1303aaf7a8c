"""Shards: Parquet files that every worker can read, of at most SHARD numbered texts or of rows in no order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.scale.surface import FAULT
from workbench.scale.torn import readable, refuse_other_columns
from workbench.store.objects import write_parquet

SHARD = 16_384
"""Texts of a shard: as many as a stored segment has rows. A worker holds one at a time."""
PART = 1 << 20
"""Rows of other tables that are held at a time: pairs are several times as many as texts."""
_TEXTS = {"text": pl.String, "side": pl.UInt8}


@dataclass(frozen=True)
class Shards:
    """Texts in a folder: row i of shard s is text s * SHARD + i."""

    folder: Path
    count: int

    def read(self, shard: int) -> pl.DataFrame:
        """Return `text` and `side` of a shard; one that cannot be read is an OutsideError that names it."""
        path = _path(self.folder, shard)
        refuse_other_columns(path, _TEXTS)
        with readable(path):
            return pl.read_parquet(path, columns=list(_TEXTS))


@dataclass(frozen=True)
class Parts:
    """Tables in files, of which at most PART rows are held at a time; they can be read again."""

    files: tuple[Path, ...]
    columns: tuple[str, ...]

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """Yield the rows; a file that cannot be read is an OutsideError that names it."""
        for path in self.files:
            yield from self._of(path)

    def _of(self, path: Path) -> Iterator[pl.DataFrame]:
        from pyarrow import parquet

        with readable(path), parquet.ParquetFile(path) as file:
            beside = [FAULT] if FAULT in file.schema_arrow.names else []
            for batch in file.iter_batches(PART, columns=[*self.columns, *beside]):
                rows = pl.DataFrame(batch)
                # A column that is not there is no error of the reader's.
                yield (rows.filter(pl.col(beside).is_null()) if beside else rows).select(self.columns)


def part_written(rows: pl.DataFrame, folder: Path, number: int) -> Path:
    """Write rows as one more file for `Parts`."""
    path = folder / f"part-{number:06}.parquet"
    write_parquet(rows, path)
    return path


def written(texts: pl.Series, sides: NDArray[np.uint8], folder: Path) -> Shards:
    """Write texts, and the sides they stand on (one bit a side), as shards."""
    table = pl.DataFrame([texts.alias("text"), pl.Series("side", sides, dtype=pl.UInt8)])
    count = -(-table.height // SHARD)
    for shard in range(count):
        write_parquet(table[shard * SHARD : (shard + 1) * SHARD], _path(folder, shard))
    return Shards(folder, count)


def _path(folder: Path, shard: int) -> Path:
    return folder / f"texts-{shard:06}.parquet"


def packed(rows: NDArray[Any]) -> pl.Series:
    """Return the rows of a matrix as one column of bytes."""
    import pyarrow as pa

    width = rows.shape[1] * rows.itemsize
    data = pa.py_buffer(np.ascontiguousarray(rows).tobytes())
    return pl.Series(pa.Array.from_buffers(pa.binary(width), len(rows), [None, data]), dtype=pl.Binary)


def unpacked(column: pl.Series, kind: type[np.generic]) -> NDArray[Any]:
    """Return the matrix that `packed` made a column of, which holds a row at least."""
    return np.frombuffer(b"".join(column.to_list()), kind).reshape(len(column), -1)
