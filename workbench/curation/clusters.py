"""Clusters of duplicates at any threshold, as arrays: a new threshold costs no look at any text."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.components import components
from workbench.curation.judge import kinds, parted_units, ranking, stand_ins, undivided, unit_leaders, with_verdicts
from workbench.curation.units import Units

KINDS = ("conflict", "translation", "redundant", "paraphrase")
"""What a cluster is called by: the first of these that one of its pairs is."""
_REDUNDANT = KINDS.index("redundant")
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Ground:
    """What clusters are made of at every threshold from `floor` on."""

    floor: float
    facts: pl.DataFrame
    """The `evidence` on each pair of units that nobody judged apart, sorted by a and b."""
    order: Numbers
    """Units, the best first."""
    best: pl.Series
    """By unit the record that stays of its equal ones."""
    size: Numbers
    """Records by unit."""
    kept: Numbers
    """Records by unit that stay where the unit does: more than one where equal records were judged apart."""
    exact: Numbers
    """Pairs of equal records by unit, see `Judgement`."""
    stand_ins: pl.DataFrame
    """`id` and `stand_in` of the records of units with a pair judged apart, see `judge.stand_ins`."""


@dataclass(frozen=True)
class Clusters:
    """Clusters at a threshold, those with most records to go first."""

    threshold: float
    unit: Numbers
    """Units, cluster by cluster, the leader first."""
    start: Numbers
    """Where each cluster's units begin; one more at the end."""
    size: Numbers
    """Records by cluster."""
    going: Numbers
    """Records by cluster that go in favour of a kept one."""
    lowest: NDArray[np.float64]
    """Smallest Jaccard of a cluster's pairs."""
    kind: Numbers
    """Places in KINDS."""
    winner: Numbers
    """By unit the one that stays for it, itself where it stays."""
    jaccard: NDArray[np.float64]
    """By unit its Jaccard with that one."""
    counts: dict[str, int]
    """Clusters, removed records and pairs of each kind, as `Judgement.counts` has them."""

    def __len__(self) -> int:
        """Return the number of clusters."""
        return len(self.size)

    def units_of(self, row: int) -> Numbers:
        """Return the units of a cluster, the leader first."""
        found: Numbers = self.unit[self.start[row] : self.start[row + 1]]
        return found

    def holding(self, unit: int) -> int | None:
        """Return the cluster that a unit stands in, if any."""
        (found,) = np.nonzero(self.unit == unit)
        return int(np.searchsorted(self.start, found[0], side="right")) - 1 if len(found) else None

    def leaders(self) -> Numbers:
        """Return the leading unit of each cluster: the best of it, which always stays."""
        found: Numbers = self.unit[self.start[:-1]]
        return found


def ground(
    units: Units,
    found: pl.DataFrame,
    order: pl.Series,
    floor: float,
    *,
    apart: Set[frozenset[str]] = frozenset(),
    agreed: Set[tuple[str, str]] = frozenset(),
) -> Ground:
    """Return the ground of clusters from the `evidence` on all pairs from a floor on; for the rest see `judge`."""
    parted = parted_units(units, apart)
    within = parted.filter(pl.col("unit_a") == pl.col("unit_b"))
    ranked = ranking(units, order)
    leader = ranked.unique("unit", keep="first", maintain_order=True)
    size = np.bincount(units.members["unit"].to_numpy(), minlength=len(units))
    name = units.frame["name"].gather(within["unit_a"])
    stands = stand_ins(ranked, within)
    once = within.filter((within["a"] == name) | (within["b"] == name))["unit_a"].to_numpy()
    return Ground(
        floor=floor,
        facts=with_verdicts(units, undivided(found, parted), agreed),
        order=leader["unit"].to_numpy(),
        best=leader.sort("unit")["id"],
        size=size,
        kept=_kept(ranked, stands, len(units)),
        exact=size - 1 - np.bincount(once, minlength=len(units)),
        stand_ins=stands,
    )


def _kept(ranked: pl.DataFrame, stands: pl.DataFrame, count: int) -> Numbers:
    stays = stands.filter(pl.col("id") == pl.col("stand_in")).join(ranked, on="id")
    kept = np.ones(count, np.int64)
    for unit, several in stays.group_by("unit").len().iter_rows():
        kept[unit] = several
    return kept


def clusters(base: Ground, threshold: float) -> Clusters:
    """Return the clusters at a threshold at or above the ground's floor."""
    kind = kinds(base.facts, threshold)
    winner, jaccard = unit_leaders(base.order, base.facts.filter(kind == "redundant"))
    alike = base.facts.select("a", "b", "jaccard").with_columns(kind=kind).filter(kind != "similar")
    one, other = alike["a"].to_numpy(), alike["b"].to_numpy()
    label = components(len(base.order), one, other)
    counted = dict(kind.value_counts().iter_rows())
    linked = base.exact > 0
    linked[one] = linked[other] = True
    member = np.flatnonzero(linked)
    place = np.empty(len(base.order), np.int64)
    place[base.order] = np.arange(len(base.order))
    member = member[np.lexsort((place[member], label[member]))]
    first = np.flatnonzero(np.diff(label[member], prepend=-1))
    cluster = np.full(len(base.order), -1, np.int64)  # by the smallest unit of each
    cluster[label[member[first]]] = np.arange(len(first))
    lowest, code = np.ones(len(first)), np.full(len(first), len(KINDS), np.int64)
    np.minimum.at(lowest, cluster[label[one]], alike["jaccard"].to_numpy())
    np.minimum.at(code, cluster[label[one]], alike["kind"].replace_strict(KINDS, range(len(KINDS))).to_numpy())
    exact = np.flatnonzero(base.exact > 0)
    np.minimum.at(code, cluster[label[exact]], _REDUNDANT)
    stays = np.where(winner == np.arange(len(winner)), base.kept, 0)
    found = Clusters(
        threshold=threshold,
        unit=member,
        start=np.append(first, len(member)),
        size=_summed(base.size[member], first),
        going=_summed((base.size - stays)[member], first),
        lowest=lowest,
        kind=code,
        winner=winner,
        jaccard=jaccard,
        counts={},
    )
    counts = {"clusters": len(found), "removed": int(found.going.sum())}
    counts |= {name: counted.get(name, 0) for name in ("redundant", "paraphrase", "conflict", "translation")}
    counts["redundant"] += int(base.exact.sum())
    return _in_order(found, counts)


def _summed(values: Numbers, first: Numbers) -> Numbers:
    found: Numbers = np.add.reduceat(values, first) if len(first) else np.empty(0, np.int64)
    return found


def _in_order(found: Clusters, counts: dict[str, int]) -> Clusters:
    """Return the clusters with most to go first, then the largest, then the most alike."""
    order = np.lexsort((-found.lowest, -found.size, -found.going))
    lengths = np.diff(found.start)[order]
    start = np.concatenate([[0], np.cumsum(lengths)])
    within = np.arange(len(found.unit)) - np.repeat(start[:-1], lengths)
    return Clusters(
        threshold=found.threshold,
        unit=found.unit[np.repeat(found.start[:-1][order], lengths) + within],
        start=start,
        size=found.size[order],
        going=found.going[order],
        lowest=found.lowest[order],
        kind=found.kind[order],
        winner=found.winner,
        jaccard=found.jaccard,
        counts=counts,
    )
