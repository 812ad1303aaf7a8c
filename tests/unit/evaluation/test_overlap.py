"""Facts about BLEU, chrF and ROUGE-L: the libraries' own numbers where they are right, and accents that count."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from tests.unit.evaluation.tables import answers, row, table
from workbench.evaluation.metrics import measure
from workbench.evaluation.metrics.overlap import bleu, chrf, common_subsequence, rouge_l, rouge_l_f1
from workbench.evaluation.metrics.registry import Missing, Sums

SAID = ["Le phare est sur l'île de Tolm.", "the lamp is red", "", "a b c d e"]
WANTED = ["Le phare se trouve sur l'île de Neth.", "the lamp is blue and red", "Brest", "a b c d e"]
ROUGE = (
    ("and stands lamp isle stands and tower", "stands is lamp a a a it high", 0.266667),
    ("high it is tower and is Tolm on a", "tower of red isle on isle the", 0.25),
    ("on a tower isle high a isle Tolm isle", "red it isle tower a it tower lamp red", 0.222222),
    ("the high lamp", "a and", 0.0),
    ("it lamp and a lamp it", "stands the and it lamp it", 0.5),
    ("The cat, sat!", "the Cat sat", 1.0),
    ("don't stop", "do not stop", 0.333333),
    ("3.5 km", "3,5 km", 1.0),
)
"""Predictions, references and the F1 that rouge-score 0.1.2 gives them without its stemmer."""


@pytest.mark.parametrize(("metric", "scorer"), [(bleu, BLEU()), (chrf, CHRF())])
def test_the_number_is_sacrebleus_and_its_signature_stands_beside_it(metric: Callable, scorer: BLEU | CHRF) -> None:
    found = metric(answers(SAID, WANTED))
    assert isinstance(found, Sums)
    assert found.value() == pytest.approx(scorer.corpus_score(SAID, [WANTED]).score)
    assert found.signature == f"{scorer.get_signature()}|nfc:yes" and "version:" in found.signature


@pytest.mark.parametrize("metric", [bleu, chrf, rouge_l])
def test_how_a_letter_is_composed_changes_nothing(metric: Callable) -> None:
    apart = [unicodedata.normalize("NFD", text) for text in WANTED]
    assert apart != WANTED
    assert metric(answers(apart, WANTED)).value() == metric(answers(WANTED, WANTED)).value()


@pytest.mark.parametrize(("said", "wanted", "expected"), ROUGE)
def test_rouge_l_of_ascii_is_that_of_rouge_score(said: str, wanted: str, expected: float) -> None:
    assert rouge_l_f1(said, wanted) == pytest.approx(expected, abs=1e-6)


def test_an_accent_is_a_difference_where_rouge_score_sees_none() -> None:
    assert rouge_l_f1("élu", "lu") == 0.0
    assert rouge_l_f1("à", unicodedata.normalize("NFD", "à")) == 1.0
    assert rouge_l_f1("l'été dernier", "l'hiver dernier") == pytest.approx(2 / 3)


def slow(one: list[str], other: list[str]) -> int:
    lengths = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, word in enumerate(one):
        for j, wanted in enumerate(other):
            grown = lengths[i][j] + 1 if word == wanted else max(lengths[i][j + 1], lengths[i + 1][j])
            lengths[i + 1][j + 1] = grown
    return lengths[-1][-1]


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abcd")))
def test_the_common_subsequence_is_as_long_as_the_textbook_says(one: list[str], other: list[str]) -> None:
    assert common_subsequence(one, other) == slow(one, other)


def test_plain_text_has_none_of_them_and_says_why() -> None:
    found = measure(table([row(prediction="", reference=None)]))
    for name in ("bleu", "chrf", "rouge_l"):
        assert isinstance(found.outcomes[name], Missing) and found.counts()[name] == 0


def test_only_rows_with_a_reference_are_counted() -> None:
    found = measure(table([row(), row(reference=None, prediction="")]))
    assert (found.counts()["bleu"], found.counts()["n"], found.values()["rouge_l"]) == (1, 2, 1.0)
