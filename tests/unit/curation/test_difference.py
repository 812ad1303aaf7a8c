"""Differences: what they find, that they compose and turn around, and how a change reads."""

from __future__ import annotations

import itertools

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.curation.difference import (
    DIFFERENCE,
    IS,
    KINDS,
    changed_words,
    composed,
    difference,
    inverted,
    windows,
)

SIDE = st.sampled_from(["train", "test", "excluded"])
STATE = st.dictionaries(st.sampled_from("abcdef"), st.tuples(SIDE, st.sampled_from("xyz"), st.sampled_from("pq")))
FIELDS = ["one", "two"]


def frame(held: dict[str, tuple[str, str, str]]) -> pl.DataFrame:
    rows = [(record, side, "", one, two) for record, (side, one, two) in held.items()]
    kinds = dict.fromkeys(["id", "split", "_stratum", *FIELDS], pl.String)
    return pl.DataFrame(rows, schema=kinds, orient="row")


def between(old, new) -> pl.DataFrame:
    return difference(frame(old), frame(new), FIELDS)


def test_each_kind_of_change_is_found_with_its_fields():
    old = {"a": ("train", "x", "p"), "b": ("train", "x", "p"), "c": ("test", "x", "p"), "d": ("train", "x", "p")}
    new = {"b": ("train", "y", "p"), "c": ("excluded", "x", "p"), "d": ("train", "x", "p"), "e": ("test", "z", "q")}
    rows = between(old, new)
    found = {kind: rows.filter(IS[kind])["id"].to_list() for kind in KINDS}
    assert found == {"added": ["e"], "removed": ["a"], "edited": ["b"], "moved": ["c"]}
    edited = rows.filter(id="b").to_dicts()[0]
    assert (edited["before"], edited["after"]) == ('{"one": "x"}', '{"one": "y"}')


@given(STATE, STATE)
@settings(max_examples=80)
def test_a_difference_turns_around(old, new):
    assert inverted(between(old, new)).equals(between(new, old))


@given(st.lists(STATE, min_size=2, max_size=5))
@settings(max_examples=150)
def test_differences_compose_or_say_that_they_cannot(states):
    steps = [between(old, new) for old, new in itertools.pairwise(states)]
    whole = composed(steps)
    direct = between(states[0], states[-1])
    if whole is None:
        rows = [row for step in steps for row in step.to_dicts()]
        gone, come = ({row["id"] for row in rows if row[end] is None} for end in ("now", "was"))
        assert gone & come
        return
    shown = [name for name in DIFFERENCE if not name.startswith("digest")]
    assert whole.select(shown).equals(direct.select(shown))


def test_a_field_that_came_or_changed_its_type_is_compared_by_what_it_holds():
    old = pl.DataFrame({"id": ["a", "b"], "split": "train", "_stratum": "", "n": [1, None]})
    new = pl.DataFrame({"id": ["a", "b"], "split": "train", "_stratum": "", "n": ["1", None], "m": [None, "x"]})
    assert difference(old, new, ["n", "m"])["after"].to_list() == ['{"n": "1"}', '{"m": "x"}']


def test_fields_may_have_any_name_that_does_not_begin_with_an_underscore():
    names = ["stratum", "stratum_was", "one", "one_new", "one_differs", "was", "value"]
    old = pl.DataFrame({"id": ["a"], "split": "train", "_stratum": "s"} | dict.fromkeys(names, "x"))
    (row,) = difference(old, old.with_columns(stratum=pl.lit("y"), one_new=pl.lit("z")), names).to_dicts()
    assert row["after"] == '{"one_new": "z", "stratum": "y"}' and row["stratum"] == "s"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("the cat sat", "the dog sat", "the [-cat-] {+dog+} sat"),
        ("a b c d e f g", "a b c d e f g h", "… e f g {+h+}"),
        (None, "new", "{+new+}"),
        ("gone", "", "[-gone-]"),
        ("a  b", "a b", "(white space alone)"),
        (["a", "b"], ["a", "c"], '["a", [-"b"]-] {+"c"]+}'),
    ],
)
def test_a_change_reads_word_by_word(before, after, said):
    assert changed_words(before, after) == said


def test_the_edit_that_takes_a_secret_out_does_not_print_it():
    token = f"hf_{'aB3' * 12}"
    assert changed_words(f"my {token} here", "my [secret] here") == "my [-hf_a…[39 characters]-] {+[secret]+} here"


def test_a_change_of_a_long_text_is_short():
    long = " ".join(map(str, range(50_000)))
    assert len(changed_words(long, long.replace("77", "x").replace("4", "y"))) <= 160


@given(st.text("ab ", max_size=80), st.text("ab ", max_size=80), st.text("xy", min_size=1, max_size=3))
def test_a_window_always_shows_where_two_texts_begin_to_differ(head, tail, come):
    before, after = windows(head + tail, head + come + tail, 20)
    assert len(before) <= 20 and len(after) <= 20
    assert come[0] in after


def test_a_window_has_the_change_in_its_middle_and_marks_what_is_cut():
    before, after = windows("a" * 50 + "old" + "b" * 50, "a" * 50 + "new" + "b" * 50, 11)
    assert (before, after) == ("…aaaoldbbb…", "…aaanewbbb…")


def test_equal_texts_are_shown_from_their_beginning_and_short_ones_whole():
    assert windows("the same text", "the same text", 8) == ("the sam…",) * 2
    assert windows("<s>Yes", "Yes", 20) == ("<s>Yes", "Yes")
