"""The one Arrow form that every split of an export shares, and its description for a card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

_PLAIN_NAMES = {"double": "float64", "float": "float32", "halffloat": "float16"}


def plain_tables(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Return the tables cast to one schema that every reader of Parquet and JSON Lines understands.

    A column that is all null in one split takes its type from the others, and is text where no split knows.
    """
    schemas = [_plain_schema(table.schema) for table in tables.values()]
    schema = pa.schema([_known(field) for field in pa.unify_schemas(schemas, promote_options="default")])
    # One chunk a column: how an engine happened to cut the table must not show in the bytes of the file.
    return {name: _cast(table, schema).combine_chunks() for name, table in tables.items()}


def features(schema: pa.Schema) -> list[dict[str, Any]]:
    """Describe the columns in the form that a card's `dataset_info` wants."""
    return [{"name": field.name, **_feature(field.type)} for field in schema]


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [_without_views(table[field.name]).cast(field.type) for field in schema]
    return pa.table(columns, schema=schema)


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
    return {"dtype": _PLAIN_NAMES.get(str(kind), str(kind))}
