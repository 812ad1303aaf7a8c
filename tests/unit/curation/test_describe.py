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
    found = describe.drawn(pl.DataFrame({"id": ids}), 7)
    assert found["id"].to_list() == sorted(ids)[:7]


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


def test_answers_of_a_closed_set_are_found_whatever_their_case():
    found = describe.closed_answers(pl.Series(["True", " true.", "FALSE", "false", "A long answer of its own."]))
    assert found is not None and found.to_list() == ["true", "true", "false", "false", None]


def test_yes_and_no_are_found_among_many_other_short_answers():
    names = [f"name {i}" for i in range(40)]
    found = describe.closed_answers(pl.Series(["Oui", "non", *names]))
    assert found is not None and found.drop_nulls().to_list() == ["oui", "non"]


def test_free_answers_are_no_closed_set():
    assert describe.closed_answers(pl.Series(["Paris", "Rome", "A longer answer here", None])) is None


def test_turns_are_counted_and_every_role_is_named():
    talk = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    rows: list[dict[str, object]] = [{"messages": talk}, {"messages": talk[:1]}, {"messages": []}]
    found = describe.turns(derived("chat", rows), schema("chat"))
    assert found is not None
    assert found[0].to_list() == [2, 1, 0] and sorted(found[1].to_list()) == ["assistant", "user", "user"]
    assert describe.turns(derived("qa", []), schema("qa")) is None


def test_a_column_of_many_values_is_no_category():
    rows: list[dict[str, object]] = [choice(0, "x") | {"topic": f"topic {i}", "subject": "one"} for i in range(31)]
    assert list(describe.categories(derived("mcq", rows), schema("mcq"))) == ["subject"]


def test_gaps_tell_an_absent_value_from_an_empty_one():
    rows: list[dict[str, object]] = [
        {"question": " \n", "answer": "a"},
        {"question": "q", "answer": "a", "context": ""},
    ]
    found = {gap.field: (gap.missing, gap.blank, gap.n) for gap in describe.gaps(derived("qa", rows), schema("qa"))}
    assert found["question"] == (0, 1, 2) and found["context"] == (1, 1, 2) and found["lang"] == (2, 0, 2)


def test_an_empty_list_is_blank():
    gaps = describe.gaps(derived("chat", [{"messages": []}]), schema("chat"))
    assert (gaps[0].missing, gaps[0].blank) == (0, 1)
