"""Cutting is pure: drawn by name and seed, independent of order, stable under growth."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cuts import Passage, cut_groups, cut_passages
from workbench.curation.split import RANK, SPLITS, Wanted, draw

GROUPS = st.dictionaries(
    st.integers(0, 200).map(lambda i: f"r{i}"), st.integers(0, 40).map(lambda i: f"g{i}"), max_size=60
)
WANTED = st.builds(
    Wanted,
    seed=st.integers(0, 9),
    ratios=st.sampled_from([(0.8, 0.1, 0.1), (1.0, 0.0, 0.0), (0.34, 0.33, 0.33), (8.0, 1.0, 1.0), (0.5, 0.0, 0.5)]),
    counts=st.none() | st.tuples(st.integers(0, 20), st.integers(0, 9), st.integers(0, 9)),
)


def test_a_draw_is_pinned_for_every_engine_and_language():
    assert draw(42, "name") == 5848617169074389403 / 2**64
    assert 0 <= draw(0, "") < 1


@given(GROUPS, WANTED, st.randoms())
@settings(max_examples=80, deadline=None)
def test_a_cut_tears_no_group_and_depends_on_no_order(groups, wanted, shuffler):
    cut = cut_groups(groups, {}, {}, wanted)
    order = list(groups)
    shuffler.shuffle(order)
    assert cut_groups({record: groups[record] for record in order}, {}, {}, wanted).split == cut.split
    assert cut.split.keys() == groups.keys()
    where: dict[str, set[str]] = {}
    for record, side in cut.split.items():
        where.setdefault(groups[record], set()).add(side)
    assert all(len(held) == 1 for held in where.values())
    if wanted.counts:
        for name, count in zip(SPLITS, wanted.counts, strict=True):
            assert sum(side == name for side in cut.split.values()) <= count
    else:
        assert not {side for side in cut.split.values()} - {n for n, r in zip(SPLITS, wanted.ratios, strict=True) if r}


@given(GROUPS, GROUPS, WANTED)
@settings(max_examples=80, deadline=None)
def test_who_was_assigned_stays_or_yields_with_a_reason(groups, later, wanted):
    first = cut_groups(groups, {}, {}, wanted)
    prior = {record: side for record, side in first.split.items() if side in RANK}
    grown = later | groups
    second = cut_groups(grown, {}, prior, wanted)
    assert {record: second.split[record] for record in prior} == prior
    merged = {record: group if group != "g1" else "g2" for record, group in grown.items()}
    third = cut_groups(merged, {}, prior, wanted)
    for record, side in prior.items():
        assert third.split[record] == side or (third.split[record] == "excluded" and "yields" in third.reasons[record])
    sides_of: dict[str, set[str]] = {}
    for record, side in third.split.items():
        if side in RANK:
            sides_of.setdefault(merged[record], set()).add(side)
    assert all(len(held) == 1 for held in sides_of.values())


@pytest.mark.parametrize("seed", range(10))
def test_single_records_meet_ratios_and_counts_exactly(seed):
    groups = {f"r{i}": f"r{i}" for i in range(100)}
    split = list(cut_groups(groups, {}, {}, Wanted(seed)).split.values())
    assert [split.count(name) for name in SPLITS] == [80, 10, 10]
    split = list(cut_groups(groups, {}, {}, Wanted(seed, counts=(20, 5, 5))).split.values())
    assert [split.count(name) for name in (*SPLITS, "excluded")] == [20, 5, 5, 70]


def test_strata_keep_their_shares():
    groups = {f"r{i}": f"r{i}" for i in range(200)}
    strata = {record: "even" if int(record[1:]) % 4 else "rare" for record in groups}
    split = cut_groups(groups, strata, {}, Wanted()).split
    rare = [side for record, side in split.items() if strata[record] == "rare"]
    assert [rare.count(name) for name in SPLITS] == [40, 5, 5]


def test_another_seed_draws_another_test_set():
    groups = {f"r{i}": f"r{i}" for i in range(100)}
    cuts = [cut_groups(groups, {}, {}, Wanted(seed)).split for seed in range(4)]
    assert len({tuple(sorted(r for r, side in cut.items() if side == "test")) for cut in cuts}) == 4


@given(st.lists(st.integers(0, 60), min_size=1, max_size=3), st.integers(0, 30), WANTED)
@settings(max_examples=80, deadline=None)
def test_passages_have_no_neighbours_across_sides_and_stay_put(lengths, more, wanted):
    def text(extra: int) -> dict[str, list[Passage]]:
        return {f"s{n}": [Passage(f"{n}:{i}", i) for i in range(length + extra)] for n, length in enumerate(lengths)}

    first = cut_passages(text(0), {}, wanted)
    prior = {record: side for record, side in first.split.items() if side in RANK}
    assert cut_passages(text(0), prior, wanted).split == first.split
    second = cut_passages(text(more), prior, wanted)
    assert {record: second.split[record] for record in prior} == prior
    for cut, extra in ((first, 0), (second, more)):
        for passages in text(extra).values():
            sides = [cut.split[passage.record] for passage in passages]
            assert all(a == b or "excluded" in (a, b) for a, b in itertools.pairwise(sides))


@given(st.integers(0, 60), st.integers(10, 60), st.integers(0, 99), st.sets(st.integers(0, 59)), WANTED)
@settings(max_examples=80, deadline=None)
def test_passages_of_one_group_stand_on_one_side_and_newcomers_yield(before, after, shift, near, wanted):
    texts = {"a": [Passage(f"a{i}", i) for i in range(before)]}
    both = texts | {"b": [Passage(f"b{i}", i) for i in range(after)]}
    groups = {p.record: p.record for passages in both.values() for p in passages}
    groups |= {f"b{i}": f"a{(i + shift) % before}" for i in near if i < after and before}
    first = cut_passages(texts, {}, wanted, groups)
    prior = {record: side for record, side in first.split.items() if side in RANK}
    second = cut_passages(both, prior, wanted, groups)
    assert {record: second.split[record] for record in prior} == prior
    sides_of: dict[str, set[str]] = {}
    for record, side in second.split.items():
        if side in RANK:
            sides_of.setdefault(groups[record], set()).add(side)
    assert all(len(held) == 1 for held in sides_of.values())
    stood = prior | {record: side for record, side in second.split.items() if side in RANK}
    assert cut_passages(both, stood, wanted, groups).split == second.split


@given(GROUPS, GROUPS, st.sets(st.integers(0, 40).map(lambda i: f"g{i}")), WANTED)
@settings(max_examples=80, deadline=None)
def test_a_group_once_tested_stands_in_test_or_nowhere(groups, later, names, wanted):
    tested = dict.fromkeys(names, 1)
    fresh = cut_groups(groups, {}, {}, wanted, tested=tested)
    assert cut_groups(groups, {}, {}, wanted, tested=_tested_now(fresh, groups) | tested).split == fresh.split
    prior = {record: side for record, side in fresh.split.items() if side in RANK}
    assert cut_groups(groups, {}, prior, wanted, tested=tested).split == fresh.split
    grown = cut_groups(later | groups, {}, prior, wanted, tested=tested)
    for cut, named in ((fresh, groups), (grown, later | groups)):
        sides = {side for record, side in cut.split.items() if named[record] in names}
        assert sides <= {"test", "excluded"}


def _tested_now(cut, groups):
    return {groups[record]: 2 for record, side in cut.split.items() if side == "test"} if not cut.too_big else {}


def test_many_groups_are_placed_by_thresholds_that_keep_shares_and_who_was_assigned(monkeypatch):
    monkeypatch.setattr("workbench.curation.cutting.MANY", 1000)
    groups = {f"r{i}": f"r{i}" for i in range(6000)} | {f"big{i}": "big" for i in range(600)}
    first = cut_groups(groups, {}, {}, Wanted())
    assert first.method == "thresholds"
    assert cut_groups(dict(reversed(groups.items())), {}, {}, Wanted()).split == first.split
    share = {name: list(first.split.values()).count(name) / len(groups) for name in SPLITS}
    assert all(abs(share[name] - wanted) < 0.02 for name, wanted in zip(SPLITS, Wanted().ratios, strict=True))
    assert len({first.split[f"big{i}"] for i in range(600)}) == 1
    more = groups | {f"s{i}": f"s{i}" for i in range(3000)}
    second = cut_groups(more, {}, first.split, Wanted())
    assert {record: second.split[record] for record in groups} == first.split


def test_few_groups_and_counts_are_placed_by_quotas():
    groups = {f"r{i}": f"r{i}" for i in range(50)}
    assert {cut_groups(groups, {}, {}, Wanted(counts=c)).method for c in (None, (9, 3, 3))} == {"quotas"}


def test_a_group_bigger_than_every_share_is_counted():
    groups = {f"r{i}": "one" if i < 60 else "two" if i < 98 else f"r{i}" for i in range(100)}
    assert cut_groups(groups, {}, {}, Wanted(ratios=(0.34, 0.33, 0.33))).too_big == 0
    assert cut_groups({r: "all" for r in groups}, {}, {}, Wanted(ratios=(0.34, 0.33, 0.33))).too_big == 1
