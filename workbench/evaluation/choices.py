"""Ask questions with options in every cyclic order, so that a liking for one letter is not taken for knowledge."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.evaluation.bench import Bench
from workbench.evaluation.losses import losses
from workbench.evaluation.metrics.questions import LETTERS, Question
from workbench.lm.template import encode

_NEAR = 1e-6
"""Nats by which two letters must differ to be told apart: below is what the batch does to a sum."""


@dataclass(frozen=True)
class Chosen:
    """How a question was answered over all orders: the share of them won by the key, and whether one option won all."""

    right: float
    steady: float


def cyclic_orders(count: int) -> list[tuple[int, ...]]:
    """Return the cyclic orders of so many options: each option stands once at each place."""
    return [tuple((shift + place) % count for place in range(count)) for shift in range(count)]


def chosen(nll: NDArray[np.float64], key: int) -> Chosen:
    """Return how a question was answered from (orders, options) NLL of the letters, columns by option.

    Options that are likeliest together share the point, so that a model which knows nothing gets chance and no more;
    an answer is steady where one option alone is the likeliest in every order.
    """
    likeliest = nll <= nll.min(axis=1, keepdims=True) + _NEAR
    right = float((likeliest[:, key] / likeliest.sum(axis=1)).mean())
    alone = (likeliest.sum(axis=1) == 1).all()
    return Chosen(right, float(alone and (likeliest == likeliest[0]).all()))


def choose(bench: Bench, questions: Mapping[str, Question], report: Callable[[int], None]) -> dict[str, Chosen]:
    """Return how the model answers each question (by record), by the likelihood of the letters as its whole answer.

    A question that does not fit into `train.max_length` tokens is left out.
    """
    asked = {record: _asked(bench, question) for record, question in questions.items()}
    fitting = {record: rows for record, rows in asked.items() if not any(row["truncated"] for row in rows)}
    rows = [row for record in fitting for row in fitting[record]]
    nll = [loss.answer_nll or 0.0 for loss in losses(bench, rows, _of(len(rows), len(fitting), report))]
    out, start = {}, 0
    for record, of in fitting.items():
        out[record] = chosen(_by_option(nll[start : start + len(of)]), questions[record].key)
        start += len(of)
    return out


def _of(rows: int, questions: int, report: Callable[[int], None]) -> Callable[[int], None]:
    return lambda done: report(done * questions // rows)


def _by_option(nll: Sequence[float]) -> NDArray[np.float64]:
    """Return (orders, options) from the NLL of the letters, place by place, order by order."""
    count = math.isqrt(len(nll))
    table = np.array(nll).reshape(count, count)
    return np.stack([table[place, np.argsort(order)] for place, order in enumerate(cyclic_orders(count))])


def _asked(bench: Bench, question: Question) -> list[dict[str, Any]]:
    orders = cyclic_orders(len(question.options))
    return [row for order in orders for row in _rows(bench, question, order)]


def _rows(bench: Bench, asked: Question, order: Sequence[int]) -> list[dict[str, Any]]:
    lines = [f"{LETTERS[place]}. {asked.options[option]}" for place, option in enumerate(order)]
    prompt = "\n".join([asked.stem, "", *lines, "", "Answer with the letter of the right option."])
    return [_row(bench, prompt, LETTERS[place]) for place in range(len(order))]


def _row(bench: Bench, prompt: str, letter: str) -> dict[str, Any]:
    """Return a question and one letter as a row of the token cache, through the template of the training."""
    turns = {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": letter}]}
    rendered = turns if bench.tokenizer.chat_template else {"prompt": f"{prompt}\n", "completion": letter}
    encoded = encode(bench.tokenizer, rendered, max_length=bench.recipe.train.max_length)
    ids = {"input_ids": encoded.input_ids, "labels": encoded.labels, "prompt_ids": encoded.prompt_ids}
    return ids | {"reference": encoded.reference, "truncated": encoded.truncated}
