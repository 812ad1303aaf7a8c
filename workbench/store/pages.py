"""Pages of a corpus: any rows of it at once, with their edits, without reading the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from workbench.schema import Schema
from workbench.store.edits import WHOLE
from workbench.store.state import State
from workbench.store.view import Rows

SEARCHED = 32_768
"""Rows that a search looks at before it yields what it found."""


@dataclass(frozen=True)
class Pages:
    """A mapped state, read by row numbers: a filter, a search and a sort are each just other numbers."""

    state: State

    @cached_property
    def standing(self) -> Rows:
        """Return the rows that were not dropped, in source and file order."""
        dropped = [record for record, values in self.state.replayed.values.items() if values.get(WHOLE)]
        return np.delete(np.arange(self.state.view.frame.height), self.state.view.rows(dropped))

    def page(self, rows: Rows) -> pl.DataFrame:
        """Return rows with their edits applied; only their own pages of the file are read."""
        return self.state.edited(self.state.view.frame[rows])

    def search(self, text: str, among: Iterable[Rows] | None = None) -> Iterator[Rows]:
        """Yield the rows whose fields, id or source hold a text, whatever its case, in order.

        They are looked for among parts of rows where those are given, else among all that stand.
        """
        wanted = pl.any_horizontal(pl.all().str.to_lowercase().str.contains(text.lower(), literal=True))
        for part in self._parts() if among is None else among:
            hits = self.page(part).select(searched(self.state.schema)).select(wanted.fill_null(value=False))
            yield part[hits.to_series().to_numpy()]

    def _parts(self) -> Iterator[Rows]:
        for start in range(0, len(self.standing), SEARCHED):
            yield self.standing[start : start + SEARCHED]


def searched(schema: Schema) -> list[pl.Expr]:
    """Return what a search looks at: all fields as text, id and source."""
    return [_as_text(name, kind) for name, kind in schema.types.items()] + [pl.col("id"), pl.col("source")]


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(kind, pl.List) and isinstance(kind.inner, pl.Struct):
        fields = [pl.element().struct.field(part.name).fill_null("") for part in kind.inner.fields]
        return column.list.eval(pl.concat_str(fields, separator=" ")).list.join("\n")
    if isinstance(kind, pl.List):
        return column.list.eval(pl.element().cast(pl.String)).list.join("\n")
    return column.cast(pl.String)
