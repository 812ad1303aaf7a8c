"""What a format wrote, and how a file of records is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from workbench.errors import DataError
from workbench.fingerprint import digest_file
from workbench.publish.facts import DataFile

Tables = Mapping[str, pa.Table]
"""The records that leave, by split, in one schema."""

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


Writer = Callable[[Tables, Path], Written]


def data_file(path: Path, folder: Path, split: str, *, rows: int, memory: int | None = None) -> DataFile:
    """Return a written file with its size and digest; `memory` is what its rows take once read, if not as much."""
    size = path.stat().st_size
    return DataFile(
        path=path.relative_to(folder).as_posix(),
        split=split,
        rows=rows,
        memory=size if memory is None else memory,
        size=size,
        sha256=digest_file(path),
    )


def rows_of(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, some at a time in memory."""
    for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
        yield from batch.to_pylist()


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as JSON Lines; DataError for what JSON cannot hold."""
    with path.open("wb") as handle:
        handle.writelines(map(_json_line, rows))


def _json_line(row: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError as error:
        raise DataError(f"a record has no JSON form: {error}", "export with --format parquet") from error
