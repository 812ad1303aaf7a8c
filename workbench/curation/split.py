"""Cut leakage-safe splits that stay put: groups are never torn, adding records moves nobody, test never trains."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from workbench.text import nfc

SPLITS = ("train", "validation", "test")
SIDES = (*SPLITS, "excluded", "removed")
"""Everywhere that a record of a version can stand, in the order in which it is always told."""
RANK = {"test": 2, "validation": 1, "train": 0}
"""Where a group is found on two sides, the higher one keeps its records and the lower one yields."""

Name = Literal["train", "validation", "test", "excluded"]
SURPLUS = "surplus"
"""The reason of a record that exact counts leave over."""
_Told = TypeVar("_Told")

MANY = 100_000
"""Free groups of one stratum above which they are placed by thresholds: a share is then off by 0.1 points or less."""
BULKY = 1000
"""A group that holds more than one in so many of its stratum's records is never left to a threshold."""
QUOTAS, THRESHOLDS = "quotas", "thresholds"


@dataclass(frozen=True)
class Wanted:
    """What a split shall be: shares of the records, or exact counts with the surplus excluded."""

    seed: int = 42
    ratios: tuple[float, float, float] = (0.8, 0.1, 0.1)
    """Shares of train, validation and test; they need not sum to one."""
    counts: tuple[int, int, int] | None = None
    """Exact numbers of records instead of shares; None means shares."""


@dataclass(frozen=True)
class Cut:
    """Where each record went, and why a record is excluded."""

    split: dict[str, str]
    reasons: dict[str, str] = field(default_factory=dict)
    settled: dict[str, str] = field(default_factory=dict)
    """Where later cuts start from, where that is more than what stands here."""
    method: str = QUOTAS
    """How free groups were placed."""
    too_big: int = 0
    """Groups of several records that no side had room for half of, or, with counts, that fitted nowhere."""


def by_side(told: Mapping[str, _Told]) -> dict[str, _Told]:
    """Return what is told of each side in the order of SIDES; whatever is no side comes last, by name."""
    return {side: told[side] for side in (*SIDES, *sorted(told.keys() - {*SIDES})) if side in told}


def held_value(value: object) -> str | None:
    """Return a group or concept value as it is compared: NFC, no blanks around it, None for a blank one.

    Case counts: values are often codes, and `ab1` and `AB1` may name two things.
    """
    return nfc(str(value)).strip() or None if value is not None else None


def highest(sides: Iterable[str]) -> str | None:
    """Return the highest of some sides, None of none."""
    return max(sides, key=RANK.__getitem__, default=None)


def draw(seed: int, name: str) -> float:
    """Return a number in [0, 1) from seed and name alone: the same in every language and engine (sha256)."""
    head = hashlib.sha256(f"{seed}\x1f{name}".encode()).digest()[:8]
    return int.from_bytes(head, "big") / 2**64


def tested_in(number: int) -> str:
    """Return the reason of a record that is excluded because it stood in test of that version."""
    return f"was tested in v{number}"


