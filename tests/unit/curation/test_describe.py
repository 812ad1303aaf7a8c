"""The columns that a description is taken of: texts, letters, short answers, turns, categories and gaps."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from workbench.curation import describe
from workbench.curation.describe import ANSWER
from workbench.schema import Schema, load_schema
from workbench.workspace import samples


def schema(kind: str) -> Schema:
    return load_schema(samples() / "schemas" / f"{kind}.yaml")


def derived(kind: str, rows: list[dict[str, object]]) -> pl.DataFrame:
    known = schema(kind)
    blank = dict.fromkeys(known.columns)
    return known.derived(known.table([blank | row for row in rows]))


def choice(index: int | None, *options: str) -> dict[str, object]:
    return {"question": "q?", "options": list(options), "correct_option_index": index}


@given(st.permutations([f"{i:02x}" for i in range(30)]))
def test_the_draw_depends_on_ids_and_not_on_their_order(ids):
    assert describe.last_drawn(pl.Series(ids), 7) == sorted(ids)[6]


def test_all_records_are_drawn_where_they_are_few():
    assert describe.last_drawn(pl.Series(["b", "a"]), 7) == "b"
    assert describe.last_drawn(pl.Series([], dtype=pl.String), 7) is None


def test_a_letter_is_named_by_its_index_and_one_outside_the_options_is_none():
    rows = [choice(0, "x", "y"), choice(1, "x", "y"), choice(2, "x", "y"), choice(-1, "x", "y"), choice(None, "x")]
    found = describe.letters(derived("mcq", rows), schema("mcq"))
    assert found is not None
    assert found["letter"].to_list() == ["A", "B", None, None, None] and found["options"].to_list() == [2, 2, 2, 2, 1]


def test_a_record_without_options_has_no_letter():
    found = describe.letters(derived("mcq", [choice(0, "x") | {"options": None}]), schema("mcq"))
    assert found is not None and found["letter"].to_list() == [None]


def test_records_without_choices_have_no_letters():
    assert describe.letters(derived("qa", [{"question": "a", "answer": "b"}]), schema("qa")) is None


def test_the_answer_is_a_field_of_its_own_only_where_it_is_no_text():
    picked = describe.text_fields(derived("mcq", [choice(1, "x", "y")]), schema("mcq"))
    assert picked[ANSWER].to_list() == ["y"]
    assert list(describe.text_fields(derived("qa", []), schema("qa"))) == ["question", "answer"]


def test_turns_are_counted_and_every_role_is_named():
    talk = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    rows: list[dict[str, object]] = [{"messages": talk}, {"messages": talk[:1]}, {"messages": []}]
    found = describe.turns(derived("chat", rows), schema("chat"))
    assert found is not None
    assert found[0].to_list() == [2, 1, 0] and sorted(found[1].to_list()) == ["assistant", "user", "user"]
    assert describe.turns(derived("qa", []), schema("qa")) is None
