"""CSV for people and their spreadsheets, where a cell that begins like a formula must not become one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

import pyarrow as pa

from workbench.publish.pieces import Put
from workbench.publish.written import with_split

OPENING = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters by which spreadsheets take a text for a formula (OWASP, CSV injection)."""
GUARDED = "texts that begin with = + - @ (also full-width), a tab or a line end have an apostrophe in front"
"""What is said of a guarded file; csv-exact, Parquet and JSON Lines hold every text as it is."""

BLANKS = "a missing text and an empty one are the same in csv"
"""What is said of every CSV file."""


def header(names: Sequence[str], *, guarded: bool) -> bytes:
    """Return the first line of a CSV file."""
    return _lines([[_cell(name, guarded) for name in names]])


def csv_schema(schema: pa.Schema) -> pa.Schema:
    """Return the columns as they stand in a CSV file: numbers, truths and texts."""
    return pa.schema([pa.field(f.name, pa.string() if pa.types.is_nested(f.type) else f.type) for f in schema])


def write_csv(table: pa.Table, split: str, handle: BinaryIO, *, guarded: bool) -> Put:
    """Write rows and their split, lists as JSON.

    Guarded ones have an apostrophe in front of each text that a spreadsheet would run.
    """
    for batch in with_split(table, split).to_batches(max_chunksize=1000):
        handle.write(_lines([[_cell(_plain(value), guarded) for value in row.values()] for row in batch.to_pylist()]))
    return Put(table.num_rows)


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)  # lines end as RFC 4180 says, so a carriage return in a text is quoted
    return text.getvalue().encode()


def _plain(value: Any) -> Any:  # noqa: ANN401 - any cell
    """Return a scalar; a list or a struct becomes its JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def _cell(value: Any, guarded: bool) -> Any:  # noqa: ANN401 - any scalar
    return f"'{value}" if guarded and isinstance(value, str) and value.startswith(OPENING) else value
