"""Group and concept values as they are compared: what holds records together, in whatever form it is written."""

from __future__ import annotations

import polars as pl

from workbench.curation.slices import sliced
from workbench.curation.split import held_value


def held_values(column: pl.Series) -> pl.Series:
    """Return the `held_value` of each of a column's values; no more than a slice of them is turned over at a time."""
    return pl.concat([_held(part.to_series()) for part in sliced(column.to_frame())])


def _held(column: pl.Series) -> pl.Series:
    values = column.unique().to_list()
    return column.replace_strict(values, [held_value(value) for value in values], return_dtype=pl.String)
