"""Rank the records a run was trained on by what they say about themselves: hard, not learned, or learned by heart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workbench.errors import UsageError, unknown
from workbench.evaluation.compare import join
from workbench.evaluation.metrics.answers import exact_match
from workbench.evaluation.scores import rows_of

By = Literal["loss", "gap", "memorised"]
ORDERS: tuple[By, ...] = get_args(By)
_BIN = 40
"""Records of similar length that a record is compared with, at least: fewer make no steady median."""
_SPREAD = 1.4826
"""Makes the median absolute deviation estimate a standard deviation (Rousseeuw and Croux 1993)."""
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Ranked:
    """A record's place in the queue; losses are in nats a token."""

    record: str
    source: str | None
    base: float
    tuned: float
    tokens: int
    score: float
    """What it is ranked by: deviations above the usual loss (or below the usual gain) of records of its length; for
    what is learned by heart the nats a token that the answer still costs."""
    usual: float | None
    """The median of what it is ranked by (the loss, or tuned minus base) over records of its length; None for what is
    learned by heart."""
    prediction: str
    reference: str | None
    exact: bool


def hardest(scores: pa.Table, by: str, limit: int) -> list[Ranked]:
    """Return the first records of a queue over the score table of a run.

    `loss`: highest tuned loss; `gap`: least improved from base to tuned. Both are measured in deviations from records
    of about the same length, since the first tokens of any answer cost most and short answers hold little else.
    `memorised`: given word for word, cheapest first, in nats a token.
    """
    if by not in ORDERS:
        raise unknown("order", by, ORDERS)
    both = join(rows_of(scores, "base"), rows_of(scores, "tuned"))
    sizes = both.other["tokens"].to_numpy()
    if not (sizes > 0).any():
        raise UsageError("no record has a scored token", "evaluate the run again")
    base, tuned = (table["nll"].to_numpy() / np.maximum(sizes, 1) for table in (both.one, both.other))
    exact = _exact(both.other)
    values = {"loss": tuned, "gap": tuned - base, "memorised": tuned}[by]
    is_exact = by == "memorised"
    score, usual = (values, np.full(len(values), np.nan)) if is_exact else deviations(values, sizes)
    wanted = (sizes > 0) & (exact if is_exact else np.ones(len(sizes), np.bool_))
    order = np.argsort(score if is_exact else -score, kind="stable")
    rows = both.other.to_pylist()
    chosen = [place for place in order.tolist() if wanted[place]][:limit]
    numbers = {"base": base, "tuned": tuned, "score": score, "usual": usual, "exact": exact}
    return [_ranked(rows[place], {name: column[place].item() for name, column in numbers.items()}) for place in chosen]


def deviations(values: Numbers, sizes: NDArray[Any]) -> tuple[Numbers, Numbers]:
    """Return how far each value is above the median of records of its length, in robust deviations, and that median.

    Lengths are cut into bins of equal counts; in a bin without spread the spread of all stands in, and 0 without any.
    """
    out, usual = np.zeros(len(values)), np.zeros(len(values))
    overall = _deviation(values)
    count = max(1, len(values) // _BIN)
    for places in np.array_split(np.argsort(sizes, kind="stable"), count):
        spread = _deviation(values[places]) or overall
        usual[places] = np.median(values[places])
        above = values[places] - usual[places]
        out[places] = above / spread if spread else np.sign(above)
    return out, usual


def _deviation(values: Numbers) -> float:
    return float(_SPREAD * np.median(np.abs(values - np.median(values))))


def _exact(rows: pa.Table) -> NDArray[np.bool_]:
    pairs = zip(rows["prediction"].to_pylist(), rows["reference"].to_pylist(), strict=True)
    return np.array([wanted is not None and exact_match(said or "", wanted) == 1 for said, wanted in pairs], np.bool_)


def _ranked(row: dict[str, Any], numbers: dict[str, Any]) -> Ranked:
    named = {key: row[key] for key in ("record", "source", "tokens", "prediction", "reference")}
    usual = None if np.isnan(numbers["usual"]) else numbers["usual"]
    return Ranked(**named, **{**numbers, "usual": usual})
