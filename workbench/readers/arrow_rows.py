"""Arrow batches as records of plain JSON values."""

from __future__ import annotations

import base64
import datetime
import decimal
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from workbench.errors import DataError, UsageError
from workbench.readers.record import Origin, Record, Reject

if TYPE_CHECKING:
    import pyarrow as pa

SMALL = 256
"""Rows that are Python values at one time."""


def check_columns(names: list[str], file: str) -> None:
    """Raise UsageError where two columns share a name: one of them would be lost."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UsageError(f"{file!r} has two columns named {twice[0]!r}", "rename one of them")


def units(batch: pa.RecordBatch, position: int, more: Mapping[str, Any] | None = None) -> Iterator[Record | Reject]:
    """Yield one unit per row; `more` are raw columns that every row gets."""
    for number, row in enumerate(_rows(batch), position):
        origin = Origin(number, number, number + 1)
        try:
            yield Record({key: plain(value) for key, value in row.items()} | dict(more or {}), origin)
        except ValueError as error:
            raw = orjson.dumps(row, default=_bytes_or_text, option=orjson.OPT_NON_STR_KEYS)
            yield Reject(raw, origin, str(error))


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return rows as Python values; times beyond Python's own (nanoseconds, the year 10000) become text."""
    import pyarrow as pa

    try:
        return list(batch.to_pylist())
    except (ValueError, OverflowError):
        pass
    try:
        columns = [_timeless(column) for column in batch.columns]
        return list(pa.RecordBatch.from_arrays(columns, names=batch.schema.names).to_pylist())
    except (ValueError, OverflowError, pa.ArrowException) as error:
        raise DataError(f"a batch holds values that Python cannot: {error}", "export the column as text") from error


def _timeless(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    return column.cast(pa.string()) if pa.types.is_temporal(column.type) else column


def plain(value: Any) -> Any:  # noqa: ANN401 - any Arrow value
    """Return a value as JSON has it: times as ISO text, decimals as text, NaN (a gap in Arrow files) as null.

    ValueError for what JSON cannot hold: binary data and infinite numbers.
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (decimal.Decimal, datetime.timedelta)):
        return str(value)
    raise ValueError(f"a value of type {type(value).__name__} has no place in a record")


def _number(value: float) -> float | None:
    if math.isinf(value):
        raise ValueError("a number that is not finite")
    return None if math.isnan(value) else value


def _bytes_or_text(value: object) -> str:
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else str(value)
