"""What a reader yields: a record with its origin, or a reject with its bytes and the reason.

There is one of these a row, so they are tuples: a frozen dataclass takes three times as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


class Origin(NamedTuple):
    """Where a unit stands in its raw file: lineage, never identity."""

    position: int
    """Number of the unit in the file, from 0, counting rejects too."""
    start: int
    """Offset of its first byte; for formats without byte spans (Parquet, Arrow) equal to `position`."""
    end: int
    """Offset behind its last byte."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A change that a reader made on the way in; ingest writes it to the log as an edit that can be undone."""

    field: str
    """Raw column name; the empty string stands for the whole record and means: drop it."""
    value: Any
    reason: str


class Record(NamedTuple):
    """One raw row as parsed: raw column names, raw values."""

    fields: dict[str, Any]
    origin: Origin
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """A unit that could not become a record, with the bytes it was."""

    raw: bytes
    origin: Origin
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """How a raw file will be read, and what of that is a guess to be shown."""

    reader: str
    encoding: str = "utf-8"
    guesses: tuple[str, ...] = ()
    """One sentence a guess, for a person to confirm: the encoding, JSON with comments, a missing header."""


class Span(NamedTuple):
    """A part of a file, cut between two units: bytes of a file of lines, or rows of a Parquet file."""

    begin: int
    end: int
    newline: bytes = b""
    """What ends lines in the whole file: a part alone may not tell."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything a reader needs to know; stands in `corpus.yaml`, so that a reading can be repeated."""

    path: Path
    proposal: Proposal
    chunk: int = 1200
    """Plain text: wanted characters a chunk; a chunk ends at a sentence end."""
    header: bool = True
    """CSV: the first row names the columns."""
    span: Span | None = None
    """Only this part of the file, cut by its reader's `spans`; positions count from its begin."""
