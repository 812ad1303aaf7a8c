"""Facts about multiple-choice questions: what is well formed, and what an answer in every order of options tells."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.evaluation.tables import answers, row, table
from workbench.evaluation.choices import chosen, cyclic_orders
from workbench.evaluation.metrics import measure
from workbench.evaluation.metrics.questions import question_in

GOOD = "Question: Which one?\n\nOptions:\nA. one\nB. two\nC. three\n\nCorrect Answer: B\n\nExplanation:\nBecause."


def test_a_question_is_read_as_the_schema_renders_it() -> None:
    found = question_in(GOOD)
    assert found is not None
    assert (found.stem, found.options, found.key) == ("Which one?", ("one", "two", "three"), 1)


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "Which one?",
        GOOD.replace("Which one?", " "),
        GOOD.replace("Correct Answer: B", "Correct Answer: H"),
        GOOD.replace("Correct Answer: B", ""),
        GOOD.replace("B. two", "B. ONE"),
        GOOD.replace("B. two", "B. "),
        GOOD.replace("B. two\nC. three\n", ""),
        GOOD.replace("C. three", "D. three"),
    ],
)
def test_a_question_with_a_fault_is_none(broken: str) -> None:
    assert question_in(broken) is None


def test_validity_counts_the_records_that_ask_for_a_question_and_no_other() -> None:
    found = measure(answers([GOOD, "no idea", "Brest"], [GOOD, GOOD, "Brest"]))
    assert (found.values()["valid_questions"], found.counts()["valid_questions"]) == (0.5, 2)
    assert measure(answers(["Brest"], ["Brest"])).values()["valid_questions"]["value"] is None


def test_on_topic_is_every_word_of_the_topic_accents_included() -> None:
    rows = [
        row(prediction="Les ÉTÉS, l'élu", topic="L'élu"),
        row(prediction="lu", topic="élu"),
        row(prediction="x", topic=None),
    ]
    found = measure(table(rows))
    assert (found.values()["on_topic"], found.counts()["on_topic"]) == (0.5, 2)


def test_in_cyclic_orders_each_option_stands_once_at_each_place() -> None:
    orders = cyclic_orders(4)
    assert {frozenset(order) for order in orders} == {frozenset(range(4))}
    assert all({order[place] for order in orders} == set(range(4)) for place in range(4))


def by_place(letters: list[float]) -> np.ndarray:
    """Return the NLL (orders, options) of a model that likes letters and never looks at the options."""
    return np.array([[letters[order.index(option)] for option in range(len(order))] for order in cyclic_orders(4)])


def test_a_model_that_likes_a_letter_is_right_by_chance_alone_and_not_steady() -> None:
    found = chosen(by_place([1.0, 2.0, 3.0, 4.0]), key=2)
    assert (found.right, found.steady) == (0.25, 0.0)


def test_a_model_that_knows_is_right_in_every_order() -> None:
    known = np.full((4, 4), 2.0)
    known[:, 2] = 1.0
    assert vars(chosen(known, key=2)) == {"right": 1.0, "steady": 1.0}
    assert vars(chosen(known, key=1)) == {"right": 0.0, "steady": 1.0}


def test_a_tie_is_shared_and_never_steady() -> None:
    assert vars(chosen(np.ones((4, 4)), key=3)) == {"right": 0.25, "steady": 0.0}


def test_accuracy_and_steadiness_are_means_over_the_questions() -> None:
    rows = [row(choice_right=1.0, choice_steady=1.0), row(choice_right=0.5, choice_steady=0.0), row()]
    found = measure(table(rows))
    assert (found.values()["choice_accuracy"], found.values()["choice_steadiness"]) == (0.75, 0.5)
    assert found.counts()["choice_accuracy"] == 2
