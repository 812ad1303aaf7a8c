"""The ledger of tests: a record that ever stood in test never trains, whatever is drawn anew."""

from __future__ import annotations

import polars as pl

from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import Version, versions


def once_tested(store: Store, state: State, corpus: str) -> dict[str, int]:
    """Return each record that ever stood in test -> number of the first such version, heirs and all they stand for.

    The newest version's assignment holds the whole ledger; of versions made before there was one, each is read.
    """
    known = versions(store.catalogue, corpus)
    if not known:
        return {}
    last = store.objects.table(known[-1].assignment)
    if "tested" in last.columns:
        return with_heirs(dict(last.select("id", "tested").drop_nulls().iter_rows()), state)
    out: dict[str, int] = {}
    for version in known:
        out = dict.fromkeys(_tested_by(store, version), version.number) | out
    return with_heirs(out, state)


def _tested_by(store: Store, version: Version) -> list[str]:
    assignment = store.objects.table(version.assignment)
    return assignment.filter((pl.col("split") == "test") | (pl.col("prior") == "test"))["id"].to_list()


def with_heirs(tested: dict[str, int], state: State) -> dict[str, int]:
    """Return the ledger with the records that stand today for vanished ones; the vanished may come back and stay."""
    out = dict(tested)
    for record in sorted(state.heirs.keys() & tested.keys()):
        heir = state.today(record)
        out[heir] = min(tested[record], out.get(heir, tested[record]))
    return out
