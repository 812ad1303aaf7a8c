"""A frame of records with its texts laid out so that a pattern is looked for in a whole column at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import polars as pl

from workbench.curation.slices import SLICE, by_slices
from workbench.schema import Choices, Schema

ROW = "_row"
"""Column of row numbers beside a record's own; no schema has columns that begin like it."""
Mend = Callable[[str], str | None]
"""Gives the mended text, or None where nothing is wrong with it."""


class View:
    """Derived records as the quality flags see them."""

    def __init__(self, derived: pl.DataFrame, schema: Schema) -> None:
        """Keep the frame; `derived` is what `schema.derived` returns."""
        self.frame = derived
        self.schema = schema
        self._parts: dict[str, pl.DataFrame] = {}

    @cached_property
    def ids(self) -> list[str]:
        """Return the record ids, by row."""
        return self.frame["id"].to_list()

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Return the columns of the schema that hold text, whatever their shape."""
        kinds = self.schema.types.items()
        return tuple(name for name, kind in kinds if _texts_of(kind))

    @property
    def text_fields(self) -> tuple[str, ...]:
        """Return the columns of the schema that hold one text."""
        return tuple(name for name in self.fields if self.schema.types[name] == pl.String)

    def parts(self, field: str) -> pl.DataFrame:
        """Return every text of a field with the row it stands in: entries of a list and turns one by one."""
        if field not in self._parts:
            self._parts[field] = self._laid_out(field)
        return self._parts[field]

    def _laid_out(self, field: str) -> pl.DataFrame:
        column = self.frame[field]
        rows = pl.select(row=pl.int_range(self.frame.height, dtype=pl.UInt32)).with_columns(column.alias("text"))
        if column.dtype == pl.String:
            return rows.drop_nulls()
        entries = rows.explode("text", empty_as_null=True, keep_nulls=True).drop_nulls()
        if entries.schema["text"] == pl.String:
            return entries
        turns = [entries.select("row", text=pl.col("text").struct.field(name)) for name in _texts_of(column.dtype)]
        return pl.concat(turns).drop_nulls()

    def measured(self, *columns: pl.Expr, where: pl.Expr | None = None) -> pl.DataFrame:
        """Return columns, with the row (ROW) of each record that meets a condition, worked out slice by slice.

        What texts are turned into on the way is let go, so that a look at a large corpus holds what it measures.
        """
        rows = pl.int_range(self.frame.height, dtype=pl.UInt32, eager=True).alias(ROW)
        told = pl.lit(value=True) if where is None else where
        return by_slices(self.frame.with_columns(rows), lambda part: part.filter(told).select(ROW, *columns))

    def picked(self, rows: pl.Series, *columns: str | pl.Expr) -> Iterator[pl.DataFrame]:
        """Yield columns of some rows behind their ROW, a slice of these at a time."""
        for first in range(0, len(rows), SLICE):
            some = rows[first : first + SLICE].alias(ROW)
            yield self.frame[some].select(some, *columns)

    def rows(self, field: str, pattern: str) -> list[int]:
        """Return the rows of a field that hold a pattern (of the syntax that Python and Rust share), in order."""
        hits = self._hits(field, pattern)
        return hits["row"].unique().sort().to_list() if hits.height else []

    def holding(self, field: str, pattern: str) -> Iterator[tuple[str, str]]:
        """Yield record and first text of each row of a field that holds a pattern, in order."""
        for row, text in self._hits(field, pattern).unique("row", keep="first", maintain_order=True).iter_rows():
            yield self.ids[row], text

    def _hits(self, field: str, pattern: str) -> pl.DataFrame:
        parts = self.parts(field)
        return parts.filter(parts["text"].str.contains(pattern))

    def cells(self, field: str, rows: list[int]) -> Iterator[tuple[str, Any]]:
        """Yield record and value of some rows."""
        values = self.frame[field].gather(rows).to_list() if rows else []
        yield from ((self.ids[row], value) for row, value in zip(rows, values, strict=True))

    def mendable(self, pattern: str, mend: Mend) -> Iterator[tuple[str, str, str, Any]]:
        """Yield record, field, offending text and mended value of each cell that `mend` changes.

        Only cells that hold the pattern are given to `mend`.
        """
        for field in self.fields:
            for record, value in self.cells(field, self.rows(field, pattern)):
                fixed, excerpt = mended(value, mend)
                if excerpt is not None:
                    yield record, field, excerpt, fixed


def keyed(choices: Choices) -> pl.Expr:
    """Return which records name one right option that is there."""
    return pl.col(choices.key).is_between(0, pl.col(choices.options).list.len().cast(pl.Int64) - 1)


def mended(value: Any, mend: Mend) -> tuple[Any, str | None]:  # noqa: ANN401 - any cell
    """Return a cell with all its texts mended, and the first text that needed it, None where none did."""
    if isinstance(value, str):
        fixed = mend(value)
        return (value, None) if fixed is None else (fixed, value)
    if isinstance(value, list):
        parts = [mended(part, mend) for part in value]
        return [part for part, _ in parts], next((hit for _, hit in parts if hit is not None), None)
    if isinstance(value, dict):
        pairs = {key: mended(part, mend) for key, part in value.items()}
        hits = (hit for _, hit in pairs.values() if hit is not None)
        return {key: part for key, (part, _) in pairs.items()}, next(hits, None)
    return value, None


def _texts_of(kind: pl.DataType) -> list[str]:
    """Return the names of the texts in each entry of a list; a list of texts has one, without a name."""
    inner = kind.inner if isinstance(kind, pl.List) else kind
    if isinstance(inner, pl.Struct):
        return [field.name for field in inner.fields if field.dtype == pl.String]
    return [""] if inner == pl.String else []
