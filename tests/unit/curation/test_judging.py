"""Duplicates are judged, not deleted: a record goes only in favour of a kept, equal enough one."""

from __future__ import annotations

from itertools import combinations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.curation.texts import MCQ, QA, frame_of, judged, mcq_units, numbered, prose_units, qa_units
from workbench.curation.bands import FLOOR
from workbench.curation.duplicates import STOCK, verified_pairs
from workbench.curation.judge import Judgement
from workbench.curation.shingling import jaccard, shingles
from workbench.curation.units import units


@pytest.mark.parametrize("empty", ["", "  ", "\n\t"])
def test_empty_texts_are_no_duplicates(empty):
    assert len(prose_units(empty, empty, "")) == 3
    assert judged(prose_units(empty, empty)).removed.is_empty()


def test_texts_that_read_the_same_are_one_unit():
    assert prose_units("Der  Fuß", "der fuss", "DER\nFUSS").records == [["000", "001", "002"]]


def test_a_corpus_without_records_has_no_units():
    assert len(prose_units()) == 0
    assert judged(prose_units()).counts()["clusters"] == 0


def test_of_equal_records_the_first_in_the_order_stays():
    found = prose_units("Same text", "same TEXT", "other")
    assert judged(found, order=["002", "001", "000"]).removed.rows() == [("000", "001", 1.0)]


def test_a_chain_removes_only_what_has_a_kept_twin():
    texts = [numbered(i * 4, i * 4 + 60) for i in range(12)]
    found = prose_units(*texts)
    grams = {f"{i:03}": shingles(text, 5) for i, text in enumerate(texts)}
    for threshold in (0.65, 0.7, 0.8, 0.86):
        removed = judged(found, threshold).removed
        gone = set(removed["id"])
        for record, kept, similarity in removed.iter_rows():
            assert kept not in gone
            assert similarity == jaccard(grams[record], grams[kept]) >= threshold
        standing = [name for name in grams if name not in gone]
        assert all(jaccard(grams[a], grams[b]) < threshold for a, b in combinations(standing, 2))
    assert not judged(found, 0.7).removed.is_empty()


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(4, 40)), min_size=2, max_size=10),
    st.floats(0.6, 1.0),
    st.randoms(),
)
@settings(max_examples=60, deadline=None)
def test_whatever_is_removed_has_a_kept_twin_of_the_same_answer(spans, threshold, draw):
    rows = [{"question": numbered(start, start + size), "answer": f"yes {start % 2}"} for start, size in spans]
    found = qa_units(*rows)
    order = found.members["id"].to_list()
    draw.shuffle(order)
    removed = judged(found, threshold, order).removed
    gone = set(removed["id"])
    assert len(gone) == removed.height
    for record, kept, similarity in removed.iter_rows():
        assert kept not in gone
        assert similarity >= threshold
        assert rows[int(record)]["answer"] == rows[int(kept)]["answer"]
    for records in found.records:
        assert len(set(records) - gone) <= 1


def test_a_conflict_is_never_removed():
    question = numbered(0, 60)
    found = qa_units({"question": question, "answer": "yes"}, {"question": question, "answer": "no"})
    for threshold in (0.6, 0.8, 0.9):
        result = judged(found, threshold)
        assert result.removed.is_empty()
        assert result.counts()["conflict"] == 1


def test_two_nearly_equal_questions_with_other_answers_are_a_conflict():
    one, other = {"question": numbered(0, 60), "answer": "yes"}, {"question": numbered(0, 61), "answer": "no"}
    assert judged(qa_units(one, other)).counts()["conflict"] == 1
    assert judged(qa_units(one, other | {"question": numbered(20, 80)})).counts()["conflict"] == 0


@pytest.mark.parametrize(("one", "other"), [("1914", "1915"), ("۱۹۱۴", "۱۹۱۵"), ("x²", "x³")])
def test_numbers_that_differ_keep_both(one, other):
    base = numbered(0, 80)
    result = judged(prose_units(f"{base} {one}", f"{base} {other}"))
    assert result.pairs["jaccard"][0] > 0.9
    assert result.removed.is_empty()


def test_the_same_numbers_in_another_place_are_the_same_numbers():
    base = numbered(0, 80)
    assert judged(prose_units(f"7 12 {base}", f"12 7 {base}")).removed.height == 1


def test_a_translation_is_no_duplicate():
    text = numbered(0, 40)
    rows = [{"question": text, "answer": "KPI", "lang": lang} for lang in ("en", "fr")]
    result = judged(qa_units(*rows))
    assert (result.counts()["translation"], result.removed.height) == (1, 0)


def test_a_long_answer_given_twice_is_a_paraphrase():
    said = "profit divided by the money that was put in"
    rows = [{"question": numbered(0, 9), "answer": said}, {"question": numbered(50, 59), "answer": said}]
    result = judged(qa_units(*rows))
    assert (result.counts()["paraphrase"], result.removed.height) == (1, 0)


def test_a_short_answer_given_twice_says_nothing():
    rows = [{"question": numbered(0, 9), "answer": "True"}, {"question": numbered(50, 59), "answer": "True"}]
    assert judged(qa_units(*rows)).pairs.is_empty()


