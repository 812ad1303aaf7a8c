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
    known = values.drop_nulls().to_numpy()
    if not len(known):
        return Absent("no records")
    p5, median, p95 = (float(value) for value in np.percentile(known, [5, 50, 95]))
    low, high = int(known.min()), int(known.max())
    return Spread(
        n=len(known),
        total=int(known.sum(dtype=np.int64)),
        min=low,
        p5=p5,
        median=median,
        mean=float(known.mean(dtype=np.float64)),
        p95=p95,
        max=high,
        histogram=_histogram(known, (low, int(np.ceil(p95)), high)),
    )


def _histogram(known: np.ndarray[tuple[int], np.dtype[np.int64]], ends: tuple[int, int, int]) -> tuple[Bin, ...]:
    """Return equal bins up to the 95th percentile and one for the rest: a few giants would flatten all others."""
    low, usual, high = ends
    width = max(-(-(usual - low + 1) // (BINS - 1)), 1)
    starts = [start for start in range(low, low + width * BINS, width) if start <= high]
    stops = [*(start - 1 for start in starts[1:]), high]
    counts = np.bincount(np.minimum((known - low) // width, len(starts) - 1), minlength=len(starts))
    return tuple(Bin(a, b, int(count)) for a, b, count in zip(starts, stops, counts, strict=True))


def characters(texts: pl.Series) -> pl.Series:
    """Return the length of each text in Unicode code points."""
    return texts.str.len_chars().cast(pl.Int64)


def word_counts(texts: pl.Series) -> pl.Series:
    """Return the number of words of each text."""
    return texts.str.count_matches(WORD).cast(pl.Int64)


def vocabulary(texts: pl.Series) -> Vocabulary:
    """Return the running and the different words of a field."""
    running, different = 0, pl.Series(dtype=pl.String)
    for start in range(0, len(texts), _SLICE):
        words = texts.slice(start, _SLICE).drop_nulls().str.to_lowercase().str.extract_all(WORD).explode().drop_nulls()
        running += len(words)
        different = pl.concat([different, words.unique()]).unique()
    ratio = len(different) / running if running else Absent("no words")
    return Vocabulary(running, len(different), ratio)


def shares(values: pl.Series) -> Shares:
    """Return the values of a category with their shares; an absent value counts as one of its own."""
    counted = values.cast(pl.String).fill_null(NONE).value_counts(name="count").rows()
    n = len(values)
    ordered = sorted(counted, key=lambda pair: (-pair[1], pair[0]))
    return Shares(n, tuple(Share(value, count, count / n) for value, count in ordered))
