"""Metrics of how likely a model finds the text: perplexity in its right forms and in one wrong one, bits per byte."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from workbench.evaluation.metrics.registry import NO_ANSWER, Missing, Numbers, Outcome, Sums, metric, ratio


@metric("lower", per_token=True)
def perplexity(rows: pa.Table) -> Outcome:
    """Return exp(sum of NLL / sum of tokens) over learned tokens; lower is better.

    Token weighted, never a mean of per-record values; comparable only between models with one tokenizer. Of plain
    text it is the rolling perplexity of lm-evaluation-harness (`loglikelihood_rolling`).
    """
    return _over(rows, ("nll", "tokens"), _exponential, Missing("no scored token"))


@metric("lower")
def bits_per_byte(rows: pa.Table) -> Outcome:
    """Return sum of NLL in bits / UTF-8 bytes of the scored text; lower is better.

    Comparable between models with different tokenizers.
    """
    return _over(rows, ("nll", "bytes"), _bits, Missing("no scored byte"))


@metric("lower", per_token=True)
def response_perplexity(rows: pa.Table) -> Outcome:
    """Return the perplexity of the answers alone, behind the prompts that were asked; lower is better."""
    if rows["reference"].null_count == len(rows):
        return NO_ANSWER
    return _over(rows, ("answer_nll", "answer_tokens"), _exponential, Missing("the scores were kept without it"))


@metric("lower", per_token=True)
def mean_of_exp_perplexity(rows: pa.Table) -> Outcome:
    """Return the mean over plain texts of exp(NLL / tokens) of each; lower is better.

    Not a perplexity: a few odd texts decide it, and cutting the same text otherwise changes it. It is here because
    notebooks report it under that name, so that their number has one to stand beside.
    """
    wanted = np.asarray(rows["reference"].is_null())
    places = np.flatnonzero(wanted & (_numbers(rows, "tokens") > 0))
    if not len(places):
        return Missing("no record is plain text")
    with np.errstate(over="ignore"):
        each = np.exp(_numbers(rows, "nll")[places] / _numbers(rows, "tokens")[places])
    return Sums(places, np.column_stack([each, np.ones(len(places))]), ratio)


def _over(rows: pa.Table, columns: tuple[str, str], combine: Callable[[Numbers], Numbers], nothing: Missing) -> Outcome:
    nll, size = (_numbers(rows, name) for name in columns)
    places = np.flatnonzero(size > 0)
    if not len(places):
        return nothing
    return Sums(places, np.column_stack([nll[places], size[places]]), combine)


def _numbers(rows: pa.Table, column: str) -> Numbers:
    found: Numbers = rows[column].to_numpy().astype(np.float64)
    return found


def _exponential(sums: Numbers) -> Numbers:
    # Of a model that knows nothing this overflows to infinity, which is reported as missing.
    with np.errstate(over="ignore"):
        found: Numbers = np.exp(ratio(sums))
    return found


def _bits(sums: Numbers) -> Numbers:
    return ratio(sums) / math.log(2)
