"""What is found in multiple-choice records: keys, options, explanations and letters that disagree."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, chisquare

from tests.unit.curation.flagged import MCQ, QA, found, frame_of, rules
from workbench.curation.fixes import changes
from workbench.curation.flags.letters import rebalanced, spread
from workbench.text import folded

ROW = {"question": "Which city lies on the Seine?", "options": ["Rome", "Paris", "Madrid", "Berlin"]}


def asked(number: int, key: int, **fields: object) -> dict[str, object]:
    """Return a question of its own with four options."""
    options = [f"{word} {number}" for word in ("first", "second", "third", "last")]
    return {"question": f"Question {number}?", "options": options, "correct_option_index": key, **fields}


@pytest.mark.parametrize(
    "option",
    [
        "All of the above",
        "none of the above.",
        "None of these",
        "Both of the above are correct",
        "Both A and B",
        "A and C only",
        "(a) and (b)".upper(),
        "A, B and C",
        "Toutes les réponses ci-dessus",
        "Aucune des réponses précédentes",
        "Aucune de ces réponses",
        "Toutes ces propositions",
        "Les deux réponses précédentes sont correctes",
        "A et B",
        "A et C seulement",
        "B ou D",
    ],
)
def test_an_option_that_speaks_of_places_is_order_bound_and_nothing_worse(option):
    row = ROW | {"options": [*ROW["options"][:3], option], "correct_option_index": 1}
    issues = found(MCQ, row)
    assert issues.select("rule", "severity", "value").rows() == [("order-bound-options", "info", option)]
    assert rebalanced("0", row["options"], 1) == (row["options"], 1)


@pytest.mark.parametrize(
    "option",
    [
        "Vitamin A and vitamin D",
        "All particles above the threshold",
        "None",
        "Both",
        "a and b",
        "Toutes les rivières de France",
        "None of these transformations converges",
        "Les deux",
        "E-mail and fax",
        "It holds for the sets A and B",
    ],
)
def test_options_that_only_sound_like_it_are_free(option):
    assert rules(MCQ, ROW | {"options": [*ROW["options"][:3], option], "correct_option_index": 1}) == [[]]


@pytest.mark.parametrize(
    "said",
    [
        "The correct answer is C, because the Manzanares is small.",
        "The right answer is Madrid.",
        "So the answer is (D).",
        "Option A is correct since it is the capital.",
        "The correct option is option C.",
        "La bonne réponse est la réponse C.",
        "La réponse correcte est « Berlin ».",
        "La réponse D est la bonne.",
        "La bonne réponse est donc Rome, sur le Tibre.",
    ],
)
def test_an_explanation_for_another_option_than_the_key_is_flagged(said):
    issues = found(MCQ, ROW | {"correct_option_index": 1, "explanation": said})
    assert issues.select("rule", "field").rows() == [("explanation-key", "explanation")]


@pytest.mark.parametrize(
    "said",
    [
        "The correct answer is B.",
        "The correct answer is Paris, not Rome.",
        "Paris lies on the Seine; Rome lies on the Tiber and Madrid on the Manzanares.",
        "Option C is not correct, nor is option D.",
        "The right answer is A method that nobody expected.",
        "The correct answer is found by elimination.",
        "If the question had asked for Spain, the right answer would be C, but here the correct answer is B.",
        "La bonne réponse est B.",
        "La bonne réponse est Paris : Berlin est sur la Spree.",
        "La réponse est dans la question.",
        "The correct answer is H.",
    ],
)
def test_an_explanation_that_agrees_or_weighs_is_left_alone(said):
    assert rules(MCQ, ROW | {"correct_option_index": 1, "explanation": said}) == [[]]


def test_the_longest_option_is_the_one_that_an_explanation_names():
    options = ["Gradient", "Gradient descent", "Descent", "None"]
    row = {"question": "q?", "options": options, "correct_option_index": 1}
    assert rules(MCQ, row | {"explanation": "The right answer is gradient descent."}) == [[]]
    assert rules(MCQ, row | {"explanation": "The right answer is gradient."}) == [["explanation-key"]]


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        ({"correct_answer": "Rome"}, True),
        ({"correct_answer": " paris "}, False),
        ({"answer": "C"}, True),
        ({"answer": "(b)"}, False),
        ({"answer": "The one on the Seine"}, False),
        ({"note": "Rome"}, False),
        ({"answer": 2}, False),
    ],
)
def test_a_raw_answer_that_disagrees_with_the_index_is_flagged(raw, wrong):
    row = ROW | {"correct_option_index": 1, "extra": json.dumps(raw)}
    assert rules(MCQ, row) == [["key-text"] if wrong else []]


def test_an_option_that_reads_like_a_letter_is_taken_by_its_text():
    row = {"question": "Which grade?", "options": ["B", "A", "C"], "correct_option_index": 0}
    assert rules(MCQ, row | {"extra": '{"answer": "B"}'}, row | {"extra": '{"answer": "A"}'}) == [[], ["key-text"]]


def test_a_source_that_counts_from_one_is_flagged_whole_with_the_shifted_key_as_fix():
    rows = [asked(i, i % 4 + 1) for i in range(8)]
    issues = found(MCQ, *rows).filter(rule="index-base")
    assert [json.loads(fix) for fix in issues["fix"]] == [i % 4 for i in range(8)]
    assert rules(MCQ, *(asked(i, i % 4) for i in range(8))) == [[]] * 8


@pytest.mark.parametrize(
    "keys",
    [[1, 2, 3, 1, 2, 3, 1, 2], [0, 1, 2, 3, 4, 1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5, 1, 2, 3], [1, 2, 3, 5] * 2],
)
def test_a_source_that_may_count_from_zero_is_not_shifted(keys):
    assert "index-base" not in set(found(MCQ, *(asked(i, key) for i, key in enumerate(keys)))["rule"])


def test_each_source_has_a_base_of_its_own():
    rows = [asked(i, i % 4 + 1, source="one") for i in range(8)] + [
        asked(i, i % 4, source="zero") for i in range(8, 16)
    ]
    assert found(MCQ, *rows).filter(rule="index-base")["record"].to_list() == [str(i) for i in range(8)]


def test_one_question_with_two_keys_is_flagged_however_the_options_stand():
    shuffled = {"question": " which  CITY lies on the Seine?", "options": ["berlin", "Madrid", "Rome", "Paris "]}
    right, wrong = ROW | {"correct_option_index": 1}, ROW | {"correct_option_index": 0}
    assert rules(MCQ, right, shuffled | {"correct_option_index": 3}) == [[], []]
    assert rules(MCQ, right, shuffled | {"correct_option_index": 2}) == [["contradicting-key"]] * 2
    assert rules(MCQ, right, wrong, right) == [["contradicting-key"]] * 3
    other = ROW | {"options": ["Rome", "Paris", "Madrid", "Vienna"], "correct_option_index": 0}
    assert rules(MCQ, right, other) == [[], []]


def test_options_that_differ_by_a_sign_only_are_two_options():
    row = {"question": "q?", "options": ["p ∧ q", "p ∨ q", "p, q", "p q"], "correct_option_index": 0}
    assert rules(MCQ, row) == [[]]


def test_balance_counts_letters_and_tests_them_by_the_number_of_options():
    even = [asked(i, i % 4) for i in range(40)]
    pairs = [{"question": f"{i}?", "options": ["Yes", "No"], "correct_option_index": i % 2} for i in range(40)]
    told = spread(frame_of(MCQ, *even, *pairs, asked(99, 7)), MCQ)
    assert told is not None and not told.uneven
    assert (told.letters, told.chi2, told.n) == ({"A": 30, "B": 30, "C": 10, "D": 10}, 0.0, 80)
    one = spread(frame_of(MCQ, *(asked(i, 0) for i in range(60))), MCQ)
    assert one is not None and one.uneven
    reference = chisquare([60, 0, 0, 0])
    assert one.chi2 == pytest.approx(reference.statistic)
    assert one.p == pytest.approx(reference.pvalue, rel=1e-9, abs=0)
    mixed = spread(frame_of(MCQ, *(asked(i, 0) for i in range(24)), *pairs), MCQ)
    assert mixed is not None and mixed.p == pytest.approx(chi2.sf(mixed.chi2, 3 + 1))
    assert spread(frame_of(QA, {"question": "q", "answer": "a"}), QA) is None
    assert spread(frame_of(MCQ), MCQ) is None


def test_a_small_corpus_is_never_called_uneven():
    told = spread(frame_of(MCQ, *(asked(i, 0) for i in range(49))), MCQ)
    assert told is not None and told.p < 0.01 and not told.uneven


OPTIONS = st.lists(st.text("abcdé ", min_size=1, max_size=6), min_size=2, max_size=6, unique_by=folded)


@given(st.text("0123456789abcdef", min_size=32, max_size=32), OPTIONS, st.data())
def test_rebalancing_moves_the_key_with_its_option_and_depends_on_the_id_alone(record, options, data):
    key = data.draw(st.integers(0, len(options) - 1))
    new, index = rebalanced(record, options, key)
    assert sorted(new) == sorted(options) and new[index] == options[key]
    assert rebalanced(record, new, index) == (new, index)
    order = data.draw(st.permutations(range(len(options))))
    assert rebalanced(record, [options[i] for i in order], order.index(key)) == (new, index)


def test_rebalancing_a_corpus_that_always_answers_a_makes_it_even():
    rows = [asked(i, 0) for i in range(400)]
    issues = found(MCQ, *rows)
    assert set(issues.select("rule", "severity").rows()) == {("answer-letter", "info")}
    for record, field, fix in issues.select("record", "field", "fix").iter_rows():
        assert field == "options"
        rows[int(record)] |= changes(field, fix) or {}
    told = spread(frame_of(MCQ, *rows), MCQ)
    assert told is not None and told.p > 0.01
    assert found(MCQ, *rows).is_empty()
    assert all(row["options"][row["correct_option_index"]] == f"first {i}" for i, row in enumerate(rows))


def test_records_that_speak_of_letters_or_places_are_not_reordered():
    rows = [asked(i, 0) for i in range(60)]
    rows[0] |= {"explanation": "Option B is too small."}
    rows[1] |= {"question": "Which of (A) and (B) is larger?"}
    rows[2] |= {"options": ["x", "y", "z", "All of the above"]}
    rows[3] |= {"explanation": "La deuxième réponse est trop longue."}
    told = found(MCQ, *rows).filter(rule="answer-letter")["record"].to_list()
    assert not {"0", "1", "2", "3"} & set(told) and len(told) > 40
