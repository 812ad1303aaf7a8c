"""Facts about metrics: exact values, French and other scripts, and what cannot be computed."""

from __future__ import annotations

import json
import math
import unicodedata
from typing import Any

import pyarrow as pa
import pytest

from tests.unit.evaluation.tables import row
from workbench.errors import UsageError
from workbench.evaluation.metrics import evaluate, known, measure
from workbench.evaluation.metrics.answers import exact_match, token_f1, words
from workbench.evaluation.scores import SCORES

DECOMPOSED = unicodedata.normalize("NFD", "à l'élu")


def numbers(*rows: dict[str, Any]) -> dict[str, Any]:
    return evaluate(pa.Table.from_pylist(list(rows), SCORES), "tuned")


def test_perplexity_is_weighted_by_token_and_no_mean_of_perplexities() -> None:
    short, long = row(nll=4.0, tokens=1), row(nll=8.0, tokens=99)
    assert numbers(short, long)["perplexity"] == pytest.approx(math.exp(12 / 100))
    assert numbers(short, long)["perplexity"] < (math.exp(4) + math.exp(8 / 99)) / 2 / 10


def test_bits_per_byte_divides_by_bytes_and_by_the_logarithm_of_two() -> None:
    assert numbers(row(nll=math.log(2) * 16, bytes=8), row(nll=0.0, bytes=8))["bits_per_byte"] == 1.0


def test_the_mean_of_exp_is_named_as_such_and_higher_than_the_perplexity() -> None:
    prose = [row(nll=nll, tokens=4, reference=None, prediction="") for nll in (2.0, 4.0, 12.0)]
    found = numbers(*prose)
    assert found["perplexity"] == pytest.approx(math.exp(18 / 12))
    assert found["mean_of_exp_perplexity"] == pytest.approx((math.exp(0.5) + math.exp(1) + math.exp(3)) / 3)
    assert "plain text" in numbers(row())["mean_of_exp_perplexity"]["reason"]


def test_response_perplexity_is_that_of_the_answers_alone() -> None:
    found = numbers(row(nll=9.0, tokens=9, answer_nll=1.0, answer_tokens=2))
    assert found["response_perplexity"] == pytest.approx(math.exp(0.5))
    assert "plain text" in numbers(row(reference=None))["response_perplexity"]["reason"]


def test_waiting_times_are_quantiles_of_the_prompts_that_were_timed() -> None:
    rows = [row(first_token_seconds=place / 100, token_seconds=0.5) for place in range(101)] + [row()]
    found = measure(pa.Table.from_pylist(rows, SCORES))
    values, counts = found.values(), found.counts()
    assert values["first_token_p50"] == pytest.approx(0.5) and values["first_token_p95"] == pytest.approx(0.95)
    assert (values["token_p50"], values["token_p95"], counts["token_p95"]) == (0.5, 0.5, 101)
    assert "--latency" in numbers(row())["token_p50"]["reason"]


def test_memory_is_the_peak_in_gib_where_there_is_a_gpu() -> None:
    assert numbers(row(memory_bytes=2**30), row(memory_bytes=3 * 2**29))["memory_gib"] == 1.5
    assert "GPU" in numbers(row())["memory_gib"]["reason"]


def test_what_decides_a_number_is_published_beside_it() -> None:
    found = measure(pa.Table.from_pylist([row()], SCORES)).signatures()
    assert {"em", "f1", "bleu", "chrf", "rouge_l"} == set(found)
    assert "accents:kept" in found["em"] and "nrefs:1" in found["bleu"]


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
    for metric in known().values():
        assert any(word in metric.about for word in ("lower is better", "higher is"))


def test_the_promised_numbers_are_there_and_likelihood_comes_first() -> None:
    assert {"perplexity", "bits_per_byte", "em", "f1", "n"} <= set(numbers(row()))
    assert list(known())[:2] == ["perplexity", "bits_per_byte"]
