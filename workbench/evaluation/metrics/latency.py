"""Metrics of waiting: the time to the first token and to each later one, one prompt at a time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from workbench.evaluation.metrics.registry import Missing, Outcome, Single, metric


@metric("lower")
def first_token_p50(rows: pa.Table) -> Outcome:
    """Return the median of the seconds until the first token; lower is better."""
    return _quantile(rows, "first_token_seconds", 0.5)


@metric("lower")
def first_token_p95(rows: pa.Table) -> Outcome:
    """Return the 95th percentile of the seconds until the first token; lower is better."""
    return _quantile(rows, "first_token_seconds", 0.95)


@metric("lower")
def token_p50(rows: pa.Table) -> Outcome:
    """Return the median of the seconds between two tokens of one answer; lower is better."""
    return _quantile(rows, "token_seconds", 0.5)


@metric("lower")
def token_p95(rows: pa.Table) -> Outcome:
    """Return the 95th percentile of the seconds between two tokens of one answer; lower is better."""
    return _quantile(rows, "token_seconds", 0.95)


def _quantile(rows: pa.Table, column: str, share: float) -> Outcome:
    seconds = rows[column].drop_null().to_numpy()
    if not len(seconds):
        return Missing("latency was not measured: evaluate with --latency")
    return Single(float(np.quantile(seconds, share)), len(seconds))
