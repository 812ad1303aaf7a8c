"""Counts of parts added are the counts of the whole, and say of a corpus what a look at all of it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.curation.test_describe import choice, derived, schema
from workbench.curation import describe, measures
from workbench.curation.balance import balance, letters_of
from workbench.curation.describe import FEW
from workbench.curation.measures import NONE
from workbench.curation.tally import OTHER, Look, Tally, added, tally_of, without_words, words_of

SIDES = ("train", "validation", "test")
SAID = st.sampled_from(["True", " true.", "FALSE", "oui", "A long answer of its own.", "Paris", "(other)", None])


def of(kind: str, rows: Sequence[dict[str, Any]], cuts: Sequence[int] = ()) -> Tally:
    """Return the tally of rows, cut at some places and added."""
    frame = derived(kind, list(rows))
    extra = [
        pl.Series("id", [f"{n:03}" for n in range(len(rows))], dtype=pl.String),
        pl.Series("source", ["rows"] * len(rows), dtype=pl.String),
        pl.Series("split", [SIDES[n % 3] for n in range(len(rows))], dtype=pl.String),
    ]
    frame = frame.with_columns(extra)
    ends = [0, *sorted(cuts), frame.height]
    parts = [frame[first:last] for first, last in pairwise(ends)]
    known, look = schema(kind), Look(describe.last_drawn(frame["id"], 5))
    words = [table for part in parts for table in words_of(describe.text_fields(part, known))]
    return Tally(without_words(added([*(tally_of(part, known, look) for part in parts), *words])))


def answered(*said: str | None) -> list[dict[str, Any]]:
    return [{"question": f"q {number}", "answer": answer} for number, answer in enumerate(said)]


@settings(max_examples=12)
@given(st.lists(SAID, max_size=90), st.data())
def test_however_a_corpus_is_cut_its_counts_are_the_same(said, data):
    rows = answered(*said)
    cuts = data.draw(st.lists(st.integers(0, len(rows)), max_size=4))
    assert of("qa", rows, cuts).counts.equals(of("qa", rows).counts)


@settings(max_examples=12)
@given(st.lists(st.tuples(st.integers(-1, 3), st.sampled_from(["a", "b", None])), max_size=60))
def test_letters_topics_and_words_are_what_a_look_at_all_of_them_says(drawn):
    rows = [choice(index, "x", "y", "z") | {"topic": topic} for index, topic in drawn]
    found, frame = of("mcq", rows, [len(rows) // 2]), derived("mcq", rows)
    chosen = describe.letters(frame, schema("mcq"))
    splits = pl.Series([SIDES[n % 3] for n in range(len(rows))], dtype=pl.String)
    assert chosen is not None and found.letters() == letters_of(chosen)
    by_name = {one.category: one for one in found.balances(schema("mcq"))}
    assert ("topic" in by_name) == any(topic for _, topic in drawn)
    if "topic" in by_name:
        assert by_name["topic"] == balance("topic", frame["topic"], splits)
    assert found.vocabulary("question") == measures.vocabulary(frame["question"])
    assert found.spread("characters", "question") == measures.spread(measures.characters(frame["question"]))


@settings(max_examples=12)
@given(st.lists(SAID, min_size=1, max_size=90))
def test_answers_outside_the_closed_set_are_others(said):
    closed = of("qa", answered(*said), [len(said) // 2]).closed_answers()
    if closed is not None:
        assert measures.shares_of(closed).n == len(said)


def test_answers_of_a_closed_set_are_found_whatever_their_case():
    closed = of("qa", answered("True", " true.", "FALSE", "false", "A long answer of its own."), [1]).closed_answers()
    assert closed is not None
    found = {one.value: one.count for one in measures.shares_of(closed).shares}
    assert found == {"true": 2, "false": 2, OTHER: 1}


def test_yes_and_no_are_found_among_many_other_short_answers():
    names = [f"name {i}" for i in range(40)]
    for cuts in ([], [20], [2, 4, 30]):
        closed = of("qa", answered("Oui", "non", *names), cuts).closed_answers()
        assert closed is not None
        assert {one.value: one.count for one in measures.shares_of(closed).shares} == {"oui": 1, "non": 1, OTHER: 40}


def test_free_answers_are_no_closed_set():
    assert of("qa", answered("Paris", "Rome", "A longer answer here", None)).closed_answers() is None


def test_a_column_of_many_values_is_no_category_however_it_is_cut():
    rows = [choice(0, "x") | {"topic": f"topic {i}", "subject": "one"} for i in range(FEW + 1)]
    for cuts in ([], [5], range(FEW)):
        named = {one.category for one in of("mcq", rows, list(cuts)).balances(schema("mcq"))}
        assert "subject" in named and "topic" not in named


def test_gaps_tell_an_absent_value_from_an_empty_one():
    rows: list[dict[str, Any]] = [{"question": " \n", "answer": "a"}, {"question": "q", "answer": "a", "context": ""}]
    found = {gap.field: (gap.missing, gap.blank, gap.n) for gap in of("qa", rows, [1]).gaps(schema("qa"))}
    assert found["question"] == (0, 1, 2) and found["context"] == (1, 1, 2) and found["lang"] == (2, 0, 2)


def test_an_empty_list_is_blank():
    gaps = of("chat", [{"messages": []}]).gaps(schema("chat"))
    assert (gaps[0].missing, gaps[0].blank) == (0, 1)


def test_only_the_drawn_records_are_read_for_their_language():
    found = of("qa", answered(*["no"] * 8), [3])
    assert found.total("drawn") == 5 == found.shares("language", "question").n


@settings(max_examples=12)
@given(st.lists(st.sampled_from(["user", "assistant", None]), max_size=20))
def test_every_role_of_every_turn_counts(roles):
    rows: list[dict[str, Any]] = [{"messages": [{"role": role, "content": "a"}]} for role in roles]
    found = {one.value: one.count for one in of("chat", rows, [len(roles) // 2]).shares("role").shares}
    assert found == Counter(role or NONE for role in roles)
