"""Check a corpus: what is wrong with its records."""

from __future__ import annotations

from typing import Any

import polars as pl

from workbench.curation.validate import issues
from workbench.store.state import State
from workbench.store.store import Store


def check(store: Store, name: str) -> tuple[State, pl.DataFrame]:
    """Return a corpus' state and all issues of its records."""
    corpus = store.corpus(name)
    state = store.state(corpus)
    return state, issues(state.records, store.schema(corpus))


def issue_counts(found: pl.DataFrame) -> list[dict[str, Any]]:
    """Return rule, severity and count, most frequent first."""
    counted = found.group_by("rule", "severity").agg(count=pl.len()).sort(["count", "rule"], descending=[True, False])
    return counted.to_dicts()
