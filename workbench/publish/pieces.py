"""Records on their way out, a piece at a time: nobody need hold a whole split to write its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workbench.publish.columns import plain_schema, plain_table, row_bytes
from workbench.publish.facts import SPLITS
from workbench.publish.meter import Report, silent

PIECE = 16_384
"""Rows of a piece, where a format does not say otherwise."""


class Piece(NamedTuple):
    """The rows of a split from `first` up to `stop`, which is not one of them, in the order in which they leave."""

    split: str
    first: int
    stop: int


class Put(NamedTuple):
    """What was written of a piece: its rows, and the bytes they take once read where that is not the file's size."""

    rows: int
    memory: int | None = None


@dataclass(frozen=True)
class NewFile:
    """A file to write: what stands at its head, and then piece after piece."""

    path: str
    split: str
    pieces: tuple[Piece, ...]
    head: bytes = b""


Work = Callable[[pa.Table, str, BinaryIO], Put]
"""Writes the rows of one piece, all of one split, and returns what it wrote.

It may run in another process: it is a module's function or a partial of one, and looks at nothing but its rows.
"""


class Leaving(Protocol):
    """The records that leave, by split; of an empty split nothing is said."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Return the rows of each split that holds any, in the order of splits."""

    @property
    def schema(self) -> pa.Schema:
        """Return the columns that every split has."""

    def sizes(self, split: str) -> NDArray[np.int64]:
        """Return the bytes of each row of a split, see `row_bytes`."""

    def write(self, files: Sequence[NewFile], work: Work, folder: Path) -> list[Put]:
        """Write files into a folder and return what each holds; one without rows is not there."""


@dataclass(frozen=True)
class Held:
    """Records that this process holds, and writes by itself."""

    counts: Mapping[str, int]
    schema: pa.Schema
    rows: Callable[[Piece], pa.Table]
    """Returns the rows of a piece, in whatever Arrow types."""
    report: Report = silent
    """Is told how many rows are written; what it raises ends the writing."""

    def sizes(self, split: str) -> NDArray[np.int64]:
        """Return the bytes of each row of a split."""
        return np.concatenate([row_bytes(self._table(piece)) for piece in pieces_of(split, self.counts[split])])

    def write(self, files: Sequence[NewFile], work: Work, folder: Path) -> list[Put]:
        """Write files, one piece after the other."""
        total, done = sum(piece.stop - piece.first for file in files for piece in file.pieces), 0

        def told(piece: Piece, handle: BinaryIO) -> Put:
            nonlocal done
            self.report("writing records", done, total)
            done += piece.stop - piece.first
            return work(self._table(piece), piece.split, handle)  # the only one who holds the table

        written = [self._written(file, told, folder / file.path) for file in files]
        self.report("writing records", done, total)
        return written

    def _written(self, file: NewFile, put_piece: Callable[[Piece, BinaryIO], Put], path: Path) -> Put:
        with path.open("wb") as handle:
            handle.write(file.head)
            put = together([put_piece(piece, handle) for piece in file.pieces])
        if not put.rows:
            path.unlink()
        return put

    def _table(self, piece: Piece) -> pa.Table:
        parts = range(piece.first, piece.stop, PIECE)
        cut = (piece._replace(first=first, stop=min(first + PIECE, piece.stop)) for first in parts)
        return plain_table(map(self.rows, cut), self.schema)


def held(tables: Mapping[str, pa.Table]) -> Held:
    """Return tables by split as records that leave; excluded ones never do."""
    some = {name: tables[name] for name in SPLITS if name in tables and tables[name].num_rows}
    schema = plain_schema([table.schema for table in some.values()]) if some else pa.schema([])

    def rows(piece: Piece) -> pa.Table:
        return some[piece.split].slice(piece.first, piece.stop - piece.first)

    return Held({name: table.num_rows for name, table in some.items()}, schema, rows)


def pieces_of(split: str, count: int, rows: int = PIECE) -> tuple[Piece, ...]:
    """Return so many rows of a split as pieces of at most `rows`."""
    return tuple(Piece(split, first, min(first + rows, count)) for first in range(0, count, rows))


def all_pieces(leaving: Leaving) -> tuple[Piece, ...]:
    """Return the pieces of all splits, in their order."""
    return tuple(piece for split, count in leaving.counts.items() for piece in pieces_of(split, count))


def a_file_a_split(leaving: Leaving, path: Callable[[str], str]) -> list[NewFile]:
    """Return one new file for each split; `path` names it."""
    return [NewFile(path(split), split, pieces_of(split, count)) for split, count in leaving.counts.items()]


def together(puts: Sequence[Put]) -> Put:
    """Return what was written of a file as a whole."""
    memory = [put.memory for put in puts if put.memory is not None]
    return Put(sum(put.rows for put in puts), sum(memory) if memory else None)
