"""A section says in words what the facts say in numbers, and nothing where there is nothing to say."""

from __future__ import annotations

import pytest

from tests.exports import HOSTILE, facts
from workbench.publish import sections
from workbench.publish.facts import Example, Length, RunFacts
from workbench.publish.markdown import block, number, table


def test_leaks_are_counted_in_words():
    text = sections.proof(facts(proof={"exact": 2, "near": 0, "max_jaccard": "< 0.5", "unchecked": []}))
    assert "- 2 equal texts on two sides" in text and "- No nearly equal texts" in text
    assert "has a Jaccard below 0.5" in text
    assert "neighbouring" not in text  # what was not looked for is not said to be absent


def test_duplicates_name_those_that_stayed():
    assert "4 records removed as duplicates in favour of 3 records that stayed" in sections.duplicates(
        facts(kept_for_removed=3)
    )
    assert "No record was removed" in sections.duplicates(facts(removed=0))


def test_tokens_are_told_only_where_a_run_counted_them():
    spread = Length("question", "characters", 6, 40.0, 80.5, 90)
    assert "tokens" not in sections.lengths(facts(lengths=(spread,)))
    run = RunFacts("r1", "org/base", (Length("whole record, train", "tokens", 6, 12.0, 20.0, 30),))
    text = sections.lengths(facts(lengths=(spread,), run=run))
    assert "| whole record, train | tokens | 12 | 20 | 30 |" in text and "`org/base`" in text


def test_nested_settings_are_told_in_words_and_not_as_json():
    text = sections.settings(facts(settings={"split": {"seed": 42, "counts": None}, "duplicates": {"threshold": 0.8}}))
    assert "| seed of the draw | 42 |" in text and "Jaccard on | 0.8 |" in text
    assert "{" not in text and "None" not in text


def test_loading_is_pinned_to_the_tag_where_the_repository_is_known():
    assert 'load_dataset("OWNER/NAME")' in sections.loading(facts(), ["train"])
    text = sections.loading(facts(repo="me/quiz", name="v3"), ["train"])
    assert 'load_dataset("me/quiz", revision="v3")' in text and "workbench pull me/quiz@v3" in text


def test_a_nested_column_is_described_in_words():
    kind = {"name": "turns", "list": [{"name": "role", "dtype": "string"}, {"name": "content", "dtype": "string"}]}
    assert sections.kind_of(kind) == "list of role (string), content (string)"


@pytest.mark.parametrize("text", ["```\nout", "````", HOSTILE, "~~~", "a\r\n```b"])
def test_a_block_is_never_ended_by_its_text(text):
    first, *inner, last = block(text, limit=100).split("\n")
    assert first == last + "text" and not [line for line in inner if line.startswith(last)]


def test_examples_show_what_was_asked_and_both_answers():
    run = RunFacts("r1", "tiny", examples=(Example("Where?", "Here.", "", "There."),))
    text = sections.examples(run)
    assert all(part in text for part in ("asked:", "Where?", "should say:", "after:", "There."))
    assert "before:" not in text and sections.examples(None) == ""


def test_numbers_have_no_more_digits_than_they_need():
    assert [number(value) for value in (1234567, 0.5, 1.04042, 3.0)] == ["1,234,567", "0.5", "1.04", "3"]


def test_a_table_without_rows_is_nothing():
    assert table(("a",), []) == ""
