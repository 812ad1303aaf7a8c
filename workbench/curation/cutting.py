"""Cut leakage-safe splits that stay put: groups are never torn, adding records moves nobody, test never trains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.grouped import QUOTAS, THRESHOLDS, Cut, Grouped, Reasons
from workbench.curation.sides import EXCLUDED, NONE, TEST, TRAIN, VALIDATION, Codes, Mask, Numbers
from workbench.curation.slices import SLICE
from workbench.curation.split import SPLITS, SURPLUS, Wanted, draw, tested_in

MANY = 100_000
"""Free groups of one stratum above which they are placed by thresholds: a share is then off by 0.1 points or less."""
BULKY = 1000
"""A group that holds more than one in so many of its stratum's records is never left to a threshold."""
_Room = list[float]
"""What each of SPLITS misses, in records."""


def cut_groups(records: Grouped, wanted: Wanted, strata: pl.Series | None = None) -> Cut:
    """Assign groups of records: who was assigned stays, the rest fills the largest deficits.

    `strata` holds the name of each record's stratum; without it all are of one. A group that holds records of two
    splits goes to the higher of them and the others yield into `excluded`, whether the higher ones are eligible or
    not. A group once tested stands in test or nowhere: a draw without any prior gives it what room test has.
    """
    placed, tested = records.reached(), records.first_tested()
    bound = np.where(placed == NONE, tested, 0)
    placed[(placed >= 0) & (tested > 0)] = TEST
    where = placed[records.group]
    counts = records.eligible & ((where == NONE) | (records.prior == where))
    todo = _Field(
        names=records.ids,
        size=np.bincount(records.group[counts], minlength=len(records)),
        placed=placed,
        bound=bound,
        stratum=_of_groups(records, counts, strata),
        wanted=wanted,
        fresh=records.fresh,
    )
    filled = (_fill_counts if wanted.counts else _fill_shares)(todo)
    cut = _cut(records, todo)
    _keep_to_counts(records, cut, wanted)
    return replace(cut, method=filled.method, too_big=filled.too_big)


def _of_groups(records: Grouped, counts: Mask, strata: pl.Series | None) -> Numbers:
    """Return by group the stratum of the first of its records that count, numbered in the order of their names."""
    out = np.zeros(len(records), np.int64)
    if strata is not None:
        last_first = np.flatnonzero(counts)[::-1]
        out[records.group[last_first]] = strata.rank("dense").to_numpy()[last_first]
    return out


@dataclass(frozen=True)
class _Field:
    """What is to be filled: all groups by number with the records that count, and where they stand."""

    names: pl.Series
    size: Numbers
    """0 for what is no group, and for groups none of whose records count."""
    placed: Codes
    """NONE for free groups: each is given its place here."""
    bound: Numbers
    """The version that free groups were tested in, which may stand in test alone; 0 for all others."""
    stratum: Numbers
    wanted: Wanted
    fresh: bool

    def order(self, groups: Numbers) -> Numbers:
        """Return groups largest first, equal ones as drawn."""
        ordered: Numbers = groups[np.lexsort((self.draws(groups), -self.size[groups]))]
        return ordered

    def draws(self, groups: Numbers) -> NDArray[np.float64]:
        """Return the draw of each group's name."""
        return _draws(self.wanted.seed, self.names.gather(groups))

    def first_tested(self, groups: Numbers) -> Iterator[tuple[int, int]]:
        """Yield the bound ones of these groups with their sizes, longest known first: drawn twice, they fall alike."""
        bound = self.order(groups[self.bound[groups] > 0])
        yield from self.each(bound[np.argsort(self.bound[bound], kind="stable")])

    def each(self, groups: Numbers) -> Iterator[tuple[int, int]]:
        """Yield groups with their sizes."""
        for first in range(0, len(groups), SLICE):
            some = groups[first : first + SLICE]
            yield from zip(some.tolist(), self.size[some].tolist(), strict=True)

    def free(self, groups: Numbers) -> Numbers:
        """Return which of these groups may stand anywhere."""
        held: Mask = (self.placed[groups] != NONE) | (self.bound[groups] > 0)
        return groups[~held]

    def have(self, groups: Numbers) -> list[int]:
        """Return how many records of these groups stand on each of SPLITS."""
        return [int(self.size[groups[self.placed[groups] == side]].sum()) for side in range(len(SPLITS))]


@dataclass
class _Filled:
    """How free groups were placed."""

    method: str = QUOTAS
    too_big: int = 0


def _fill_shares(todo: _Field) -> _Filled:
    """Place free groups stratum by stratum, largest first, where most is missing; carry the rounding debt on."""
    out = _Filled()
    missing = [0.0] * len(SPLITS)
    for groups in _by_stratum(todo):
        missing = _fill_stratum(todo, groups, missing, out)
    return out


def _by_stratum(todo: _Field) -> list[Numbers]:
    groups = np.flatnonzero(todo.size)
    groups = groups[np.argsort(todo.stratum[groups], kind="stable")]
    return np.split(groups, np.flatnonzero(np.diff(todo.stratum[groups])) + 1)


