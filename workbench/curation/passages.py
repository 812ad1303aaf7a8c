"""Split ordered passages by intervals: held-out blocks inside each source, with a gap to their neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from workbench.curation.grouped import Cut, Grouped, Reasons, highest_of_groups
from workbench.curation.sides import EXCLUDED, NONE, TEST, TRAIN, Codes, Mask, Numbers
from workbench.curation.split import SPLITS, SURPLUS, Wanted, draw, tested_in

SHORTEST_RUN = 10
"""A run of fewer new passages is too short to hold a block out of it and goes to train."""
BLOCK = 10
"""Passages a held-out block aims at: long enough to read on, short enough to take several places of a novel."""
INTERVALS = "intervals"
"""The method of cutting ordered passages."""


@dataclass(frozen=True)
class Text:
    """Passages, source after source in the order of their names, each in its own order."""

    record: Numbers
    """Number of each passage's record."""
    source: pl.Series
    position: Numbers
    """Neighbours of one source have positions that differ by one."""

    def only(self, places: Mask) -> Text:
        """Return some of the passages."""
        return Text(self.record[places], self.source.filter(pl.Series(places, dtype=pl.Boolean)), self.position[places])

    @property
    def begins(self) -> Mask:
        """Return which passages are of another source than the one before."""
        return (self.source != self.source.shift(1)).fill_null(value=True).to_numpy()


@dataclass(frozen=True)
class _Ground:
    """Passages to be cut, and the groups of all records."""

    records: Grouped
    text: Text
    wanted: Wanted


def cut_passages(records: Grouped, text: Text, wanted: Wanted) -> Cut:
    """Assign passages: what was assigned stays, only runs of new text are drawn, neighbours are kept apart.

    A passage beside another split's is excluded as gap, and so is one whose group (also of records that get no side)
    stands elsewhere; new text yields to assigned, of two assigned splits the lower one yields. Places that gaps,
    groups and exact counts leave open are filled until nothing changes. What was once tested, or its like, stands in
    test as far as a draw without any prior has room there, else nowhere.
    """
    bound = _bound(records)
    again = _tested_again(text, bound, wanted) if records.fresh else np.empty(0, np.int64)
    barred = bound > 0
    barred[again] = False
    known = np.where(barred, np.int8(NONE), records.prior)
    known[again] = TEST
    ground = _Ground(records, text.only(~barred[text.record]), wanted)
    if len(again):
        # Only this first round counts what test has already; the next split starts behind it.
        first = _one_side(_cut_once(ground, known, len(again)), records.group, known)
        known = np.where(first.standing, first.side, known)
    cut = _until_settled(ground, known)
    for number in np.unique(bound[barred]).tolist():
        cut.exclude(barred & (bound == number), tested_in(number))
    return replace(cut, method=INTERVALS)


def _bound(records: Grouped) -> Numbers:
    """Return of each eligible record the version whose test its group stood in, 0 for none.

    Where a group's test passages still stand, whatever else it holds yields to them anyway.
    """
    by_group = np.where(records.reached() == TEST, 0, records.first_tested())
    return np.where(records.eligible, by_group[records.group], 0)


def _tested_again(text: Text, bound: Numbers, wanted: Wanted) -> Numbers:
    """Return the once tested passages that test has room for: longest known first, in the order of their sources."""
    room = _targets(len(text.record), wanted)["test"]
    once = text.record[bound[text.record] > 0]
    return once[np.argsort(bound[once], kind="stable")][:room]


def _until_settled(ground: _Ground, known: Codes) -> Cut:
    while True:
        cut = _one_side(_cut_once(ground, known), ground.records.group, known)
        standing = cut.standing
        # Every round but the last adds passages to `known` and none ever leaves it, so there are at most as many
        # rounds as passages. The next split starts from the last `known`, which gives this very cut again.
        if (known[standing] >= 0).all():
            return replace(cut, settled=known)
        known = np.where(standing, cut.side, known)


def _one_side(cut: Cut, group: Numbers, known: Codes) -> Cut:
    """Exclude what stands on another side than its group: the highest assigned one, else the highest drawn one."""
    assigned = highest_of_groups(group, known)
    drawn = highest_of_groups(group, np.where(cut.standing & (known == NONE), cut.side, np.int8(NONE)))
    best = np.where(assigned >= 0, assigned, drawn)[group]
    elsewhere = cut.standing & (cut.side != best)
    for side, name in enumerate(SPLITS):
        cut.exclude(elsewhere & (best == side), f"yields to {name}: a near duplicate stands there")
    return cut


