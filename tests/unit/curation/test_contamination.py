"""A record that repeats a test is found, whatever the order of its options; what many share by form is not."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.corpora import words as unlike
from workbench.curation.contamination import STOCK, Known, Text, contaminated, fingerprint
from workbench.schema import load_schema
from workbench.workspace import samples

QA = load_schema(samples() / "schemas" / "qa.yaml")
MCQ = load_schema(samples() / "schemas" / "mcq.yaml")


def derived(schema, rows):
    frame = schema.table(rows).with_columns(
        id=pl.int_range(pl.len()).cast(pl.String), source=pl.lit("s"), position=pl.int_range(pl.len())
    )
    return schema.derived(frame)


def found(schema, rows, *texts):
    known = Known()
    for number, text in enumerate(texts):
        known.add(text if isinstance(text, Text) else Text(f"bench {number}", text))
    issues, stock = contaminated(derived(schema, rows), schema, known)
    return dict(issues.select("record", "message").iter_rows()), stock


def test_a_run_of_thirteen_words_inside_longer_texts_is_found_and_twelve_are_not():
    shared = unlike("shared", 13)
    rows = [
        {"question": f"{unlike(1, 9)} {shared} {unlike(2, 4)}", "answer": "a"},
        {"question": f"{unlike(3, 9)} {' '.join(shared.split()[:12])} {unlike(4, 9)}", "answer": "a"},
    ]
    hits, _ = found(QA, rows, f"{unlike(5, 30)} {shared} {unlike(6, 30)}")
    assert hits == {"0": "stands in bench 0 too"}


def test_case_and_punctuation_do_not_hide_a_repeated_text():
    text = unlike("question", 20)
    hits, _ = found(QA, [{"question": text.upper().replace(" ", ", "), "answer": "x"}], text)
    assert set(hits) == {"0"}


@pytest.mark.parametrize(("count", "hit"), [(8, True), (5, True), (4, True), (3, False), (1, False)])
def test_a_short_text_counts_only_as_a_whole(count, hit):
    text = unlike("short", count)
    hits, _ = found(QA, [{"question": text, "answer": "x"}], text)
    assert bool(hits) is hit


def test_a_short_text_inside_a_longer_one_is_no_repetition():
    text = unlike("short", 5)
    assert found(QA, [{"question": text, "answer": "x"}], f"{text} and {unlike(1, 10)}")[0] == {}


@given(st.permutations(["one option", "another", "a third", "the last"]))
def test_a_question_is_known_in_any_order_of_its_options(options):
    row = {"question": "Which one?", "options": options, "correct_option_index": 0}
    same = Text("bench 7", "which  ONE?", ("The last", "one option", "a third", "another"))
    assert set(found(MCQ, [row], same)[0]) == {"0"}


def test_the_same_stem_with_other_options_is_another_question():
    row = {"question": "Which one?", "options": ["a", "b"], "correct_option_index": 0}
    assert found(MCQ, [row], Text("bench", "Which one?", ("a", "c")))[0] == {}
    assert fingerprint("q", ["a", "b"]) != fingerprint("q", ["a", "b", "b"])


def test_a_phrase_that_many_texts_of_the_other_side_share_says_nothing_and_is_counted():
    phrase = unlike("template", 15)
    rows = [{"question": f"{phrase} {unlike(number, 12)}", "answer": "x"} for number in range(3)]
    bench = [f"{phrase} {unlike(f'bench {number}', 20)}" for number in range(STOCK + 1)]
    assert found(QA, rows, *bench) == ({}, 3)
    assert len(found(QA, rows, *bench[:STOCK])[0]) == 3


def test_a_question_that_many_records_repeat_is_found_in_each():
    question = unlike("question", 20)
    rows = [{"question": question, "answer": str(number)} for number in range(50)]
    assert len(found(QA, rows, question)[0]) == 50


def test_a_passage_that_many_questions_of_the_other_side_are_about_is_no_template():
    passage = unlike("passage", 40)
    rows = [{"question": passage, "answer": "x"}]
    assert found(QA, rows, *[passage] * 30)[0]


def test_a_short_question_is_found_behind_a_few_words_more():
    question = unlike("question", 10)
    assert found(QA, [{"question": f"Please answer this: {question}", "answer": "x"}], question)[0]


def test_an_option_that_is_missing_is_compared_as_an_empty_one():
    row = {"question": "Which one?", "options": ["a", None], "correct_option_index": 0}
    assert found(MCQ, [row], Text("bench", "Which one?", (None, "a")))[0]


def test_each_record_has_one_issue_that_names_the_place_and_suggests_to_drop_it():
    text = unlike("twice", 40)
    known = Known()
    known.add(Text("bench 3", text))
    issues, _ = contaminated(derived(QA, [{"question": text, "answer": text}]), QA, known)
    assert issues.select("rule", "field", "severity", "fix").rows() == [
        ("contaminated", "question", "error", '{"drop": true}')
    ]
    assert "bench 3" in issues["message"][0]


def test_nothing_is_repeated_where_the_other_side_is_empty_or_holds_nothing():
    rows = [{"question": unlike(1, 20), "answer": "x"}]
    assert found(QA, rows) == ({}, 0)
    assert found(QA, rows, "", " ", "a") == ({}, 0)


def test_texts_that_are_too_short_to_be_known_again_are_counted():
    known = Known()
    for text in ("Capital of France?", "Paris", "", "Which city is the capital of France?"):
        known.add(Text("test row 0", text))
    assert (known.texts, known.too_short) == (1, 2)
