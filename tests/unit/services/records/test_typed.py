"""What is typed for a field: an option by its letter, words as they stand, all else as JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import UsageError
from workbench.schema import load_schema
from workbench.services.records.editing import check_fits
from workbench.services.records.typed import value_of
from workbench.workspace import samples

SCHEMAS: Path = samples() / "schemas"
MCQ = load_schema(SCHEMAS / "mcq.yaml")


@pytest.mark.parametrize(("text", "number"), [("A", 0), ("b", 1), (" C ", 2), ("2", 2)])
def test_the_right_option_is_typed_as_letter_or_as_number_from_0(text, number):
    assert value_of(MCQ, "correct_option_index", text) == number


@pytest.mark.parametrize("text", ["second", "1.5", "AB", ""])
def test_what_is_neither_is_refused_and_says_what_is_wanted(text):
    value = value_of(MCQ, "correct_option_index", text)
    with pytest.raises(UsageError) as refused:
        check_fits(MCQ, "correct_option_index", value)
    assert "the letter of the right option, or its number counted from 0" in refused.value.hint


@pytest.mark.parametrize(
    ("text", "value"), [("42", "42"), ("true", "true"), ("[1]", [1]), ("null", None), ('"4"', "4"), ("B", "B")]
)
def test_a_text_field_holds_the_words_that_are_typed(text, value):
    assert value_of(MCQ, "question", text) == value


def test_a_field_that_keeps_json_as_a_text_takes_it_as_it_is_typed():
    tools = load_schema(SCHEMAS / "tools.yaml")
    typed = '[{"type": "function", "function": {"name": "f"}}]'
    assert value_of(tools, "tools", typed) == typed
    check_fits(tools, "tools", typed)


def test_every_kind_of_field_says_what_it_holds():
    for path in SCHEMAS.glob("*.yaml"):
        schema = load_schema(path)
        for field in schema.columns:
            with pytest.raises(UsageError, match="does not fit the field"):
                check_fits(schema, field, {"no": ["such"]})