def cut_groups(
    groups: Mapping[str, str],
    strata: Mapping[str, str],
    prior: Mapping[str, str],
    wanted: Wanted,
    *,
    reached: Mapping[str, str] | None = None,
    tested: Mapping[str, int] | None = None,
) -> Cut:
    """Assign groups of records: who was assigned stays, the rest fills the largest deficits.

    `groups`: record -> group; `strata`: record -> stratum; `prior`: record -> split it once had; `reached`: group ->
    split that members stood in which get no side now; `tested`: group -> number of the version whose test a member
    first stood in. A group that holds records of two splits goes to the higher of them and the others yield into
    `excluded`. A group once tested stands in test or nowhere: a draw without any prior gives it what room test has.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for record, group in groups.items():
        members[group].append(record)
    placed = _placed(groups, prior, reached or {}, tested or {})
    standing = {g: [r for r in m if prior.get(r) == placed[g]] if g in placed else m for g, m in members.items()}
    bound = {group: number for group, number in (tested or {}).items() if group in members and group not in placed}
    filled = (_fill_counts if wanted.counts else _fill_shares)(
        _Field(standing, placed, strata, wanted, bound, fresh=not prior)
    )
    cut = _cut(members, placed | filled.placed, prior, bound)
    return replace(_within_counts(cut, prior, wanted), method=filled.method, too_big=filled.too_big)


def highest_of_groups(groups: Mapping[str, str], stood: Mapping[str, str]) -> dict[str, str]:
    """Return the highest side that the records (record -> group) of each group stand or stood on (record -> side)."""
    out: dict[str, str] = {}
    for record, side in stood.items():
        group = groups.get(record)
        if group is not None and RANK[side] >= RANK[out.get(group, side)]:
            out[group] = side
    return out


def _placed(
    groups: Mapping[str, str], prior: Mapping[str, str], reached: Mapping[str, str], tested: Mapping[str, int]
) -> dict[str, str]:
    """Return where groups stand that were assigned before, whole or in part."""
    placed = highest_of_groups(groups, prior)
    here = set(groups.values())
    for group, side in reached.items():
        if group in here and RANK[side] >= RANK[placed.get(group, side)]:
            placed[group] = side
    return placed | dict.fromkeys(placed.keys() & tested.keys(), "test")


def _within_counts(cut: Cut, prior: Mapping[str, str], wanted: Wanted) -> Cut:
    """Exclude newcomers of settled groups beyond an exact count."""
    for name, count in zip(SPLITS, wanted.counts or (), strict=False):
        here = [record for record, side in cut.split.items() if side == name]
        newest_last = sorted(here, key=lambda record: (record not in prior, draw(wanted.seed, record)))
        for record in newest_last[max(count, sum(record in prior for record in here)) :]:
            cut.split[record], cut.reasons[record] = "excluded", SURPLUS
    return cut


def _cut(members: _Members, placed: Mapping[str, str], prior: Mapping[str, str], bound: Mapping[str, int]) -> Cut:
    split: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for group, records in members.items():
        side = placed[group]
        split.update(dict.fromkeys(records, side))
        if side == "excluded":
            reasons.update(dict.fromkeys(records, tested_in(bound[group]) if group in bound else SURPLUS))
            continue
        for record in records:
            if prior.get(record, side) != side:
                split[record] = "excluded"
                reasons[record] = f"yields to {side}: its group now reaches there"
    return Cut(split, reasons)


_Members = Mapping[str, list[str]]


@dataclass(frozen=True)
class _Field:
    """What is to be filled: all groups with the records that count, and where some of them stand."""

    members: _Members
    placed: Mapping[str, str]
    strata: Mapping[str, str]
    wanted: Wanted
    bound: Mapping[str, int]
    """Free groups that may stand in test alone."""
    fresh: bool

    def order(self, groups: Iterable[str]) -> list[str]:
        """Return groups largest first, equal ones as drawn."""
        return sorted(groups, key=lambda group: (-len(self.members[group]), draw(self.wanted.seed, group)))

    def first_tested(self, groups: Iterable[str]) -> list[str]:
        """Return the bound ones of these groups, longest known first, so that a draw made twice gives the same."""
        bound = self.order(group for group in groups if group in self.bound)
        return sorted(bound, key=self.bound.__getitem__)


@dataclass
class _Filled:
    """Where free groups went."""

    placed: dict[str, str] = field(default_factory=dict)
    method: str = QUOTAS
    too_big: int = 0


def _fill_shares(todo: _Field) -> _Filled:
    """Place free groups stratum by stratum, largest first, where most is missing; carry the rounding debt on."""
    by_stratum: dict[str, list[str]] = defaultdict(list)
    for group, records in todo.members.items():
        by_stratum[todo.strata.get(min(records, default=""), "")].append(group)
    out = _Filled()
    missing = dict.fromkeys(SPLITS, 0.0)
    for stratum in sorted(by_stratum):
        missing = _fill_stratum(todo, by_stratum[stratum], missing, out)
    return out


def _fill_stratum(todo: _Field, groups: list[str], owed: Mapping[str, float], out: _Filled) -> dict[str, float]:
    """Place the free groups of one stratum and return what each side still misses."""
    shares = _shares(todo.wanted)
    have = Counter(dict.fromkeys(SPLITS, 0))
    for group in groups:
        if group in todo.placed:
            have[todo.placed[group]] += len(todo.members[group])
    total = sum(len(todo.members[group]) for group in groups)
    missing = {name: shares[name] * total - have[name] + owed[name] for name in SPLITS}
    barred = 0
    for group in todo.first_tested(groups):
        size = len(todo.members[group])
        fits = todo.fresh and missing["test"] >= size / 2
        out.placed[group] = "test" if fits else "excluded"
        missing["test"] -= size if fits else 0
        barred += 0 if fits else size
    missing = {name: missing[name] - shares[name] * barred for name in SPLITS}
    free = [group for group in groups if group not in todo.placed and group not in todo.bound]
    if len(free) <= MANY:
        _by_quotas(todo, free, missing, out)
    else:
        bulk = sum(len(todo.members[group]) for group in free) / BULKY
        _by_quotas(todo, [group for group in free if len(todo.members[group]) > bulk], missing, out)
        _by_thresholds(todo, [group for group in free if len(todo.members[group]) <= bulk], missing, out)
    return missing


def _shares(wanted: Wanted) -> dict[str, float]:
    return {name: ratio / sum(wanted.ratios) for name, ratio in zip(SPLITS, wanted.ratios, strict=True)}


def _by_quotas(todo: _Field, free: list[str], missing: dict[str, float], out: _Filled) -> None:
    """Place groups one by one where most is missing; `missing` is kept up to date."""
    open_splits = [name for name, share in _shares(todo.wanted).items() if share > 0]
    for group in todo.order(free):
        size = len(todo.members[group])
        name = _neediest(missing, open_splits, size)
        out.too_big += size > 1 and missing[name] < size / 2
        out.placed[group] = name
        missing[name] -= size


def _neediest(missing: Mapping[str, float], open_splits: list[str], size: int) -> str:
    """Return the split that misses most among those that still take at least half of the group."""
    return max(open_splits, key=lambda name: (missing[name] >= size / 2, missing[name], -RANK[name]))


def _by_thresholds(todo: _Field, free: list[str], missing: dict[str, float], out: _Filled) -> None:
    """Place each group by its own draw on the shares that are still missing; `missing` is kept up to date."""
    out.method = THRESHOLDS
    room = {name: max(missing[name], 0.0) for name in SPLITS}
    first = room["train"] / sum(room.values())
    second = first + room["validation"] / sum(room.values())
    for group in free:
        place = draw(todo.wanted.seed, group)
        name = "train" if place < first else "validation" if place < second else "test"
        out.placed[group] = name
        missing[name] -= len(todo.members[group])


def _fill_counts(todo: _Field) -> _Filled:
    """Place free groups until every count is met exactly where groups allow; the surplus is excluded."""
    have = Counter(dict.fromkeys(SPLITS, 0))
    for group, name in todo.placed.items():
        have[name] += len(todo.members[group])
    assert todo.wanted.counts is not None
    room = {name: count - have[name] for name, count in zip(SPLITS, todo.wanted.counts, strict=True)}
    out = _Filled()
    for group in todo.first_tested(todo.bound):
        fits = todo.fresh and room["test"] >= len(todo.members[group])
        out.placed[group] = "test" if fits else "excluded"
        room["test"] -= len(todo.members[group]) if fits else 0
    free = [group for group in todo.members if group not in todo.placed and group not in todo.bound]
    for group in todo.order(free):
        size = len(todo.members[group])
        fitting = [name for name in SPLITS if room[name] >= size]
        name = max(fitting, key=lambda name: (room[name], -RANK[name]), default="excluded")
        out.placed[group] = name
        out.too_big += name == "excluded" and size > 1 and max(room.values()) > 0
        if name != "excluded":
            room[name] -= size
    return out
