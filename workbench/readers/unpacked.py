"""How much a packed table unpacks to, told without unpacking it: few bytes can stand for terabytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

FREE = 1 << 30
"""Bytes that any file may unpack to: an evening's download of text, and far less than a machine's memory."""
RATIO = 200
"""Times its own size that a larger file may unpack to; zstd takes repeated chat templates down to about a fiftieth."""
_CELL = 8
"""Bytes counted for each cell, so that a file of nulls or of one repeated number has its price too."""
_ROWS = 65_536


@dataclass
class Allowance:
    """What is left of the bytes that a file may unpack to."""

    file: Path
    cap: int
    taken: int = 0

    @classmethod
    def of(cls, file: Path) -> Allowance:
        """Return the allowance of a file: by its size on the disk, never by what it says of itself."""
        return cls(file, max(FREE, RATIO * file.stat().st_size))

    def take(self, size: int) -> None:
        """Count unpacked bytes; DataError beyond the cap."""
        self.taken += size
        if self.taken > self.cap:
            raise DataError(
                f"{self.file.name!r} unpacks to more than {self.cap:,} bytes, the cap for its {self._size:,}",
                "where you trust it, write it as JSON Lines, or in parts, and ingest those",
            )

    @property
    def _size(self) -> int:
        return self.file.stat().st_size


def check_parquet(path: Path, file: pq.ParquetFile) -> None:
    """Raise DataError for a Parquet file whose texts unpack beyond the cap.

    They are read as dictionaries, column by column, so that what is repeated lies in memory once.
    """
    import pyarrow.parquet as pq

    allowance = Allowance.of(path)
    leaves = [file.schema.column(number) for number in range(len(file.schema))]
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
    with pq.ParquetFile(path, read_dictionary=texts, memory_map=True, pre_buffer=False) as packed:
        for group in range(packed.num_row_groups):
            for leaf in texts:
                for batch in packed.iter_batches(batch_size=_ROWS, row_groups=[group], columns=[leaf]):
                    allowance.take(sum(unpacked(column) for column in batch.columns))


def unpacked(array: pa.Array) -> int:
    """Return the bytes of an array's values once each stands by itself, and at least a few for each cell."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type) and _has_length(array.type.value_type):
        lengths = pc.take(pc.binary_length(array.dictionary), array.indices)
        return int(pc.sum(pc.cast(lengths, pa.int64())).as_py() or 0) + _CELL * len(array)
    if pa.types.is_map(array.type):
        return unpacked(array.keys) + unpacked(array.items)
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        return unpacked(array.flatten()) + _CELL * len(array)
    if pa.types.is_struct(array.type):
        return sum(unpacked(part) for part in array.flatten())
    return max(int(array.nbytes), _CELL * len(array))


def _has_length(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary))
