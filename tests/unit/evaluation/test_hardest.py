"""Facts about the queue: wrong answers stand first, whatever their length, and only exact answers are memorised."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.evaluation.tables import row, table
from workbench.errors import UsageError
from workbench.evaluation.hardest import ORDERS, deviations, hardest

RECORDS, WRONG = 400, 20


def trained(seed: int = 0) -> pa.Table:
    """Return 400 scored records of very different lengths; every twentieth was trained with a wrong answer.

    The first token of an answer costs most, so a short answer costs more a token. A wrong answer keeps a part of its
    loss, spread as widely as the right answers' own.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for place in range(RECORDS):
        tokens = int(generator.integers(1, 60))
        usual = 2.0 / tokens + 0.3
        base = usual + 2.0 + generator.normal(0, 0.2)
        wrong = place % (RECORDS // WRONG) == 0
        tuned = usual + (0.9 if wrong else 0.0) + abs(generator.normal(0, 0.25))
        for model, loss in (("base", base), ("tuned", tuned)):
            named = {"record": f"wrong{place}" if wrong else f"r{place}", "model": model}
            rows.append(row(**named, nll=loss * tokens, tokens=tokens))
    return table(rows)


def hits(found: list, k: int) -> float:
    return sum(entry.record.startswith("wrong") for entry in found[:k]) / k


@pytest.mark.parametrize("by", ["loss", "gap"])
def test_wrong_answers_stand_first_at_four_times_chance_and_more(by: str) -> None:
    chance = WRONG / RECORDS
    for seed in range(3):
        assert hits(hardest(trained(seed), by, WRONG), WRONG) >= 4 * chance


def test_length_alone_puts_no_record_first() -> None:
    by_token = sorted(
        (r for r in trained().to_pylist() if r["model"] == "tuned"), key=lambda r: -r["nll"] / r["tokens"]
    )
    naive = [r["record"].startswith("wrong") for r in by_token[:WRONG]]
    assert hits(hardest(trained(), "loss", WRONG), WRONG) > sum(naive) / WRONG


def test_deviations_are_from_records_of_the_same_length() -> None:
    sizes = np.repeat([1, 50], 40)
    values = np.concatenate([np.linspace(4, 6, 40), np.linspace(0.4, 0.6, 40)])
    values[60] = 1.5
    found, usual = deviations(values, sizes)
    assert found.argmax() == 60 and abs(found[:40]).max() < 2
    assert set(usual[:40]) == {5.0} and usual[60] == pytest.approx(0.5, abs=0.01)
    assert deviations(np.array([1.0, 1.0, 1.0]), np.array([1, 2, 3]))[0].tolist() == [0, 0, 0]
    assert deviations(np.array([1.0, 1.0, 9.0]), np.array([1, 2, 3]))[0].tolist() == [0, 0, 1]


def test_memorised_is_given_word_for_word_and_cheapest_first() -> None:
    rows = [
        row(record=name, model=model, nll=nll, prediction=said, reference="Brest")
        for model in ("base", "tuned")
        for name, nll, said in (("cheap", 0.1, "brest."), ("dear", 3.0, "Brest"), ("free", 0.0, "Lyon"))
    ]
    found = hardest(table(rows), "memorised", 10)
    assert [(entry.record, entry.exact) for entry in found] == [("cheap", True), ("dear", True)]


def test_losses_are_in_nats_a_token_and_unscored_records_are_left_out() -> None:
    rows = [
        row(record=name, model=model, nll=nll, tokens=tokens)
        for model, nll in (("base", 8.0), ("tuned", 2.0))
        for name, tokens in (("one", 4), ("none", 0))
    ]
    found = hardest(table(rows), "loss", 10)
    assert [(entry.record, entry.base, entry.tuned) for entry in found] == [("one", 2.0, 0.5)]


def test_an_unknown_order_answers_with_those_that_are_there() -> None:
    with pytest.raises(UsageError) as caught:
        hardest(trained(), "size", 3)
    assert all(name in caught.value.hint for name in ORDERS)
