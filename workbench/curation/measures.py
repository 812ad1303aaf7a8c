"""Measure a column: how its numbers are spread, its words, the shares of its values; each with what it is of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

BINS = 10
"""Bars of a histogram at most."""
NONE = "(none)"
"""Stands for an absent value among the values of a category."""
WORD = r"\w+"
"""A word as the duplicates' shingles know it: a run of letters, digits and underscores."""
Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]
_SLICE = 100_000
"""Records whose words are held at once."""


@dataclass(frozen=True)
class Absent:
    """A number that cannot be given, and why."""

    reason: str
    value: None = None


@dataclass(frozen=True)
class Bin:
    """A bar of a histogram: how many values lie from `low` to `high`, both included."""

    low: int
    high: int
    count: int


@dataclass(frozen=True)
class Spread:
    """How whole numbers are spread; percentiles are interpolated linearly between neighbours."""

    n: int
    total: int
    min: int
    p5: float
    median: float
    mean: float
    p95: float
    max: int
    histogram: tuple[Bin, ...]


@dataclass(frozen=True)
class Share:
    """One value, how often it stands, and which part of all that is (0 to 1)."""

    value: str
    count: int
    share: float


@dataclass(frozen=True)
class Shares:
    """The values of a category, most frequent first; `n` is what the shares are of."""

    n: int
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class Vocabulary:
    """Words of a field in lower case: running and different ones; `ratio` (type/token) falls as a text grows."""

    running: int
    different: int
    ratio: float | Absent


def spread(values: pl.Series) -> Spread | Absent:
    """Return how the numbers that are there are spread."""
    return spread_of(values.alias("number").value_counts(name="count"))


def spread_of(counts: pl.DataFrame) -> Spread | Absent:
    """Return how numbers are spread of which a table tells the `count` of each `number`; null ones are left out.

    Percentiles are those of `numpy.percentile`, to the last bit.
    """
    known = counts.drop_nulls("number").group_by("number").agg(pl.col("count").sum()).sort("number")
    if known.is_empty():
        return Absent("no records")
    numbers, times = known["number"].to_numpy(), known["count"].to_numpy().astype(np.int64)
    n, total = int(times.sum()), int((numbers * times).sum())
    p5, median, p95 = (_percentile(numbers, times.cumsum(), share) for share in (0.05, 0.5, 0.95))
    ends = int(numbers[0]), int(np.ceil(p95)), int(numbers[-1])
    return Spread(n, total, ends[0], p5, median, total / n, p95, ends[2], _histogram(numbers, times, ends))


def _percentile(numbers: Numbers, upto: Numbers, share: float) -> float:
    """Return a percentile of sorted numbers; `upto` tells how many are not greater than each."""
    last = int(upto[-1]) - 1
    place = last * share
    first = int(place)
    both = (first, min(first + 1, last))
    low, high = (float(numbers[np.searchsorted(upto, at, side="right")]) for at in both)
    part = place - first
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)


def _histogram(numbers: Numbers, times: Numbers, ends: tuple[int, int, int]) -> tuple[Bin, ...]:
    """Return equal bins up to the 95th percentile and one for the rest: a few giants would flatten all others."""
    low, usual, high = ends
    width = max(-(-(usual - low + 1) // (BINS - 1)), 1)
    starts = [start for start in range(low, low + width * BINS, width) if start <= high]
    stops = [*(start - 1 for start in starts[1:]), high]
    counts = np.zeros(len(starts), np.int64)
    np.add.at(counts, np.minimum((numbers - low) // width, len(starts) - 1), times)
    return tuple(Bin(a, b, int(count)) for a, b, count in zip(starts, stops, counts, strict=True))


def characters(texts: pl.Series) -> pl.Series:
    """Return the length of each text in Unicode code points."""
    return texts.str.len_chars().cast(pl.Int64)


def word_counts(texts: pl.Series) -> pl.Series:
    """Return the number of words of each text."""
    return texts.str.count_matches(WORD).cast(pl.Int64)


def words(texts: pl.Series) -> pl.Series:
    """Return the words of all texts, in lower case."""
    return texts.drop_nulls().str.to_lowercase().str.extract_all(WORD).explode().drop_nulls()


def vocabulary(texts: pl.Series) -> Vocabulary:
    """Return the running and the different words of a field."""
    running, different = 0, pl.Series(dtype=pl.String)
    for start in range(0, len(texts), _SLICE):
        found = words(texts.slice(start, _SLICE))
        running += len(found)
        different = pl.concat([different, found.unique()]).unique()
    return vocabulary_of(running, len(different))


def vocabulary_of(running: int, different: int) -> Vocabulary:
    """Return a vocabulary of so many words."""
    return Vocabulary(running, different, different / running if running else Absent("no words"))


def shares(values: pl.Series) -> Shares:
    """Return the values of a category with their shares; an absent value counts as one of its own."""
    return shares_of(values.alias("value").value_counts(name="count"))


def shares_of(counts: pl.DataFrame) -> Shares:
    """Return the shares of values of which a table tells the `count` of each `value`, here and there more than once."""
    named = counts.select(pl.col("value").cast(pl.String).fill_null(NONE), pl.col("count").cast(pl.Int64))
    summed = named.group_by("value").agg(pl.col("count").sum()).rows()
    n = sum(count for _, count in summed)
    ordered = sorted(summed, key=lambda pair: (-pair[1], pair[0]))
    return Shares(n, tuple(Share(value, count, count / n) for value, count in ordered))
