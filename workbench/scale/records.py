"""Work over the records of a state, part by part: the worker that needs some reads them where they lie."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from workbench.curation.quality import RULES_VERSION, unchecked
from workbench.errors import DataError
from workbench.scale.surface import Kinds, Plan, Work
from workbench.store.rows import Rows, listing_file, read
from workbench.workspace import out_of_space

PART = 16_384
"""Records of a part: as many as a stored segment has rows."""
NUMBER = "_part"
"""Column of the number of a part beside its records; no schema has columns that begin like it."""


def over(rows: Rows, parts: Iterator[pl.DataFrame], folder: Path, work: Work, kinds: Kinds) -> Plan:
    """Return a plan that runs some work over each part, given as a piece of the listing.

    The work gets the records in the order of the listing, with the number of their part as NUMBER.
    """
    count = rows.written(parts, folder)
    numbers = pl.DataFrame({"part": range(count)}, schema={"part": pl.Int64})
    told = partial(_worked, folder=folder, types=rows.types, work=work, packages=packages())
    marks = folder / uuid.uuid4().hex
    with out_of_space(marks):
        marks.mkdir(mode=0o700)
    return Plan.of(numbers, count, marks).grouped("part", told, kinds)


def slices(listing: pl.DataFrame, size: int = PART) -> Iterator[pl.DataFrame]:
    """Yield a listing part by part."""
    return (listing.slice(first, size) for first in range(0, listing.height, size))


def packages() -> list[Any]:
    """Return what a result depends on beside the code of the workbench."""
    return [pl.__version__, pa.__version__, RULES_VERSION, unchecked()]


def _worked(
    numbers: pl.DataFrame, folder: Path, types: dict[str, pl.DataType], work: Work, packages: list[Any]
) -> pl.DataFrame:
    refuse_other(packages)
    part = numbers["part"][0]
    return work(read(listing_file(folder, part), types).with_columns(pl.lit(part, pl.Int64).alias(NUMBER)))


def refuse_other(here: list[Any]) -> None:
    """Raise DataError on a worker whose packages are not those of the machine that asks."""
    if packages() != here:
        raise DataError("a worker has other packages than this machine: its results would differ")
