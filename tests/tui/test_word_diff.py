"""Facts about word differences and the threshold: marks as well as colours, long stretches counted, no control."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.tui.test_hostile import assert_calm
from workbench.curation.difference import field_steps, word_steps
from workbench.tui.widgets.threshold_bar import FLOOR, TOP, stepped
from workbench.tui.widgets.word_diff import AROUND, field_diffs, word_diff


def text_of(pieces) -> str:
    return "".join(piece if isinstance(piece, str) else piece[0] for piece in pieces)


def drawn(old: str, new: str) -> str:
    return text_of(word_diff(word_steps(old.split(), new.split())))


def test_what_goes_and_what_comes_is_marked_by_signs() -> None:
    assert drawn("the red house", "the blue house").split() == ["the", "[-red-]", "{+blue+}", "house"]
    assert drawn("a b", "a b c").split() == ["a", "b", "{+c+}"]


def test_long_stretches_without_a_change_are_counted() -> None:
    words = [f"w{i}" for i in range(500)]
    said = drawn(" ".join([*words, "x"]), " ".join([*words, "y"]))
    assert f"... {500 - 2 * AROUND} words ..." in said and "[-x-] {+y+}" in said
    assert "w100 " not in said and "w499 " in said


def test_fields_that_differ_come_first_and_what_both_lack_is_left_out() -> None:
    said = text_of(field_diffs(field_steps({"a": "same", "b": "one", "c": None}, {"a": "same", "b": "two", "c": None})))
    assert said.index("b\n[-one-] {+two+}") < said.index("a  same: same") and "c" not in said.replace("same", "")


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_steers_the_screen(old: str, new: str) -> None:
    assert_calm(text_of(field_diffs(field_steps({"f": old}, {"f": new}))))


@given(st.floats(0, 2), st.integers(-200, 200))
def test_a_threshold_stays_on_its_line_and_on_whole_steps(start: float, steps: int) -> None:
    moved = stepped(start, steps)
    assert FLOOR <= moved <= TOP and round(moved, 2) == moved
