"""Metrics: pure functions of one score table, registered by name.

A metric takes the rows of one model (columns of `workbench.evaluation.score.SCORES`) and returns a number,
or a `Missing` with the reason. A new one is one function under `@metric`.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from workbench.errors import unknown
from workbench.text import folded, nfc


@dataclass(frozen=True)
class Missing:
    """A value that cannot be computed, and why."""

    reason: str


Value = float | int | Missing
Metric = Callable[[pa.Table], Value]

METRICS: dict[str, Metric] = {}
"""Every metric by name, in the order of the table that people see."""


def metric(function: Metric) -> Metric:
    """Register a function as a metric under its own name."""
    METRICS[function.__name__] = function
    return function


def evaluate(table: pa.Table, which: str) -> dict[str, Any]:
    """Return every metric of one model's rows; a missing value is `{"value": None, "reason": ...}`."""
    models = table["model"].unique().to_pylist()
    if which not in models:
        raise unknown("model", which, models)
    rows = table.filter(pc.field("model") == which)
    return {name: _plain(compute(rows)) for name, compute in METRICS.items()}


def _plain(value: Value) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, float) and not math.isfinite(value):
        value = Missing(f"the scores come to {value}: the model's losses are not finite")
    return {"value": None, "reason": value.reason} if isinstance(value, Missing) else value


@metric
def perplexity(rows: pa.Table) -> Value:
    """Return exp(sum of NLL / sum of tokens) over learned tokens; lower is better.

    Token weighted, never a mean of per-record values; comparable only between models with one tokenizer.
    """
    tokens = _total(rows, "tokens")
    if not tokens:
        return Missing("no scored token")
    mean = _total(rows, "nll") / tokens
    # Beyond this exp() overflows: a number nobody could read, of a model that knows nothing.
    return math.exp(mean) if mean < 700 else Missing(f"the mean NLL is {mean:g} nats a token")


@metric
def bits_per_byte(rows: pa.Table) -> Value:
    """Return sum of NLL in bits / UTF-8 bytes of the learned text; lower is better.

    Comparable between models with different tokenizers.
    """
    size = _total(rows, "bytes")
    return _total(rows, "nll") / size / math.log(2) if size else Missing("no scored byte")


@metric
def em(rows: pa.Table) -> Value:
    """Return the share of predictions equal to their reference (see `exact_match`); higher is better."""
    return _mean_over_answers(rows, exact_match)


@metric
def f1(rows: pa.Table) -> Value:
    """Return the mean token F1 of prediction and reference, tokens as multisets; higher is better."""
    return _mean_over_answers(rows, token_f1)


@metric
def n(rows: pa.Table) -> Value:
    """Return the number of records scored; higher is more certain."""
    return int(rows.num_rows)


def exact_match(prediction: str, reference: str) -> float:
    """Return 1 where both texts read the same, else 0.

    Not counted: composition (NFC), case, the form of an apostrophe, invisible format characters, the amount
    and kind of white space (a narrow no-break space before `!`, too), and punctuation at the end. Accents
    count: `élu` is neither `lu` nor `elu`.
    """
    return float(_trimmed(prediction) == _trimmed(reference))


def _normal(text: str) -> str:
    visible = "".join(char for char in text.translate(_APOSTROPHES) if unicodedata.category(char) != "Cf")
    return nfc(folded(visible))


_APOSTROPHES = dict.fromkeys((0x2018, 0x2019, 0x02BC), "'")
_END = " .,;:!?\u2026\u3002\uff01\uff1f"


def _trimmed(text: str) -> str:
    """Return a text without its end punctuation, unless it is nothing else."""
    normal = _normal(text)
    return normal.rstrip(_END) or normal


def token_f1(prediction: str, reference: str) -> float:
    """Return the harmonic mean of precision and recall over tokens; where there is none, the exact match."""
    said, wanted = Counter(words(prediction)), Counter(words(reference))
    if not said and not wanted:
        return exact_match(prediction, reference)
    return 2 * (said & wanted).total() / (said.total() + wanted.total())


def words(text: str) -> list[str]:
    """Split into runs of letters, marks and digits of any script, folded: `L'école` gives `l`, `école`.

    Combining marks stay with their letter; scripts without spaces give one word a run.
    """
    return "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in _normal(text)).split()


def _total(rows: pa.Table, column: str) -> float:
    return float(pc.sum(rows[column], min_count=0).as_py())


def _mean_over_answers(rows: pa.Table, compare: Callable[[str, str], float]) -> Value:
    pairs = zip(rows["prediction"].to_pylist(), rows["reference"].to_pylist(), strict=True)
    values = [compare(said or "", wanted) for said, wanted in pairs if wanted is not None]
    return sum(values) / len(values) if values else Missing("plain text has no reference answer")
