"""Split ordered passages by intervals: held-out blocks inside each source, with a gap to their neighbours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from workbench.curation.split import RANK, SPLITS, SURPLUS, Cut, Wanted, draw, highest, tested_in

SHORTEST_RUN = 10
"""A run of fewer new passages is too short to hold a block out of it and goes to train."""
BLOCK = 10
"""Passages a held-out block aims at: long enough to read on, short enough to take several places of a novel."""
INTERVALS = "intervals"
"""The method of cutting ordered passages."""


@dataclass(frozen=True)
class Passage:
    """One passage in its source's order; neighbours have positions that differ by one."""

    record: str
    position: int


def cut_passages(
    sources: Mapping[str, Sequence[Passage]],
    prior: Mapping[str, str],
    wanted: Wanted,
    groups: Mapping[str, str] | None = None,
    tested: Mapping[str, int] | None = None,
) -> Cut:
    """Assign passages: what was assigned stays, only runs of new text are drawn, neighbours are kept apart.

    A passage beside another split's is excluded as gap, and so is one whose group (record -> group, also of records
    that get no side) stands elsewhere; new text yields to assigned, of two assigned splits the lower one yields.
    Places that gaps, groups and exact counts leave open are filled until nothing changes.
    `tested`: passage -> number of the version whose test it, or its like, first stood in; these stand in test as far
    as a draw without any prior has room there, else nowhere.
    """
    bound = tested or {}
    again = {} if prior else _tested_again(sources, bound, wanted)
    barred = bound.keys() - again.keys()
    open_text = {name: [p for p in passages if p.record not in barred] for name, passages in sources.items()}
    known = {record: side for record, side in prior.items() if record not in barred} | again
    if again:
        # Only this first round counts what test has already; the next split starts behind it.
        known |= _standing(_one_side(_cut_once(open_text, known, wanted, len(again)), groups or {}, known))
    cut = _until_settled(open_text, known, wanted, groups or {})
    return replace(
        cut,
        split=cut.split
        | dict.fromkeys((p.record for text in sources.values() for p in text if p.record in barred), "excluded"),
        reasons=cut.reasons | {record: tested_in(bound[record]) for record in barred},
        method=INTERVALS,
    )


def _tested_again(sources: Mapping[str, Sequence[Passage]], bound: Mapping[str, int], wanted: Wanted) -> dict[str, str]:
    """Return the once tested passages that test has room for: longest known first, in the order of their sources."""
    places = [p.record for name in sorted(sources) for p in sorted(sources[name], key=lambda p: p.position)]
    room = _targets(len(places), wanted)["test"]
    known_longest = sorted((record for record in places if record in bound), key=bound.__getitem__)
    return dict.fromkeys(known_longest[:room], "test")


def _until_settled(
    sources: Mapping[str, Sequence[Passage]], known: dict[str, str], wanted: Wanted, groups: Mapping[str, str]
) -> Cut:
    while True:
        cut = _one_side(_cut_once(sources, known, wanted), groups, known)
        standing = _standing(cut)
        # Every round but the last adds passages to `known` and none ever leaves it, so there are at most as many
        # rounds as passages. The next split starts from the last `known`, which gives this very cut again.
        if standing.keys() <= known.keys():
            return Cut(cut.split, cut.reasons, known)
        known = known | standing


def _standing(cut: Cut) -> dict[str, str]:
    return {record: side for record, side in cut.split.items() if side in RANK}


def _one_side(cut: Cut, groups: Mapping[str, str], known: Mapping[str, str]) -> Cut:
    """Exclude what stands on another side than its group: the highest assigned one, else the highest drawn one."""
    drawn: dict[str, list[str]] = defaultdict(list)
    assigned: dict[str, list[str]] = defaultdict(list)
    for record, group in groups.items():
        if record in known:
            assigned[group].append(known[record])
        elif cut.split.get(record) in RANK:
            drawn[group].append(cut.split[record])
    split, reasons = dict(cut.split), dict(cut.reasons)
    for record, side in cut.split.items():
        group = groups.get(record, record)
        best = highest(assigned.get(group) or drawn.get(group) or [side]) if side in RANK else side
        if side != best:
            split[record], reasons[record] = "excluded", f"yields to {best}: a near duplicate stands there"
    return Cut(split, reasons)


