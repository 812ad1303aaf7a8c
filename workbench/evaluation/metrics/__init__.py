"""Metrics: pure functions of one score table, each one decorated function in a module of this folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa

from workbench.evaluation.metrics.registry import METRICS, Metric, Outcome, Sums, counted, plain, value_of
from workbench.evaluation.scores import rows_of

FIRST = ("likelihood", "answers", "counts", "overlap")
"""Modules whose metrics lead the table; the others follow by name."""


@cache
def known() -> Mapping[str, Metric]:
    """Return every metric there is, by name, in the order of the table that people see."""
    found = {module.name for module in pkgutil.iter_modules(__path__)}
    order = [f"{__name__}.{name}" for name in [*FIRST, *sorted(found - {*FIRST, "registry"})]]
    for module in order:
        importlib.import_module(module)
    # A module may have been imported before, so what was registered first need not come first.
    return dict(sorted(METRICS.items(), key=lambda entry: order.index(entry[1].compute.__module__)))


@dataclass(frozen=True)
class Measured:
    """Every metric of one model's rows."""

    outcomes: Mapping[str, Outcome]

    def values(self) -> dict[str, Any]:
        """Return the numbers; a missing one is `{"value": None, "reason": ...}`."""
        return {name: plain(value_of(outcome)) for name, outcome in self.outcomes.items()}

    def counts(self) -> dict[str, int]:
        """Return how many records each number counts."""
        return {name: counted(outcome) for name, outcome in self.outcomes.items()}

    def signatures(self) -> dict[str, str]:
        """Return how each number was computed, where there is more than one usual way."""
        found = {name: outcome.signature for name, outcome in self.outcomes.items() if isinstance(outcome, Sums)}
        return {name: signature for name, signature in found.items() if signature}


def measure(rows: pa.Table) -> Measured:
    """Return every metric of rows of one model."""
    return Measured({name: metric.compute(rows) for name, metric in known().items()})


def evaluate(table: pa.Table, which: str) -> dict[str, Any]:
    """Return every metric of one model's rows of a score table; raises UsageError where it has none."""
    return measure(rows_of(table, which)).values()
