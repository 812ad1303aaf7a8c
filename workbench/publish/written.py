"""What a format wrote, and how a file of records is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyarrow as pa

from workbench.errors import DataError
from workbench.fingerprint import digest_file
from workbench.publish.facts import DataFile
from workbench.publish.pieces import Leaving, NewFile, Put

_ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class Written:
    """What a format wrote: its files and the columns in them."""

    files: tuple[DataFile, ...]
    schema: pa.Schema
    note: str = ""
    """What a reader must know of the texts in it; it is written to the card and to curation.json."""
    beside: tuple[str, ...] = ()
    """Files beside the records that a program needs to read them."""
    left_out: int = 0
    """Records that have no place in this format; the note says why."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return every file but card and curation.json, the records first."""
        return (*(file.path for file in self.files), *self.beside)


Writer = Callable[[Leaving, Path], Written]


def data_files_of(files: Sequence[NewFile], puts: Sequence[Put], folder: Path) -> tuple[DataFile, ...]:
    """Return the files that were written, those without rows left out, with their sizes and digests."""
    return tuple(_data_file(file, put, folder) for file, put in zip(files, puts, strict=True) if put.rows)


def _data_file(file: NewFile, put: Put, folder: Path) -> DataFile:
    path = folder / file.path
    size = path.stat().st_size
    return DataFile(
        path=file.path,
        split=file.split,
        rows=put.rows,
        memory=size if put.memory is None else put.memory,
        size=size,
        sha256=digest_file(path),
    )


def with_split(table: pa.Table, split: str) -> pa.Table:
    """Return a table with a column that names its split, as a file of several wants it."""
    return table.append_column("split", pa.array([split] * table.num_rows, pa.string()))


def rows_of(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, some at a time in memory."""
    for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
        yield from batch.to_pylist()


def write_lines(handle: BinaryIO, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as JSON Lines; DataError for what JSON cannot hold."""
    handle.writelines(map(_json_line, rows))


def _json_line(row: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError as error:
        raise DataError(f"a record has no JSON form: {error}", "export with --format parquet") from error