def _cut_once(
    sources: Mapping[str, Sequence[Passage]], prior: Mapping[str, str], wanted: Wanted, tested: int = 0
) -> Cut:
    """Cut each source; `tested` passages stand in test already beside what the runs get there."""
    lacking = _lacking(sources, prior, wanted, tested)
    split: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for name in sorted(sources):
        passages = sorted(sources[name], key=lambda passage: passage.position)
        split |= {p.record: prior[p.record] for p in passages if p.record in prior}
        for run in _runs(passages, prior):
            split |= _drawn(run, name, wanted, lacking)
        _keep_apart(passages, prior, split, reasons)
    _trim(sources, prior, (split, reasons), wanted)
    return Cut(split, reasons)


def _runs(passages: Sequence[Passage], prior: Mapping[str, str]) -> Iterator[list[Passage]]:
    run: list[Passage] = []
    for passage in passages:
        if passage.record in prior:
            if run:
                yield run
            run = []
        else:
            run.append(passage)
    if run:
        yield run


def _lacking(sources: Mapping[str, Sequence[Passage]], prior: Mapping[str, str], wanted: Wanted, tested: int) -> float:
    """Return the share of its usual test passages that each run still gives: all, where test holds none yet."""
    new = sum(passage.record not in prior for passages in sources.values() for passage in passages)
    usual = _targets(new + tested, wanted)["test"]
    return max(1 - tested / usual, 0.0) if usual else 1.0


def _drawn(run: Sequence[Passage], source: str, wanted: Wanted, lacking: float) -> dict[str, str]:
    """Hold blocks out of one run: it is cut into as many slots as blocks, each block lies inside its slot."""
    split = {passage.record: "train" for passage in run}
    if len(run) < SHORTEST_RUN:
        return split
    blocks = _blocks(_targets(len(run), wanted, lacking))
    blocks.sort(key=lambda block: draw(wanted.seed, f"{source}|{run[0].record}|{block[0]}|{block[1]}"))
    width = len(run) // max(len(blocks), 1)
    for slot, (name, number, size) in enumerate(blocks):
        size = min(size, width - 2)
        place = draw(wanted.seed, f"{source}|{run[0].record}|{name}|{number}|place")
        first = slot * width + 1 + int(place * (width - size - 1))
        split |= {passage.record: name for passage in run[first : first + size]}
    return split


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


def _keep_apart(
    passages: Sequence[Passage], prior: Mapping[str, str], split: dict[str, str], reasons: dict[str, str]
) -> None:
    for one, other in pairwise(passages):
        sides = {split[one.record], split[other.record]}
        if other.position - one.position != 1 or len(sides) == 1 or "excluded" in sides:
            continue
        # Whoever was never assigned yields first, so that new text moves nobody.
        loser = min((one, other), key=lambda p: (p.record in prior, RANK[split[p.record]]))
        winner = split[(other if loser is one else one).record]
        reasons[loser.record] = f"gap: a neighbour of {winner}"
        split[loser.record] = "excluded"


def _trim(
    sources: Mapping[str, Sequence[Passage]],
    prior: Mapping[str, str],
    made: tuple[dict[str, str], dict[str, str]],
    wanted: Wanted,
) -> None:
    """Exclude the last passages of a split beyond its wanted count; who was assigned before stays."""
    split, reasons = made
    places = [passage.record for name in sorted(sources) for passage in sources[name]]
    order = sorted(places, key=lambda record: record not in prior)
    for name, count in zip(SPLITS, wanted.counts or (), strict=False):
        for record in [record for record in order if split[record] == name][count:]:
            split[record] = "excluded"
            reasons[record] = SURPLUS
