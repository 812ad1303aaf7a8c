"""Tell chance from bias: is a category spread alike over the splits, are the right letters spread evenly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl

from workbench.curation.measures import NONE, Absent, Shares, shares_of
from workbench.curation.split import SPLITS

EXPECTED = 5.0
"""Smallest expected count for which the chi-square distribution is taken as the statistic's own (Cochran's rule)."""
LEVEL = 0.05


@dataclass(frozen=True)
class Test:
    """A chi-square test: the statistic, its degrees of freedom, the p-value, and the number of records."""

    __test__ = False  # pytest would take the class for a test case

    chi_square: float
    degrees: int
    p: float
    n: int


@dataclass(frozen=True)
class Standing:
    """One value of a category: how many records of each split have it, and which part of the split they are."""

    value: str
    counts: dict[str, int]
    shares: dict[str, float]


@dataclass(frozen=True)
class Difference:
    """The value whose share differs most between two splits; `high` is the split with the larger share."""

    value: str
    high: str
    low: str
    high_share: float
    low_share: float


@dataclass(frozen=True)
class Balance:
    """A category over the splits; `n` is the number of records of each split that its shares are of."""

    category: str
    n: dict[str, int]
    values: tuple[Standing, ...]
    largest: Difference | Absent
    test: Test | Absent


@dataclass(frozen=True)
class Letters:
    """The letters of the right options; `none` records have no single right option within their options."""

    letters: Shares
    none: int
    even: Test | Absent
    """Chi-square test that every option is as often right as the others of its record."""
    tested: int
    """Records that the test is of: those whose number of options occurs often enough."""


def letters_of(chosen: pl.DataFrame) -> Letters:
    """Return how the right letters (`letter`, `options` of each record) are spread, tested against an even spread.

    Records with different numbers of options are tested apart and their statistics added, since the chance of a
    letter is one in the number of options; a group whose expected counts are below 5 is left out.
    """
    return letters_in(chosen.group_by("letter", "options").agg(count=pl.len().cast(pl.Int64)))


def letters_in(counts: pl.DataFrame) -> Letters:
    """Return the same of a table that tells the `count` of each `letter` and number of `options`."""
    known = counts.drop_nulls("letter")
    statistic, degrees, tested = 0.0, 0, 0
    for (options,), group in known.sort("options").group_by("options", maintain_order=True):
        n = int(group["count"].sum())
        if options < 2 or n / options < EXPECTED:
            continue
        found = group.group_by("letter").agg(pl.col("count").sum())["count"].sort().to_numpy()
        cells = np.zeros(options)
        cells[: len(found)] = found  # a sum over cells, of which some may hold nobody
        statistic += float(((cells - n / options) ** 2).sum() * options / n)
        degrees, tested = degrees + options - 1, tested + n
    there, all_of_them = int(known["count"].sum()), int(counts["count"].sum())
    even = _test(statistic, degrees, tested) if degrees else Absent(f"too few: {there:,} records with a letter")
    ordered = sorted(shares_of(known.select("count", value="letter")).shares, key=lambda share: share.value)
    return Letters(Shares(there, tuple(ordered)), all_of_them - there, even, tested)


def _test(statistic: float, degrees: int, n: int) -> Test:
    from scipy.special import chdtrc

    return Test(statistic, degrees, float(chdtrc(degrees, statistic)), n)


def balance(category: str, values: pl.Series, splits: pl.Series) -> Balance:
    """Return how a category is spread over train, validation and test; other records are left out.

    `values` and `splits` go record by record. The test is Pearson's chi-square test of independence without
    continuity correction, over the splits that hold records (scipy.stats.chi2_contingency).
    """
    frame = pl.DataFrame({"value": values.cast(pl.String), "split": splits})
    return balance_of(category, frame.group_by("value", "split").agg(count=pl.len().cast(pl.Int64)))


def balance_of(category: str, counts: pl.DataFrame) -> Balance:
    """Return the same of a table that tells the `count` of each `value` in each `split`."""
    named = counts.filter(pl.col("split").is_in(SPLITS)).with_columns(pl.col("value").fill_null(NONE))
    found = named.group_by("value", "split").agg(pl.col("count").sum())
    counted = {(value, side): count for value, side, count in found.iter_rows()}
    n = {side: sum(count for (_, of), count in counted.items() if of == side) for side in SPLITS}
    present = [side for side in SPLITS if n[side]]
    names = [share.value for share in shares_of(named).shares]
    standings = tuple(_standing(name, counted, n, present) for name in names)
    return Balance(category, n, standings, _largest(standings, present), _independence(standings, present))


def _standing(name: str, counted: dict[tuple[str, str], int], n: dict[str, int], present: Sequence[str]) -> Standing:
    counts = {side: counted.get((name, side), 0) for side in present}
    return Standing(name, counts, {side: count / n[side] for side, count in counts.items()})


def _largest(standings: Sequence[Standing], present: Sequence[str]) -> Difference | Absent:
    if len(present) < 2:
        return Absent("fewer than two splits hold records")
    if len(standings) < 2:
        return Absent("one value only")
    found = [_difference(one, pair) for one in standings for pair in combinations(present, 2)]
    return max(found, key=lambda gap: gap.high_share - gap.low_share)


def _difference(one: Standing, pair: tuple[str, str]) -> Difference:
    high, low = sorted(pair, key=lambda side: -one.shares[side])
    return Difference(one.value, high, low, one.shares[high], one.shares[low])


def _independence(standings: Sequence[Standing], present: Sequence[str]) -> Test | Absent:
    if len(present) < 2 or len(standings) < 2:
        return Absent("nothing to compare")
    from scipy import stats  # takes half a second to load, and not every look at a corpus needs it

    table = np.array([[one.counts[side] for side in present] for one in standings])
    expected = stats.contingency.expected_freq(table)
    if expected.min() < EXPECTED:
        return Absent(f"too few: {expected.min():.1f} records expected in the smallest cell, {EXPECTED:.0f} needed")
    found = stats.chi2_contingency(table, correction=False)
    return Test(float(found.statistic), int(found.dof), float(found.pvalue), int(table.sum()))
