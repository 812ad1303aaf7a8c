"""The one Arrow form that every split of an export shares, and its description for a card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

_PLAIN_NAMES = {"double": "float64", "float": "float32", "halffloat": "float16"}
_OFFSET, _NUMBER = 4, 8
"""Bytes that say where a text or a list ends, and bytes of a number."""


def plain_schema(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Return the one schema that every reader of Parquet and JSON Lines understands, for tables of these schemas.

    A column that is all null in one of them takes its type from the others, and is text where none knows.
    """
    unified = pa.unify_schemas([_plain_schema(schema) for schema in schemas], promote_options="default")
    return pa.schema([_known(field) for field in unified])


def plain_table(tables: Iterable[pa.Table], schema: pa.Schema) -> pa.Table:
    """Return tables as one, cast to a plain schema; each is let go before the next is asked for."""
    # One chunk a table: how an engine happened to cut it must not show in the bytes of the file. One chunk for all of
    # them would make the same bytes, from twice the memory.
    return pa.concat_tables([_plain_columns(table, schema).combine_chunks() for table in tables])


def _plain_columns(table: pa.Table, schema: pa.Schema) -> pa.Table:
    return pa.table([_without_views(table[field.name]).cast(field.type) for field in schema], schema=schema)


def row_bytes(table: pa.Table) -> NDArray[np.int64]:
    """Return about how many bytes of Arrow each row of a plain table takes: the same however the table is cut."""
    frame = pl.DataFrame(pl.from_arrow(table))
    sizes = [_bytes(pl.col(name), kind) for name, kind in frame.schema.items()]
    return frame.select(pl.sum_horizontal(sizes).cast(pl.Int64).alias("bytes"))["bytes"].to_numpy()


def _bytes(values: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if kind == pl.String or kind == pl.Binary:
        length = values.str.len_bytes() if kind == pl.String else values.bin.size()
        return length.fill_null(0).cast(pl.Int64) + _OFFSET
    if isinstance(kind, pl.List):
        entries = values.list.eval(_bytes(pl.element(), kind.inner)).list.sum()  # type: ignore[arg-type]
        return entries.fill_null(0).cast(pl.Int64) + _OFFSET
    if isinstance(kind, pl.Struct):
        parts = [_bytes(values.struct.field(field.name), field.dtype) for field in kind.fields]  # type: ignore[arg-type]
        return pl.sum_horizontal(parts)
    return pl.lit(_NUMBER, pl.Int64)


def features(schema: pa.Schema) -> list[dict[str, Any]]:
    """Describe the columns in the form that a card's `dataset_info` wants."""
    return [{"name": field.name, **_feature(field.type)} for field in schema]


def _without_views(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Rewrite dictionaries of string views: Arrow has no cast that decodes them."""
    if not (pa.types.is_dictionary(column.type) and pa.types.is_string_view(column.type.value_type)):
        return column
    plain = pa.dictionary(column.type.index_type, pa.string())
    chunks = [
        pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(pa.string())) for chunk in column.chunks
    ]
    return pa.chunked_array(chunks, plain)


def _plain_schema(schema: pa.Schema) -> pa.Schema:
    return pa.schema([pa.field(field.name, _plain(field.type)) for field in schema])


def _plain(kind: pa.DataType) -> pa.DataType:
    """Replace the large, viewed and dictionary types that engines use among themselves."""
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if _is_list(kind):
        return pa.list_(_plain(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _plain(field.type)) for field in kind])
    return kind


def _known(field: pa.Field) -> pa.Field:
    return field.with_type(pa.string()) if pa.types.is_null(field.type) else field


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if _is_list(kind):
        inner = _feature(kind.value_type)
        return {"list": inner.get("dtype") or inner.get("struct") or inner}
    if pa.types.is_struct(kind):
        return {"struct": [{"name": field.name, **_feature(field.type)} for field in kind]}
    if isinstance(kind, pa.JsonType):
        return {"dtype": "json"}
    return {"dtype": _PLAIN_NAMES.get(str(kind), str(kind))}
