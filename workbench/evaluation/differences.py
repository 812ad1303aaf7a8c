"""Whether two models differ for sure: intervals by a paired bootstrap over groups, and verdicts that may abstain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workbench.evaluation.metrics import known
from workbench.evaluation.metrics.registry import Metric, Missing, Numbers, Places, Sums, value_of

DRAWS, SEED = 10_000, 0
LEVEL = 0.95
"""Of the intervals; a verdict allows for one error in twenty too."""
FEWEST = 6
"""Groups with which a verdict is possible: of 2^5 swaps the two extreme ones alone are more than one in twenty."""
METHOD = (
    f"{LEVEL:.0%} percentile interval of a paired bootstrap over split groups and p of paired random swaps of groups, "
    f"{DRAWS:,} draws each, seed {SEED}; em also by McNemar's exact test"
)
_AT_ONCE = 1 << 22
"""Drawn groups that are held in memory at once."""
Verdict = Literal["better", "worse", "cannot tell"]
Groups = NDArray[np.int64]


@dataclass(frozen=True)
class McNemar:
    """McNemar's exact test: records that only one of the two answers right, and the two-sided p (McNemar 1947)."""

    only_one: int
    only_other: int
    p: float


@dataclass(frozen=True)
class Difference:
    """By how much the other model's number is above the one's, and whether that is more than chance."""

    value: float
    interval: tuple[float, float]
    p: float
    groups: int
    records: int
    verdict: Verdict
    mcnemar: McNemar | None = None
    reason: str = ""
    """Why nobody can tell, where that does not depend on the numbers."""

    def plain(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        found = {**vars(self), "interval": list(self.interval)}
        found["mcnemar"] = vars(self.mcnemar) if self.mcnemar else None
        return {name: value for name, value in found.items() if value not in (None, "")}


@dataclass(frozen=True)
class Pair:
    """One metric's sums over the same records under two models."""

    places: Places
    """The rows that both count."""
    one: Numbers
    other: Numbers
    combine: Callable[[Numbers], Numbers]


Drawn = tuple[Numbers, Numbers]
"""(draws, sums) of the one and of the other model."""


def differences(
    one: pa.Table, other: pa.Table, unfit: Mapping[str, str] | None = None, names: Sequence[str] = ()
) -> dict[str, Any]:
    """Return {metric: difference} of two models' rows, which hold the same records in the same order.

    A metric without a direction is left out; one that is named in `unfit` or cannot be computed is
    `{"value": None, "reason": ...}`; `names` asks for some alone. `group` names what is drawn together; a record
    without one stands for itself.
    """
    wanted = {name: metric for name, metric in known().items() if metric.better != "neither"}
    wanted = {name: wanted[name] for name in names or wanted}
    refused = {name: Missing(reason) for name, reason in (unfit or {}).items()}
    found = {name: refused.get(name) or _pair(metric, one, other) for name, metric in wanted.items()}
    pairs = {name: pair for name, pair in found.items() if isinstance(pair, Pair)}
    judged = _judged(pairs, groups_of(one))
    return {name: _plain(judged.get(name, value)) for name, value in found.items()}


def _plain(found: Difference | Pair | float | Missing) -> dict[str, Any]:
    if isinstance(found, Missing):
        return {"value": None, "reason": found.reason}
    if isinstance(found, Difference):
        return found.plain()
    return {"value": found, "interval": None, "verdict": "cannot tell", "reason": "a quantile or peak has no interval"}


def groups_of(rows: pa.Table) -> list[str]:
    """Return what each row is drawn with: its split group, else itself."""
    pairs = zip(rows["group"].to_pylist(), rows["record"].to_pylist(), strict=True)
    return [f"group {group}" if group is not None else f"record {record}" for group, record in pairs]


def _pair(metric: Metric, one: pa.Table, other: pa.Table) -> Pair | float | Missing:
    """Return the sums over the records that both count; a bare difference where the metric is no sum."""
    outcomes = metric.compute(one), metric.compute(other)
    first, second = (value_of(outcome) for outcome in outcomes)
    if isinstance(first, Missing) or isinstance(second, Missing):
        return next(value for value in (first, second) if isinstance(value, Missing))
    if not (isinstance(outcomes[0], Sums) and isinstance(outcomes[1], Sums)):
        return float(second) - float(first)
    places, left, right = np.intersect1d(outcomes[0].places, outcomes[1].places, return_indices=True)
    if not len(places):
        return Missing("no record has a number under both")
    return Pair(places, outcomes[0].each[left], outcomes[1].each[right], outcomes[0].combine)


def _judged(pairs: Mapping[str, Pair], groups: list[str]) -> dict[str, Difference | Missing]:
    """Return the difference of each metric; those that count the same records share their draws."""
    alike: dict[bytes, list[str]] = {}
    for name, pair in pairs.items():
        alike.setdefault(pair.places.tobytes(), []).append(name)
    out: dict[str, Difference | Missing] = {}
    for names in alike.values():
        of = np.unique([groups[place] for place in pairs[names[0]].places], return_inverse=True)[1]
        one = _added(np.column_stack([pairs[name].one for name in names]), of)
        other = _added(np.column_stack([pairs[name].other for name in names]), of)
        drawn, swaps = bootstrap(one, other), swapped(one, other)
        start = 0
        for name in names:
            part = slice(start, start := start + pairs[name].one.shape[1])
            out[name] = _difference(name, pairs[name], _cut(drawn, part), _cut(swaps, part), len(one))
    return out


def _cut(drawn: Drawn, part: slice) -> Drawn:
    return drawn[0][:, part], drawn[1][:, part]


def _difference(name: str, pair: Pair, drawn: Drawn, swaps: Drawn, groups: int) -> Difference | Missing:
    value = float(pair.combine(pair.other.sum(0)) - pair.combine(pair.one.sum(0)))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(pair.combine(drawn[1]) - pair.combine(drawn[0]), [tail, 1 - tail]).tolist()
    if not np.isfinite([value, low, high]).all():
        return Missing("the losses of some draws are not finite, or far too high")
    p = _share_as_large(pair.combine(swaps[1]) - pair.combine(swaps[0]), value)
    mcnemar = _mcnemar(pair) if name == "em" else None
    sure = (low > 0 or high < 0) and max(p, mcnemar.p if mcnemar else 0.0) <= 1 - LEVEL
    verdict: Verdict = "cannot tell"
    if sure:
        verdict = "better" if (value > 0) == (known()[name].better == "higher") else "worse"
    few = f"{len(pair.places)} records in {groups} groups: fewer than {FEWEST} groups cannot decide"
    reason = few if groups < FEWEST else ""
    return Difference(value, (low, high), p, groups, len(pair.places), verdict, mcnemar, reason)


def bootstrap(one: Numbers, other: Numbers) -> Drawn:
    """Return the sums of DRAWS draws of as many groups with replacement, the same groups for both models.

    Efron and Tibshirani (1993), chapter 13; for paired systems and corpus scores Koehn (2004).
    """
    generator, count = np.random.default_rng(SEED), len(one)

    def times(size: int) -> Numbers:
        drawn = generator.integers(0, count, (size, count)) + count * np.arange(size)[:, None]
        return np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count).astype(np.float64)

    parts = [(chosen @ one, chosen @ other) for chosen in map(times, _batches(count))]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def swapped(one: Numbers, other: Numbers) -> Drawn:
    """Return the sums of DRAWS random swaps of the two models, group by group.

    Approximate randomisation (Noreen 1989): with few groups the bootstrap alone is too sure of itself, this is not.
    """
    generator, gap = np.random.default_rng(SEED), other - one
    sizes = _batches(len(one))
    moved = np.concatenate(
        [generator.integers(0, 2, (size, len(one)), np.int8).astype(np.float64) @ gap for size in sizes]
    )
    return one.sum(0) + moved, other.sum(0) - moved


def _share_as_large(swaps: Numbers, value: float) -> float:
    """Return the two-sided p: the share of swaps, the one that was observed among them, that differ as much."""
    # Swaps that change nothing add up in another order: they must still count as differing as much.
    smaller = np.abs(swaps) < abs(value) * (1 - 1e-9) - 1e-12
    return (int((~smaller).sum()) + 1) / (len(swaps) + 1)


def _batches(count: int) -> Iterator[int]:
    size = max(1, min(DRAWS, _AT_ONCE // max(count, 1)))
    for start in range(0, DRAWS, size):
        yield min(size, DRAWS - start)


def _added(each: Numbers, groups: Groups) -> Numbers:
    sums = np.zeros((int(groups.max()) + 1, each.shape[1]))
    np.add.at(sums, groups, each)
    return sums


def _mcnemar(pair: Pair) -> McNemar:
    """Return the exact test over records, each right or wrong."""
    from scipy.stats import binomtest

    right = pair.one[:, 0] > 0.5, pair.other[:, 0] > 0.5
    only_one, only_other = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    discordant = only_one + only_other
    p = float(binomtest(only_other, discordant, 0.5).pvalue) if discordant else 1.0
    return McNemar(only_one, only_other, p)
