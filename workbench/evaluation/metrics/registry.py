"""What a metric is: sums over records and the way from the sums to the number, so that it can be drawn again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]
Better = Literal["lower", "higher", "neither"]


@dataclass(frozen=True)
class Missing:
    """A value that cannot be computed, and why."""

    reason: str


@dataclass(frozen=True)
class Sums:
    """A number that follows from sums over records, whichever of them are drawn."""

    places: Places
    """The rows that count."""
    each: Numbers
    """(rows that count, sums): what each of them adds."""
    combine: Callable[[Numbers], Numbers]
    """(..., sums) -> (...): from added up sums to the number."""
    signature: str = ""
    """How it was computed, as a short text to publish beside the number."""

    def value(self) -> float:
        """Return the number over all rows."""
        return float(self.combine(self.each.sum(axis=0)))


@dataclass(frozen=True)
class Single:
    """A number that is no function of sums, a count or a quantile: it has no interval."""

    number: float | int
    counted: int


Outcome = Sums | Single | Missing
Compute = Callable[[pa.Table], Outcome]


@dataclass(frozen=True)
class Metric:
    """A number about one model's rows of a score table."""

    name: str
    about: str
    better: Better
    per_token: bool
    """Whether it counts tokens, so that it means nothing across two tokenizers."""
    compute: Compute


METRICS: dict[str, Metric] = {}
"""Every metric by name, in the order of the table that people see."""


def metric(better: Better, *, per_token: bool = False) -> Callable[[Compute], Compute]:
    """Register a function over one model's rows as a metric under its own name."""

    def register(function: Compute) -> Compute:
        name = function.__name__
        METRICS[name] = Metric(name, function.__doc__ or "", better, per_token, function)
        return function

    return register


def value_of(outcome: Outcome) -> float | int | Missing:
    """Return the number of an outcome; one that is not finite is missing."""
    if isinstance(outcome, Missing):
        return outcome
    number = outcome.value() if isinstance(outcome, Sums) else outcome.number
    if math.isfinite(number):
        return number
    return Missing(f"the scores come to {number}: the model's losses are not finite, or far too high")


def counted(outcome: Outcome) -> int:
    """Return how many records an outcome counts."""
    if isinstance(outcome, Missing):
        return 0
    return len(outcome.places) if isinstance(outcome, Sums) else outcome.counted


def plain(value: float | int | Missing) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value as JSON holds it: a missing one is `{"value": None, "reason": ...}`."""
    return {"value": None, "reason": value.reason} if isinstance(value, Missing) else value


def ratio(sums: Numbers) -> Numbers:
    """Return the first sum divided by the second."""
    found: Numbers = sums[..., 0] / sums[..., 1]
    return found


def mean_of(places: Sequence[int], values: Sequence[float], signature: str = "") -> Sums:
    """Return the mean of one value a row."""
    each = np.column_stack([np.asarray(values, np.float64), np.ones(len(values))])
    return Sums(np.asarray(places, np.int64), each, ratio, signature)


def answered(rows: pa.Table) -> tuple[list[int], list[tuple[str, str]]]:
    """Return the places of the rows with a reference, and their (prediction, reference)."""
    pairs = zip(rows["prediction"].to_pylist(), rows["reference"].to_pylist(), strict=True)
    found = [(place, (said or "", wanted)) for place, (said, wanted) in enumerate(pairs) if wanted is not None]
    return [place for place, _ in found], [pair for _, pair in found]


NO_ANSWER = Missing("plain text has no reference answer")
