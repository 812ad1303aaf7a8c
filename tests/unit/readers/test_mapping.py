"""Mapping: names are found, answers in every form become one index, doubt is never resolved in silence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UsageError
from workbench.readers.mapping import FieldSpec, Mapping, MappingError, apply, parse, preview, propose

QUIZ = {
    "question": FieldSpec("str", required=True, aliases=("stem", "prompt")),
    "options": FieldSpec("list[str]", required=True, aliases=("choices", "answers")),
    "index": FieldSpec("int", aliases=("answer", "correct_answers"), plural="indices"),
    "indices": FieldSpec("list[int]"),
    "topic": FieldSpec("str"),
}
CHAT = {"messages": FieldSpec("messages", required=True, aliases=("conversations",))}
FOUR = ["red", "green", "blue", "white"]


def answered(answer: Any, options: Any = FOUR, cast: str = "") -> tuple[Any, Any]:
    mapping = Mapping({"options": "o", "index": f"a{cast}"})
    typed, _ = apply(mapping, {"o": options, "a": answer}, QUIZ)
    return typed["index"], typed["indices"]


@pytest.mark.parametrize(
    ("answer", "index"),
    [
        (2, 2),
        (2.0, 2),
        ("2", 2),
        ("2.0", 2),
        ("C", 2),
        ("c", 2),
        ("(c)", 2),
        ("C.", 2),
        (["c"], 2),
        ('["c"]', 2),
        ("blue", 2),
        (" Blue ", 2),
        (["blue"], 2),
        (9, 9),
        ("-1", -1),
        ("H", 7),
        (None, None),
        ("", None),
        ([], None),
    ],
)
def test_an_answer_in_any_form_becomes_an_index_from_zero(answer: Any, index: int | None) -> None:
    assert answered(answer) == (index, None)


@pytest.mark.parametrize("answer", [["a", "c"], "A, C", "A C", "a;c", '["a", "c"]', [0, 2], ["red", "blue"], "0,2"])
def test_several_answers_go_to_the_plural_field(answer: Any) -> None:
    assert answered(answer) == (None, [0, 2])


def test_several_answers_without_a_plural_field_set_the_row_aside() -> None:
    fields = {"options": FieldSpec("list[str]"), "index": FieldSpec("int")}
    with pytest.raises(MappingError, match="2 answers"):
        apply(Mapping({"options": "o", "index": "a"}), {"o": FOUR, "a": ["a", "b"]}, fields)


def test_a_list_field_takes_all_answers_by_itself() -> None:
    typed, _ = apply(Mapping({"options": "o", "indices": "a"}), {"o": FOUR, "a": ["b", "d"]}, QUIZ)
    assert (typed["index"], typed["indices"]) == (None, [1, 3])


@pytest.mark.parametrize("answer", [True, {"a": 1}, "purple", 1.5, ["a", None, {}], "1e5"])
def test_an_answer_of_an_impossible_type_sets_the_row_aside(answer: Any) -> None:
    with pytest.raises(MappingError, match="index: "):
        answered(answer)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (FOUR, FOUR),
        ({"b": "green", "a": "red"}, ["red", "green"]),
        ('["red", "green"]', ["red", "green"]),
        ('{"a": "red", "b": "green"}', ["red", "green"]),
        ({str(n): f"o{n}" for n in (10, 9, 1)}, ["o1", "o9", "o10"]),
        ({"text": ["x", "y"], "label": ["A", "B"]}, ["x", "y"]),
        ([{"label": "A", "text": "x"}], ["x"]),
        ([1, 2.5, True, None], ["1", "2.5", "true", ""]),
        (None, None),
        ("", None),
    ],
)
def test_options_come_in_from_every_usual_shape(options: Any, expected: list[str] | None) -> None:
    assert apply(Mapping({"options": "o"}), {"o": options}, QUIZ)[0]["options"] == expected


@pytest.mark.parametrize("options", ["red or green", 7, [["nested"]], {"a": {}}])
def test_options_of_an_impossible_type_set_the_row_aside(options: Any) -> None:
    with pytest.raises(MappingError, match="options: "):
        apply(Mapping({"options": "o"}), {"o": options}, QUIZ)


def test_long_numbers_in_a_text_of_options_keep_every_digit() -> None:
    assert apply(Mapping({"options": "o"}), {"o": "[12345678901234567890123, 2]"}, QUIZ)[0]["options"] == [
        "12345678901234567890123",
        "2",
    ]


@pytest.mark.parametrize("text", ['{"A": "x", "A": "y", "B": "z"}', '[{"text": "x", "text": "y"}]'])
def test_a_key_that_stands_twice_in_a_text_of_options_sets_the_row_aside(text: str) -> None:
    with pytest.raises(MappingError, match="stands twice"):
        apply(Mapping({"options": "o"}), {"o": text}, QUIZ)


@pytest.mark.parametrize("answer", ["\ufeffwet", "wet", " WET\ufeff"])
def test_a_byte_order_mark_hides_no_option(answer: str) -> None:
    assert answered(answer, ["dry", "\ufeffwet"])[0] == 1


def test_the_key_of_an_option_names_it_even_when_keys_are_numbers() -> None:
    assert answered("2", {"1": "red", "2": "green"}) == (1, None)
    assert answered("e", {"b": "x", "e": "y"}) == (1, None)


def test_an_answer_that_can_be_meant_two_ways_is_set_aside_until_told() -> None:
    with pytest.raises(MappingError, match=":index or :text"):
        answered("2", ["1", "2", "3", "4"])
    assert answered("2", ["1", "2", "3", "4"], ":text") == (1, None)
    assert answered("2", ["1", "2", "3", "4"], ":index") == (2, None)
    assert answered("2", ["5", "6"], ":number") == (1, None)
    assert answered("7", ["5", "6", "7"]) == (2, None)


@pytest.mark.parametrize(("other", "cast"), [("3", ":index"), ("word", ":text")])
def test_the_other_rows_tell_how_a_doubtful_answer_is_meant(other: str, cast: str) -> None:
    rows = [{"question": "q", "options": ["1", "2", "3"], "answer": "1"}]
    options = ["x", "y", "z", "w"] if other == "3" else ["word", "y"]
    rows.append({"question": "q", "options": options, "answer": other})  # type: ignore[dict-item]
    assert propose(list(rows[0]), rows, QUIZ).expressions["index"] == f"answer{cast}"
    assert propose(list(rows[0]), rows[:1], QUIZ).expressions["index"] == "answer"


def test_names_are_found_exactly_then_by_alias_then_folded() -> None:
    columns = ["Prompt", "CHOICES", "answer", "top_ic", "id"]
    assert propose(columns, [], QUIZ).expressions == {
        "question": "Prompt",
        "options": "CHOICES",
        "index": "answer",
        "topic": "top_ic",
    }


@pytest.mark.parametrize(
    "columns",
    [list("ABCD"), list("abc"), ["option_a", "option_b"], ["Choice 1", "Choice 2"], ["opa", "opb", "opc"]],
)
def test_columns_of_single_options_are_gathered(columns: list[str]) -> None:
    mapping = propose(["question", *columns, "answer"], [], QUIZ)
    assert mapping.expressions["options"] == f"[{','.join(columns)}]"
    row = {"question": "q", "answer": "B"} | {column: f"<{column}>" for column in columns}
    typed, extra = apply(mapping, row, QUIZ)
    assert typed["options"] == [f"<{column}>" for column in columns] and typed["index"] == 1 and extra == {}


@pytest.mark.parametrize(("keys", "index"), [(["A", "D"], 0), (["1", "3"], 1)])
def test_a_quiz_without_a_header_is_mapped_by_its_shape(keys: list[str], index: int) -> None:
    rows = [dict(zip("012345", ["q?", "w", "x", "y", "z", key], strict=True)) for key in keys]
    mapping = propose(list("012345"), rows, QUIZ)
    assert mapping.expressions == {"question": "0", "options": "[1,2,3,4]", "index": "5"}
    assert apply(mapping, rows[0], QUIZ)[0]["index"] == index


def test_columns_that_no_field_takes_are_kept_as_extra() -> None:
    typed, extra = apply(Mapping({"question": "q"}), {"q": "why?", "id": 7, "tags": ["x"]}, QUIZ)
    assert extra == {"id": 7, "tags": ["x"]}
    assert typed == {"question": "why?", "options": None, "index": None, "indices": None, "topic": None}


def test_an_unknown_column_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        parse(["question=promt"], ["prompt", "answer"])
    assert "'promt'" in caught.value.what and "'prompt'" in caught.value.hint


@pytest.mark.parametrize("pairs", [["question"], ["=prompt"], ["question="], ["question=a", "question=b"]])
def test_a_pair_that_is_no_mapping_is_a_usage_error(pairs: list[str]) -> None:
    with pytest.raises(UsageError):
        parse(pairs, ["a", "b", "prompt"])


def test_a_field_that_the_schema_does_not_have_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="questoin"):
        apply(Mapping({"questoin": "a"}), {"a": "x"}, QUIZ)


@pytest.mark.parametrize(
    ("template", "row", "merged"),
    [
        (r"{a}\n{b}", {"a": "x", "b": "y"}, "x\ny"),
        (r"{a}\n{b}", {"a": "x", "b": ""}, "x"),
        (r"{a}\n{b}", {"a": "", "b": "y"}, "y"),
        (r"{a}\n{b}", {"a": None, "b": None}, None),
        (r"{a}\n{b}", {"a": "", "b": " "}, ""),
        (r"Q: {a}\nA: {b}", {"a": "", "b": "y"}, "A: y"),
        (r"Q: {a}\nA: {b}", {"a": "x", "b": None}, "Q: x"),
        ("{a} ({b})", {"a": "x", "b": ""}, "x"),
        ("{a} ({b})", {"a": "x", "b": "y"}, "x (y)"),
        ("{a}, {b}, {c}", {"a": "x", "b": "", "c": "z"}, "x, z"),
    ],
)
def test_a_template_leaves_no_stray_separators(template: str, row: dict[str, Any], merged: str | None) -> None:
    mapping = parse([f"question={template}"], ["a", "b", "c"])
    typed, extra = apply(mapping, row, QUIZ)
    assert typed["question"] == merged and extra == {}


@pytest.mark.parametrize("key", ["conversations", "messages"])
def test_conversations_become_role_and_content(key: str) -> None:
    old = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]
    new = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    for turns in (old, new):
        mapping = propose([key], [{key: turns}], CHAT)
        assert apply(mapping, {key: turns}, CHAT) == ({"messages": new}, {})


def test_words_of_a_turn_that_only_begin_like_json_are_kept_with_it() -> None:
    turns = [{"role": "user", "content": "why?", "extra": "{sic} unsure", "weight": 1}]
    typed, extra = apply(Mapping({"messages": "m"}), {"m": turns}, {"messages": FieldSpec("messages+extra")})
    assert json.loads(typed["messages"][0]["extra"]) == {"extra": "{sic} unsure", "weight": 1} and extra == {}
    again = [{"role": "user", "content": "why?", "extra": typed["messages"][0]["extra"]}]
    assert apply(Mapping({"messages": "m"}), {"m": again}, {"messages": FieldSpec("messages+extra")})[0] == typed


@pytest.mark.parametrize("beside", ['{"weight": 0}', '{"role": "system"}'])
def test_a_part_called_extra_takes_the_place_of_no_other_part(beside: str) -> None:
    turns = [{"role": "user", "content": "why?", "extra": beside, "weight": 1}]
    typed, _ = apply(Mapping({"messages": "m"}), {"m": turns}, {"messages": FieldSpec("messages+extra")})
    assert json.loads(typed["messages"][0]["extra"]) == {"extra": beside, "weight": 1}


def test_what_turns_hold_beyond_role_and_content_is_kept_as_extra() -> None:
    turns = [{"role": "assistant", "content": None, "tool_calls": [{"name": "f"}]}]
    typed, extra = apply(Mapping({"messages": "m"}), {"m": turns}, CHAT)
    assert typed["messages"] == [{"role": "assistant", "content": ""}] and extra == {"m": turns}


@pytest.mark.parametrize(
    "turns", ["hello", 3, [["user", "hi"]], [{"content": "no role"}], [{"role": "user", "content": {}}]]
)
def test_what_is_no_conversation_is_set_aside(turns: Any) -> None:
    with pytest.raises(MappingError):
        apply(Mapping({"messages": "m"}), {"m": turns}, CHAT)


@pytest.mark.parametrize(
    ("kind", "value", "typed"),
    [
        ("str", 42, "42"),
        ("str", False, "false"),
        ("str", "", ""),
        ("int", "", None),
        ("int", "7", 7),
        ("float", "1.5", 1.5),
        ("float", 2, 2.0),
        ("bool", "Yes", True),
        ("bool", 0, False),
        ("list[int]", "[1, 2]", [1, 2]),
        ("list[int]", 3, [3]),
    ],
)
def test_scalars_take_their_fields_type(kind: Any, value: Any, typed: Any) -> None:
    assert apply(Mapping({"f": "c"}), {"c": value}, {"f": FieldSpec(kind)})[0] == {"f": typed}


@pytest.mark.parametrize(
    ("kind", "value"),
    [("str", ["x"]), ("int", "x"), ("int", True), ("float", "nan"), ("bool", "maybe"), ("list[int]", ["x"])],
)
def test_impossible_scalars_set_the_row_aside(kind: Any, value: Any) -> None:
    with pytest.raises(MappingError):
        apply(Mapping({"f": "c"}), {"c": value}, {"f": FieldSpec(kind)})


@given(row=st.dictionaries(st.sampled_from(["question", "answer", "prompt", "note"]), st.none() | st.text()))
def test_a_row_is_of_another_shape_where_no_mapped_column_is_in_it(row: dict[str, Any]) -> None:
    mapping = Mapping({"question": "question", "answer": "answer"})
    fields = {"question": FieldSpec("str"), "answer": FieldSpec("str")}
    if {"question", "answer"} & row.keys():
        typed, extra = apply(mapping, row, fields)
        assert typed == {"question": None, "answer": None} | {k: v for k, v in row.items() if k in fields}
        assert extra == {k: v for k, v in row.items() if k not in fields}
        return
    with pytest.raises(MappingError, match="none of the columns that are read \\(answer, question\\) is in the row"):
        apply(mapping, row, fields)


def test_the_reason_for_another_shape_names_what_the_row_holds_and_no_more_than_some() -> None:
    row = {f"column {number}\x1b": number for number in range(40)}
    with pytest.raises(MappingError) as caught:
        apply(Mapping({"f": "c"}), row, {"f": FieldSpec("str")})
    assert "column 7" in str(caught.value) and "column 8" not in str(caught.value) and "\x1b" not in str(caught.value)


def test_a_preview_shows_the_first_rows_safely() -> None:
    rows = [{"q": f"\x1b[31m{number}"} for number in range(9)]
    shown = preview(Mapping({"question": "q", "topic": "none"}), rows)
    assert len(shown) == 3 and "\x1b" not in shown[0]["question"] and shown[0]["topic"] == ""


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(row=st.fixed_dictionaries({"q": values, "o": values, "a": values}))
def test_any_row_is_typed_or_set_aside_with_a_reason(row: dict[str, Any]) -> None:
    mapping = Mapping({"question": "q", "options": "o", "index": "a"})
    try:
        typed, _ = apply(mapping, row, QUIZ)
    except MappingError as error:
        assert str(error)
    else:
        assert typed["index"] is None or isinstance(typed["index"], int)
        assert typed["options"] is None or all(isinstance(option, str) for option in typed["options"])


def quiz_rows(answers: list[Any], options: Any = FOUR) -> list[dict[str, Any]]:
    return [{"question": "q", "options": options, "answer": answer} for answer in answers]


def proposed_for(answers: list[Any], options: Any = FOUR) -> Mapping:
    return propose(["question", "options", "answer"], quiz_rows(answers, options), QUIZ)


@pytest.mark.parametrize("answers", [[1, 4, 2], ["1", "4"], [1.0, 4.0], [None, 4, ""], [[1, 4], [2]], ["1,4", "2"]])
def test_numbers_up_to_the_number_of_options_count_from_one(answers: list[Any]) -> None:
    mapping = proposed_for(answers)
    assert mapping.expressions["index"] == "answer:number" and mapping.guesses == ()
    typed = [apply(mapping, row, QUIZ)[0] for row in quiz_rows(answers)]
    assert 3 in [index for fields in typed for index in (fields["index"], *(fields["indices"] or ()))]


@pytest.mark.parametrize(
    ("answers", "options"),
    [
        ([0, 4, 2], FOUR),
        ([1, 4, 9], FOUR),
        ([1, 4, -1], FOUR),
        (["A", "D"], FOUR),
        (["A", 4], FOUR),
        (["red", "white"], FOUR),
        (["1", "4"], {"1": "a", "2": "b", "3": "c", "4": "d"}),
        ([2, 4], ["1", "2", "3", "4"]),
        ([None, ""], FOUR),
        ([], FOUR),
    ],
)
def test_what_does_not_prove_a_count_from_one_stays_as_it_is(answers: list[Any], options: Any) -> None:
    mapping = proposed_for(answers, options)
    assert mapping.expressions["index"] == "answer" and mapping.guesses == ()


def test_numbers_that_fit_both_counts_stay_an_index_and_are_a_guess() -> None:
    mapping = proposed_for([1, 2, 3])
    assert mapping.expressions["index"] == "answer"
    assert [guess for guess in mapping.guesses if "index=answer:number" in guess] == list(mapping.guesses) != []
