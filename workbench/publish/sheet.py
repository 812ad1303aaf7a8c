"""CSV for people and their spreadsheets, where a cell that begins like a formula must not become one."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

OPENING = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters by which spreadsheets take a text for a formula (OWASP, CSV injection)."""
GUARDED = "texts that begin with = + - @ (also full-width), a tab or a line end have an apostrophe in front"
"""What is said of a guarded file; csv-exact, Parquet and JSON Lines hold every text as it is."""

BLANKS = "a missing text and an empty one are the same in csv"
"""What is said of every CSV file."""


def write_csv(table: pa.Table, path: Path, *, guarded: bool) -> pa.Table:
    """Write a table with a header, lists as JSON, and return it as it stands there: numbers, truths and texts.

    A guarded file has an apostrophe in front of each text that a spreadsheet would run.
    """
    plain = pa.table({name: _plain(table[name]) for name in table.column_names})
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)  # lines end as RFC 4180 says, so a carriage return in a text is quoted
        writer.writerow(_cell(name, guarded) for name in plain.column_names)
        for batch in plain.to_batches(max_chunksize=1000):
            writer.writerows([_cell(value, guarded) for value in row.values()] for row in batch.to_pylist())
    return plain


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of scalars; each list or struct becomes its JSON."""
    if not pa.types.is_nested(column.type):
        return column
    texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _cell(value: Any, guarded: bool) -> Any:  # noqa: ANN401 - any scalar
    return f"'{value}" if guarded and isinstance(value, str) and value.startswith(OPENING) else value