def _fill_stratum(todo: _Field, groups: Numbers, owed: _Room, out: _Filled) -> _Room:
    """Place the free groups of one stratum and return what each side still misses."""
    shares, total = _shares(todo.wanted), int(todo.size[groups].sum())
    free = todo.free(groups)
    missing = [share * total - have + debt for share, have, debt in zip(shares, todo.have(groups), owed, strict=True)]
    barred = 0
    for group, size in todo.first_tested(groups):
        fits = todo.fresh and missing[TEST] >= size / 2
        todo.placed[group] = TEST if fits else EXCLUDED
        missing[TEST] -= size if fits else 0
        barred += 0 if fits else size
    missing = [lacks - share * barred for lacks, share in zip(missing, shares, strict=True)]
    if len(free) <= MANY:
        _by_quotas(todo, free, missing, out)
    else:
        bulky = todo.size[free] > int(todo.size[free].sum()) / BULKY
        _by_quotas(todo, free[bulky], missing, out)
        _by_thresholds(todo, free[~bulky], missing, out)
    return missing


def _shares(wanted: Wanted) -> list[float]:
    return [ratio / sum(wanted.ratios) for ratio in wanted.ratios]


def _by_quotas(todo: _Field, free: Numbers, missing: _Room, out: _Filled) -> None:
    """Place groups one by one where most is missing; `missing` is kept up to date."""
    sides = [side for side, share in enumerate(_shares(todo.wanted)) if share > 0]
    for group, size in todo.each(todo.order(free)):
        side = _neediest(missing, sides, size)
        out.too_big += size > 1 and missing[side] < size / 2
        todo.placed[group] = side
        missing[side] -= size


def _neediest(missing: Sequence[float], sides: Sequence[int], size: int) -> int:
    """Return the split that misses most among those that still take at least half of the group."""
    return max(sides, key=lambda side: (missing[side] >= size / 2, missing[side], -side))


def _by_thresholds(todo: _Field, free: Numbers, missing: _Room, out: _Filled) -> None:
    """Place each group by its own draw on the shares that are still missing; `missing` is kept up to date."""
    out.method = THRESHOLDS
    room = [max(lacks, 0.0) for lacks in missing]
    first = room[TRAIN] / sum(room)
    second = first + room[VALIDATION] / sum(room)
    place = todo.draws(free)
    todo.placed[free] = np.where(place < first, TRAIN, np.where(place < second, VALIDATION, TEST))
    for side in range(len(SPLITS)):
        sizes = todo.size[free[todo.placed[free] == side]]
        # One after the other, in the order of names, as quotas do: what is left must not hang on how a sum is made.
        missing[side] = float(np.subtract.reduce(np.concatenate([[missing[side]], sizes])))


def _fill_counts(todo: _Field) -> _Filled:
    """Place free groups until every count is met exactly where groups allow; the surplus is excluded."""
    assert todo.wanted.counts is not None
    out, groups = _Filled(), np.flatnonzero(todo.size)
    free = todo.free(groups)
    room = [count - have for count, have in zip(todo.wanted.counts, todo.have(groups), strict=True)]
    for group, size in todo.first_tested(groups):
        fits = todo.fresh and room[TEST] >= size
        todo.placed[group] = TEST if fits else EXCLUDED
        room[TEST] -= size if fits else 0
    todo.placed[free] = EXCLUDED
    for group, size in todo.each(todo.order(free)):
        if max(room) <= 0:
            break
        fitting = [side for side in range(len(SPLITS)) if room[side] >= size]
        if not fitting:
            out.too_big += size > 1
            continue
        side = max(fitting, key=lambda side: (room[side], -side))
        todo.placed[group] = side
        room[side] -= size
    return out


def _cut(records: Grouped, todo: _Field) -> Cut:
    """Return where the records of placed groups stand."""
    cut = Cut(np.where(records.eligible, todo.placed[records.group], np.int8(NONE)), Reasons(len(records)))
    out = np.flatnonzero(cut.side == EXCLUDED)
    bound = todo.bound[records.group[out]]
    cut.exclude(out[bound == 0], SURPLUS)
    for number in np.unique(bound[bound > 0]).tolist():
        cut.exclude(out[bound == number], tested_in(number))
    yields = cut.standing & (records.prior >= 0) & (records.prior != cut.side)
    for side, name in enumerate(SPLITS):
        cut.exclude(yields & (cut.side == side), f"yields to {name}: its group now reaches there")
    return cut


def _keep_to_counts(records: Grouped, cut: Cut, wanted: Wanted) -> None:
    """Exclude newcomers of settled groups beyond an exact count."""
    for side, count in enumerate(wanted.counts or ()):
        here = cut.side == side
        new = np.flatnonzero(here & (records.prior == NONE))
        settled = int(here.sum()) - len(new)
        room = max(count - settled, 0)
        if len(new) > room:
            last = np.argsort(_draws(wanted.seed, records.ids.gather(new)), kind="stable")
            cut.exclude(new[last[room:]], SURPLUS)


def _draws(seed: int, names: pl.Series) -> NDArray[np.float64]:
    """Return the `draw` of each name."""
    return np.fromiter((draw(seed, name) for name in names), np.float64, len(names))
