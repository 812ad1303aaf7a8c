"""Facts about metrics: exact values, French and other scripts, and what cannot be computed."""

from __future__ import annotations

import json
import math
import unicodedata
from typing import Any

import pyarrow as pa
import pytest

from workbench.errors import UsageError
from workbench.evaluation.metrics import METRICS, evaluate, exact_match, token_f1, words
from workbench.evaluation.score import SCORES

DECOMPOSED = unicodedata.normalize("NFD", "à l'élu")


def row(**changed: Any) -> dict[str, Any]:
    plain = {"record": "r", "model": "tuned", "nll": 2.0, "tokens": 4, "bytes": 8}
    return {**plain, "prediction": "Brest", "reference": "Brest", **changed}


def numbers(*rows: dict[str, Any]) -> dict[str, Any]:
    return evaluate(pa.Table.from_pylist(list(rows), SCORES), "tuned")


def test_perplexity_is_weighted_by_token_and_no_mean_of_perplexities() -> None:
    short, long = row(nll=4.0, tokens=1), row(nll=8.0, tokens=99)
    assert numbers(short, long)["perplexity"] == pytest.approx(math.exp(12 / 100))
    assert numbers(short, long)["perplexity"] < (math.exp(4) + math.exp(8 / 99)) / 2 / 10


def test_bits_per_byte_divides_by_bytes_and_by_the_logarithm_of_two() -> None:
    assert numbers(row(nll=math.log(2) * 16, bytes=8), row(nll=0.0, bytes=8))["bits_per_byte"] == 1.0


def test_only_the_asked_model_counts() -> None:
    other = row(model="base", nll=100.0, prediction="no")
    assert numbers(row(), other) == numbers(row())


def test_an_unknown_model_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(UsageError) as caught:
        evaluate(pa.Table.from_pylist([row()], SCORES), "tunned")
    assert "'tuned'" in caught.value.hint


def test_plain_text_has_no_em_and_no_f1_and_says_why() -> None:
    found = numbers(row(prediction="", reference=None))
    for name in ("em", "f1"):
        assert found[name]["value"] is None and "plain text" in found[name]["reason"]
    assert found["n"] == 1 and found["perplexity"] > 1


def test_without_a_scored_token_there_is_no_perplexity() -> None:
    found = numbers(row(nll=0.0, tokens=0, bytes=0))
    assert found["perplexity"]["value"] is None and found["bits_per_byte"]["value"] is None


def test_a_hopeless_model_has_no_perplexity_and_no_overflow() -> None:
    assert numbers(row(nll=4000.0, tokens=4))["perplexity"]["value"] is None


@pytest.mark.parametrize("nll", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_missing_with_its_reason(nll: float) -> None:
    found = numbers(row(nll=nll))
    json.dumps(found, allow_nan=False)
    for name in ("perplexity", "bits_per_byte"):
        assert found[name]["value"] is None and str(nll) in found[name]["reason"]


def test_an_empty_prediction_is_wrong_and_not_missing() -> None:
    assert numbers(row(prediction=""))["em"] == 0.0
    assert numbers(row(prediction=None))["f1"] == 0.0


def test_equal_looking_text_is_equal_however_it_is_composed() -> None:
    assert exact_match("À l'élu", DECOMPOSED) == token_f1("À l'élu", DECOMPOSED) == 1.0


@pytest.mark.parametrize(("said", "wanted"), [("élu", "lu"), ("élu", "elu"), ("C#", "C"), (".", "-"), ("", ".")])
def test_an_accent_is_a_difference_for_exact_match(said: str, wanted: str) -> None:
    assert exact_match(said, wanted) == 0.0


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("l\u2019école", "L'école"),
        ("Brest.", "Brest"),
        ("Oui\u202f!", "oui"),
        ("vingt\u00a0mille\n lieues", "vingt mille lieues"),
        ("co\u00adopé\u200bration", "coopération"),
        ("Brest\u2026 ", "brest"),
    ],
)
def test_what_no_reader_sees_is_no_difference(said: str, wanted: str) -> None:
    assert exact_match(said, wanted) == token_f1(said, wanted) == 1.0


def test_an_accent_is_a_difference_for_f1_and_a_full_stop_is_none() -> None:
    assert token_f1("élu", "lu") == token_f1("élu", "elu") == 0.0
    assert token_f1("Brest.", "Brest") == 1.0


def test_f1_counts_tokens_as_often_as_they_stand_there() -> None:
    assert token_f1("a a a", "a b") == pytest.approx(2 * 1 / 5)


def test_f1_of_two_texts_without_a_token_is_whether_they_match() -> None:
    assert (token_f1("+", "+"), token_f1("+", "-"), token_f1("", "a")) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("L'École d\u2019été", ["l", "école", "d", "été"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("Straße 3,5 %", ["strasse", "3", "5"]),
        ("  ", []),
    ],
)
def test_words_are_runs_of_letters_marks_and_digits(text: str, expected: list[str]) -> None:
    assert words(text) == [unicodedata.normalize("NFC", word) for word in expected]


def test_every_metric_says_which_way_is_better() -> None:
    for compute in METRICS.values():
        assert any(word in (compute.__doc__ or "") for word in ("lower is better", "higher is"))


def test_the_contract_names_are_there_in_order() -> None:
    assert list(METRICS)[:5] == ["perplexity", "bits_per_byte", "em", "f1", "n"]
