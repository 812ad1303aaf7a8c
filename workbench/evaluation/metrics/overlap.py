"""Metrics of shared word and letter sequences: BLEU and chrF of sacrebleu, ROUGE-L over words of any script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from workbench.evaluation.metrics.answers import NORMALISER, exact_match, mean_over_answers, words
from workbench.evaluation.metrics.registry import NO_ANSWER, Numbers, Outcome, Sums, answered, metric
from workbench.text import nfc


@metric("higher")
def bleu(rows: pa.Table) -> Outcome:
    """Return the corpus BLEU of sacrebleu, 0 to 100; higher is better. Texts are composed (NFC) before."""
    from sacrebleu.metrics.bleu import BLEU

    # `force` silences advice about tokenised input: the texts are what a model wrote.
    return _of_corpus(rows, BLEU(force=True))


@metric("higher")
def chrf(rows: pa.Table) -> Outcome:
    """Return the corpus chrF2 of sacrebleu, 0 to 100; higher is better. Texts are composed (NFC) before."""
    from sacrebleu.metrics.chrf import CHRF

    return _of_corpus(rows, CHRF())


@metric("higher")
def rouge_l(rows: pa.Table) -> Outcome:
    """Return the mean ROUGE-L F1 of prediction and reference over words of any script; higher is better."""
    signature = f"{NORMALISER}|tokens:letters-marks-digits|f:1|stemmer:no"
    return mean_over_answers(rows, rouge_l_f1, signature)


def _of_corpus(rows: pa.Table, scorer: Any) -> Outcome:  # noqa: ANN401 - sacrebleu's Metric
    """Return a corpus score by the counts of its segments, which sacrebleu adds up itself to draw intervals."""
    places, pairs = answered(rows)
    if not places:
        return NO_ANSWER
    said, wanted = ([nfc(pair[side]) for pair in pairs] for side in (0, 1))
    each = np.asarray(scorer._extract_corpus_statistics(said, [wanted]), np.float64)

    def combine(sums: Numbers) -> Numbers:
        flat = sums.reshape(-1, sums.shape[-1])
        found = [scorer._compute_score_from_stats(row.tolist()).score for row in flat]
        return np.asarray(found).reshape(sums.shape[:-1])

    return Sums(np.asarray(places, np.int64), each, combine, f"{scorer.get_signature()}|nfc:yes")


def rouge_l_f1(prediction: str, reference: str) -> float:
    """Return the F1 of the longest common subsequence of words (Lin 2004); without any word, the exact match.

    rouge-score's own tokenizer drops every letter beyond ASCII: there `élu` and `lu` are one word.
    """
    said, wanted = words(prediction), words(reference)
    if not said and not wanted:
        return exact_match(prediction, reference)
    return 2 * common_subsequence(said, wanted) / (len(said) + len(wanted))


def common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, a row of the table as the bits of one integer.

    Hyyrö (2004), "Bit-parallel LCS-length computation revisited": a 0 bit stands where the length grows.
    """
    bits: dict[str, int] = {}
    for place, word in enumerate(one):
        bits[word] = bits.get(word, 0) | 1 << place
    every = (1 << len(one)) - 1
    row = every
    for word in other:
        match = row & bits.get(word, 0)
        row = (row + match | row - match) & every
    return len(one) - row.bit_count()