def test_a_stock_phrase_links_nobody():
    said = "I am sorry but I cannot help with that"
    rows = [{"question": numbered(20 * i, 20 * i + 9), "answer": said} for i in range(STOCK + 1)]
    assert judged(qa_units(*rows)).pairs.is_empty()
    assert judged(qa_units(*rows[:-1])).counts()["paraphrase"] == STOCK * (STOCK - 1) // 2


def test_the_threshold_moves_both_ways_over_the_same_pairs():
    pair = prose_units(numbered(0, 60), numbered(8, 68))
    (similarity,) = verified_pairs(pair, 5).frame["jaccard"]
    assert FLOOR < similarity < 0.8
    heights = [judged(pair, threshold).removed.height for threshold in (0.8, similarity, 0.95, 0.6, 0.8)]
    assert heights == [0, 1, 0, 1, 0]


def test_records_judged_apart_do_not_go_for_each_other():
    near = prose_units(numbered(0, 60), numbered(0, 61), numbered(0, 61))
    assert judged(near).removed.height == 2
    assert judged(near, apart={frozenset(("000", "002"))}).removed["id"].to_list() == ["002"]
    assert judged(near, apart={frozenset(("001", "002"))}).removed["id"].to_list() == ["001", "002"]
    assert judged(near, apart={frozenset(("001", "gone"))}).removed.height == 2


@pytest.mark.parametrize(
    ("apart", "gone"),
    [
        ([("001", "002")], [("001", "000"), ("003", "000")]),
        ([("000", "001")], [("002", "000"), ("003", "000")]),
        ([("000", "001"), ("000", "002")], [("002", "001"), ("003", "000")]),
        ([("001", "002"), ("001", "003"), ("002", "003")], [("001", "000")]),
        ([("001", "gone")], [("001", "000"), ("002", "000"), ("003", "000")]),
    ],
)
def test_of_equal_records_as_many_stay_as_were_judged_apart(apart, gone):
    equal = prose_units(*["same text"] * 4)
    removed = judged(equal, apart={frozenset(pair) for pair in apart}).removed
    assert removed.rows() == [(record, kept, 1.0) for record, kept in gone]


def shuffled(key: int) -> dict:
    """Return a question with its options in another order, the right one being given by its place there."""
    return {"question": "Which? ", "options": ["c three", "a one", "b two"], "correct_option_index": key}


ASKED = {"question": "which?", "options": ["a one", "b two", "c three"], "correct_option_index": 0}


def test_options_in_another_order_with_the_key_moved_along_are_an_exact_duplicate():
    found = mcq_units(ASKED, shuffled(1))
    assert found.records == [["000", "001"]]
    assert judged(found).removed.rows() == [("001", "000", 1.0)]


@pytest.mark.parametrize("key", [0, 2])
def test_options_in_another_order_with_another_right_text_are_a_conflict(key):
    result = judged(mcq_units(ASKED, shuffled(key)))
    assert result.removed.is_empty()
    assert result.pairs.select("jaccard", "kind").rows() == [(1.0, "conflict")]


def test_the_order_of_records_does_not_count():
    frame = frame_of(MCQ, [ASKED, shuffled(1), shuffled(2)])
    one, other = units(frame, MCQ), units(frame.reverse(), MCQ)
    assert one.records == other.records == [["000", "001"], ["002"]]
    assert judged(one).pairs.equals(judged(other).pairs)


def test_clusters_count_what_belongs_together():
    found = prose_units("same text", "same text", "same text", "other text", "other text", "alone here")
    assert judged(found).counts() == {
        "clusters": 2, "removed": 3, "redundant": 3, "paraphrase": 0, "conflict": 0, "translation": 0,
    }  # fmt: skip


def long_answers(*said: str) -> Judgement:
    return judged(qa_units(*({"question": "how", "answer": answer} for answer in said)))


def test_long_answers_that_differ_by_one_word_remove_nobody():
    said = f"{numbered(0, 60)} you must tell the operator {numbered(70, 110)}"
    result = long_answers(said, said.replace("must", "must not"))
    assert result.pairs["jaccard"][0] > 0.8
    assert (result.counts()["paraphrase"], result.removed.height) == (1, 0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (numbered(0, 6), f"{numbered(0, 6)} x"),
        (f"{numbered(0, 40)} 7", f"{numbered(0, 40)} 8"),
        (numbered(0, 40), numbered(9, 49)),
    ],
    ids=["short", "other number", "other words"],
)
def test_answers_that_may_say_something_else_are_a_conflict(one, other):
    assert long_answers(one, other).counts()["conflict"] == 1


def test_records_of_one_text_and_many_answers_are_all_linked():
    found = qa_units(*({"question": "how", "answer": f"{numbered(i, i + 1)}"} for i in range(6)))
    assert verified_pairs(found, 5).frame.height == 15
    text = pl.repeat(0, len(found), dtype=pl.Int64, eager=True)
    assert found.frame["text"].n_unique() == 6 != text.n_unique()


def test_a_schema_without_answers_compares_texts_alone():
    assert QA.declared.answer and not judged(prose_units(numbered(0, 60), numbered(0, 61))).removed.is_empty()
