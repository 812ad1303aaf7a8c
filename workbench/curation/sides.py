"""Where records stand or stood, in columns: a mapping of names costs ten times what its content does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.split import SIDES

Numbers = NDArray[np.int64]
"""Of each record: a number. A record's own number is its place in the order of ids."""
Codes = NDArray[np.int8]
"""Of each record, or of each group: the place of its side in SIDES, NONE for no side."""
Mask = NDArray[np.bool_]
NONE = -1
TRAIN, VALIDATION, TEST, EXCLUDED, REMOVED = range(len(SIDES))
"""Of the first three the higher one is the higher side, see RANK."""
_CODE = pl.Enum(SIDES)
_STOOD = {"id": pl.String, "side": pl.Int8}


def numbers_in(ids: pl.Series, wanted: pl.Series) -> Numbers:
    """Return the number that each wanted id has among sorted ones, NONE where it is none of them."""
    if ids.is_empty() or wanted.is_empty():
        return np.full(len(wanted), NONE, np.int64)
    place = np.minimum(ids.search_sorted(wanted).to_numpy().astype(np.int64), len(ids) - 1)
    return np.where((ids.gather(place) == wanted).to_numpy(), place, NONE)


def picked(values: pl.Series, numbers: NDArray[np.signedinteger]) -> pl.Series:
    """Return the value that each number names, null for NONE."""
    found = pl.Series("number", numbers)
    return values.gather(found.to_frame().select(pl.when(found >= 0).then("number")).to_series())


def codes_of(sides: pl.Series) -> Codes:
    """Return the code of each side by its name."""
    return sides.cast(_CODE).to_physical().cast(pl.Int8).fill_null(NONE).to_numpy()


def names_of(codes: Codes) -> pl.Series:
    """Return the name of each side by its code."""
    return picked(pl.Series(SIDES, dtype=pl.String), codes)


class Stood(Mapping[str, str]):
    """Record -> the split it stands or stood on."""

    def __init__(self, records: pl.DataFrame | None = None) -> None:
        """Hold columns `id` and `side`, a split's name; an id stands there once."""
        held = pl.DataFrame(schema=_STOOD) if records is None else records
        side = pl.Series("side", codes_of(held["side"])) if held.schema["side"] == pl.String else held["side"]
        self.frame = held.select("id").with_columns(side).sort("id")
        """Columns of _STOOD, in the order of ids."""

    @classmethod
    def of(cls, sides: Mapping[str, str]) -> Stood:
        """Return the same from any mapping."""
        return cls(
            pl.DataFrame({"id": list(sides), "side": list(sides.values())}, schema=dict.fromkeys(_STOOD, pl.String))
        )

    def at(self, records: pl.Series) -> Codes:
        """Return the side of each of some records, NONE for those that are not here."""
        place = numbers_in(self.frame["id"], records)
        out = np.full(len(place), NONE, np.int8)
        out[place >= 0] = self.frame["side"].to_numpy()[place[place >= 0]]
        return out

    def over(self, other: Stood) -> Stood:
        """Return both, with this one's side of a record that stands in both."""
        more = other.frame.filter(numbers_in(self.frame["id"], other.frame["id"]) == NONE)
        return Stood(pl.concat([self.frame, more])) if more.height else self

    def __getitem__(self, record: str) -> str:
        """Return the side of one record."""
        (code,) = self.at(pl.Series([record], dtype=pl.String))
        if code == NONE:
            raise KeyError(record)
        return SIDES[code]

    def __iter__(self) -> Iterator[str]:
        """Yield the records in the order of their ids."""
        return iter(self.frame["id"])

    def __len__(self) -> int:
        """Return how many records there are."""
        return self.frame.height