def _cut_once(ground: _Ground, known: Codes, tested: int = 0) -> Cut:
    """Cut each source; `tested` passages stand in test already beside what the runs get there."""
    text = ground.text
    before = known[text.record]
    sides = np.where(before == NONE, np.int8(TRAIN), before)
    lacking = _lacking(int((before == NONE).sum()), ground.wanted, tested)
    for first, last in _runs(text, before):
        name = f"{text.source[first]}|{ground.records.ids[int(text.record[first])]}"
        _hold_out(sides[first:last], name, ground.wanted, lacking)
    cut = Cut(np.full(len(known), NONE, np.int8), Reasons(len(known)))
    cut.side[text.record] = sides
    _keep_apart(text, known, cut)
    _trim(text, known, cut, ground.wanted)
    return cut


def _runs(text: Text, before: Codes) -> Iterator[tuple[int, int]]:
    """Yield the first place of each run of new passages from which blocks are held out, and the one behind its last."""
    new = before == NONE
    edge = text.begins
    edge[1:] |= new[1:] != new[:-1]
    starts = np.flatnonzero(edge)
    ends = np.append(starts[1:], len(new))
    long = new[starts] & (ends - starts >= SHORTEST_RUN)
    yield from zip(starts[long].tolist(), ends[long].tolist(), strict=True)


def _lacking(new: int, wanted: Wanted, tested: int) -> float:
    """Return the share of its usual test passages that each run still gives: all, where test holds none yet."""
    usual = _targets(new + tested, wanted)["test"]
    return max(1 - tested / usual, 0.0) if usual else 1.0


def _hold_out(run: Codes, name: str, wanted: Wanted, lacking: float) -> None:
    """Hold blocks out of one run: it is cut into as many slots as blocks, each block lies inside its slot."""
    blocks = _blocks(_targets(len(run), wanted, lacking))
    blocks.sort(key=lambda block: draw(wanted.seed, f"{name}|{block[0]}|{block[1]}"))
    width = len(run) // max(len(blocks), 1)
    for slot, (side, number, size) in enumerate(blocks):
        size = min(size, width - 2)
        place = draw(wanted.seed, f"{name}|{side}|{number}|place")
        first = slot * width + 1 + int(place * (width - size - 1))
        run[first : first + size] = SPLITS.index(side)


def _blocks(targets: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """Return (split, number, size) of every block to hold out for these numbers of passages."""
    out = []
    for name, target in targets.items():
        many = max(1, round(target / BLOCK))
        out += [(name, number, target // many + (number < target % many)) for number in range(many) if target]
    return out


def _targets(length: int, wanted: Wanted, lacking: float = 1.0) -> dict[str, int]:
    """Return the passages of so many that validation and test want; `lacking` is the share test still misses."""
    if wanted.counts:
        return {"validation": wanted.counts[1], "test": round(wanted.counts[2] * lacking)}
    total = sum(wanted.ratios)
    shares = dict(zip(SPLITS, wanted.ratios, strict=True))
    usual = {name: max(1, round(length * shares[name] / total)) if shares[name] else 0 for name in SPLITS[1:]}
    return usual if lacking == 1 else usual | {"test": round(usual["test"] * lacking)}


def _keep_apart(text: Text, known: Codes, cut: Cut) -> None:
    sides = cut.side[text.record]
    beside = ~text.begins[1:] & (np.diff(text.position) == 1) & (sides[1:] != sides[:-1])
    for place in np.flatnonzero(beside).tolist():
        one, other = text.record[place : place + 2].tolist()
        if EXCLUDED in (cut.side[one], cut.side[other]):
            continue
        # Whoever was never assigned yields first, so that new text moves nobody.
        loser = min((one, other), key=lambda record: (known[record] >= 0, cut.side[record]))
        winner = other if loser == one else one
        cut.exclude(np.array([loser]), f"gap: a neighbour of {SPLITS[cut.side[winner]]}")


def _trim(text: Text, known: Codes, cut: Cut, wanted: Wanted) -> None:
    """Exclude the last passages of a split beyond its wanted count; who was assigned before stays."""
    if wanted.counts is None:
        return
    order = text.record[np.argsort(known[text.record] == NONE, kind="stable")]
    for side, count in enumerate(wanted.counts):
        cut.exclude(order[cut.side[order] == side][count:], SURPLUS)
