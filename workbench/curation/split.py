"""Cut leakage-safe splits that stay put: groups are never torn, and adding records moves nobody."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from workbench.text import nfc

SPLITS = ("train", "validation", "test")
RANK = {"test": 2, "validation": 1, "train": 0}
"""Where a group is found on two sides, the higher one keeps its records and the lower one yields."""

Name = Literal["train", "validation", "test", "excluded"]


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


def cut_groups(
    groups: Mapping[str, str],
    strata: Mapping[str, str],
    prior: Mapping[str, str],
    wanted: Wanted,
    *,
    reached: Mapping[str, str] | None = None,
) -> Cut:
    """Assign groups of records: who was assigned stays, the rest fills the largest deficits.

    `groups`: record -> group; `strata`: record -> stratum; `prior`: record -> split it once had; `reached`: group ->
    split that members stood in which get no side now. A group that holds records of two splits goes to the
    higher of them and the others yield into `excluded`.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for record, group in groups.items():
        members[group].append(record)
    placed: dict[str, str] = {}
    for group, records in members.items():
        sides = [prior[record] for record in records if record in prior]
        if side := highest([*sides, *([reached[group]] if reached and group in reached else [])]):
            placed[group] = side
    fill = _fill_counts if wanted.counts else _fill_shares
    standing = {g: [r for r in m if prior.get(r) == placed[g]] if g in placed else m for g, m in members.items()}
    free = {group: records for group, records in members.items() if group not in placed}
    placed |= fill(free, (standing, placed), strata, wanted)
    return _within_counts(_cut(members, placed, prior), prior, wanted)


def _within_counts(cut: Cut, prior: Mapping[str, str], wanted: Wanted) -> Cut:
    """Exclude newcomers of settled groups beyond an exact count."""
    for name, count in zip(SPLITS, wanted.counts or (), strict=False):
        here = [record for record, side in cut.split.items() if side == name]
        newest_last = sorted(here, key=lambda record: (record not in prior, draw(wanted.seed, record)))
        for record in newest_last[max(count, sum(record in prior for record in here)) :]:
            cut.split[record], cut.reasons[record] = "excluded", "surplus"
    return cut


def _cut(members: Mapping[str, list[str]], placed: Mapping[str, str], prior: Mapping[str, str]) -> Cut:
    split: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for group, records in members.items():
        for record in records:
            split[record] = placed[group]
            if placed[group] == "excluded":
                reasons[record] = "surplus"
            elif prior.get(record, placed[group]) != placed[group]:
                split[record] = "excluded"
                reasons[record] = f"yields to {placed[group]}: its group now reaches there"
    return Cut(split, reasons)


_Members = Mapping[str, list[str]]


def _fill_shares(
    free: _Members, state: tuple[_Members, Mapping[str, str]], strata: Mapping[str, str], wanted: Wanted
) -> dict[str, str]:
    """Place free groups stratum by stratum, largest first, where most is missing; carry the rounding debt on."""
    members, placed = state
    shares = {name: ratio / sum(wanted.ratios) for name, ratio in zip(SPLITS, wanted.ratios, strict=True)}
    by_stratum: dict[str, list[str]] = defaultdict(list)
    for group, records in members.items():
        by_stratum[strata.get(min(records, default=""), "")].append(group)
    out: dict[str, str] = {}
    debt: Counter[str] = Counter()
    for stratum in sorted(by_stratum):
        sizes = {group: len(members[group]) for group in by_stratum[stratum]}
        have: Counter[str] = Counter()
        for group in sizes:
            if group in placed:
                have[placed[group]] += sizes[group]
        total = sum(sizes.values())
        missing = {name: shares[name] * total - have[name] - debt[name] for name in SPLITS}
        for group in sorted((g for g in sizes if g in free), key=_largest_first(sizes, wanted.seed)):
            name = _neediest(missing, shares, sizes[group])
            out[group] = name
            missing[name] -= sizes[group]
        debt = Counter({name: -missing[name] for name in SPLITS})
    return out


def _largest_first(sizes: Mapping[str, int], seed: int) -> Callable[[str], tuple[int, float]]:
    return lambda group: (-sizes[group], draw(seed, group))


def _neediest(missing: Mapping[str, float], shares: Mapping[str, float], size: int) -> str:
    """Return the split that misses most among those that still take at least half of the group."""
    open_splits = [name for name in SPLITS if shares[name] > 0]
    return max(open_splits, key=lambda name: (missing[name] >= size / 2, missing[name], -RANK[name]))


def _fill_counts(
    free: _Members, state: tuple[_Members, Mapping[str, str]], strata: Mapping[str, str], wanted: Wanted
) -> dict[str, str]:
    """Place free groups until every count is met exactly where groups allow; the surplus is excluded."""
    members, placed = state
    have = Counter({name: 0 for name in SPLITS})
    for group, name in placed.items():
        have[name] += len(members[group])
    assert wanted.counts is not None
    room = {name: count - have[name] for name, count in zip(SPLITS, wanted.counts, strict=True)}
    sizes = {group: len(records) for group, records in free.items()}
    out: dict[str, str] = {}
    for group in sorted(free, key=_largest_first(sizes, wanted.seed)):
        fits = [name for name in SPLITS if room[name] >= sizes[group]]
        name = max(fits, key=lambda name: (room[name], -RANK[name]), default="excluded")
        out[group] = name
        if name != "excluded":
            room[name] -= sizes[group]
    return out
