"""Clusters at any threshold say what the judgement at that threshold says, from what was found once."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.curation.texts import judged, numbered, prose_units, qa_units
from workbench.curation.bands import FLOOR
from workbench.curation.clusters import KINDS, Clusters, clusters, ground
from workbench.curation.duplicates import verified_pairs
from workbench.curation.judge import evidence, judge
from workbench.curation.units import Units

ANSWERS = ("yes", "no", numbered(0, 12), f"{numbered(0, 12)} so")
ROWS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(30, 40), st.sampled_from(ANSWERS), st.sampled_from(["en", "fr", ""])),
    min_size=1,
    max_size=10,
)
PAIRS = st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] != pair[1]), max_size=3)


def grounded(found: Units, apart=frozenset(), agreed=frozenset()):
    order = pl.Series(sorted(found.members["id"]), dtype=pl.String)
    known = evidence(found, verified_pairs(found, 5).frame, FLOOR)
    return ground(found, known, order, FLOOR, apart=apart, agreed=agreed)


def kinds_of(found: Clusters) -> list[str]:
    return [KINDS[code] for code in found.kind]


@given(ROWS, PAIRS, PAIRS, st.sampled_from([0.6, 0.7, 0.8, 0.9, 1.0]))
@settings(max_examples=40)
def test_at_every_threshold_they_say_what_the_judgement_says(rows, apart, agreed, threshold):
    found = qa_units(*({"question": numbered(a, a + n), "answer": said, "lang": lang} for a, n, said, lang in rows))
    parted = {frozenset(f"{i:03}" for i in pair) for pair in apart}
    same = {(f"{i:03}", f"{k:03}") for i, k in agreed}
    order = pl.Series(sorted(found.members["id"]), dtype=pl.String)
    said = judge(found, verified_pairs(found, 5), order, threshold=threshold, apart=parted, agreed=same)
    looked = clusters(grounded(found, parted, same), threshold)
    assert looked.counts == said.counts()
    gone = [unit for unit in looked.unit.tolist() if looked.winner[unit] != unit]
    assert set(found.frame["name"].gather(gone)) <= set(said.removed["id"])


def test_a_cluster_holds_its_units_leader_first_and_no_unit_stands_in_two():
    found = prose_units(numbered(0, 61), numbered(0, 60), numbered(0, 62), "alone here", "same", "same")
    looked = clusters(grounded(found), 0.8)
    assert [found.frame["name"].gather(looked.units_of(row)).to_list() for row in range(len(looked))] == [
        ["000", "001", "002"], ["004"]
    ]  # fmt: skip
    assert (looked.size.tolist(), looked.going.tolist()) == ([3, 2], [2, 1])
    assert 0.9 < looked.lowest[0] < 1 == looked.lowest[1]
    assert [looked.holding(unit) for unit in looked.unit.tolist()] == [0, 0, 0, 1] and looked.holding(3) is None
    assert looked.leaders().tolist() == looked.unit[looked.start[:-1]].tolist()


def test_a_lower_threshold_lets_more_go_and_a_higher_one_brings_them_back():
    base = grounded(prose_units(numbered(0, 60), numbered(8, 60), numbered(0, 60)))
    going = [int(clusters(base, threshold).going.sum()) for threshold in (0.8, 0.95, 1.0)]
    assert going == [2, 1, 1]


def test_a_cluster_is_called_by_its_worst_pair():
    question = {"question": numbered(0, 40)}
    rows = [question | {"answer": "yes"}, question | {"answer": "yes"}, question | {"answer": "no"}]
    looked = clusters(grounded(qa_units(*rows)), 0.8)
    assert kinds_of(looked) == ["conflict"] and looked.going.tolist() == [1]


def test_a_corpus_without_duplicates_has_no_clusters():
    assert len(clusters(grounded(prose_units("one", "two")), 0.8)) == 0
    assert len(clusters(grounded(prose_units()), 0.8)) == 0


def test_what_a_person_judged_to_be_a_duplicate_goes_below_the_threshold():
    found = prose_units(numbered(0, 60), numbered(6, 60))
    assert judged(found, 0.95).removed.is_empty()
    looked = clusters(grounded(found, agreed={("000", "001")}), 0.95)
    assert looked.winner.tolist() == [0, 0] and looked.counts["removed"] == 1


@pytest.mark.parametrize("verdict", [("000", "001"), ("001", "000")])
def test_a_conflict_is_never_removed_whatever_was_judged(verdict):
    question = {"question": numbered(0, 40)}
    found = qa_units(question | {"answer": "yes"}, question | {"answer": "no"})
    looked = clusters(grounded(found, agreed={verdict}), FLOOR)
    assert looked.counts["removed"] == 0 and kinds_of(looked) == ["conflict"]
    assert np.array_equal(looked.winner, [0, 1])
