"""Make what a screen over a large corpus reads: its view and its issues.

Both need all records in memory for a while, which a terminal that stays open must not hold: it has another process
do this, through `services.apart`.
"""

from __future__ import annotations

import polars as pl

from workbench.services.checking.check import check
from workbench.services.checking.curate import curate
from workbench.services.looking.issue_rows import issue_rows, keep
from workbench.services.looking.opened import open_corpus
from workbench.services.progress import Report
from workbench.services.records.editing import COMPARED
from workbench.store.store import Store
from workbench.workspace import Workspace


def is_prepared(store: Store, corpus: str) -> bool:
    """Say whether the records can be shown at once: their view is there, or they are few."""
    state = store.desk(store.corpus(corpus))
    return sum(row.body["read"] for row in state.deliveries.values()) <= COMPARED or state.is_viewed


def make_view(workspace: Workspace, corpus: str, report: Report) -> None:
    """Make the view of a corpus, where it is not there yet."""
    report(f"laying out the records of {corpus}")
    with Store(workspace) as store:
        _ = store.desk(store.corpus(corpus)).view  # asking for it makes it


def find_issues(workspace: Workspace, corpus: str, report: Report) -> None:
    """Find all issues of a corpus and keep them for screens, where nobody did so yet."""
    report(f"checking the records of {corpus}")
    with Store(workspace) as store:
        opened = open_corpus(store, corpus)
        if issue_rows(store, opened) is None:
            keep(store, opened, check(store, corpus, report)[1])


def judged(workspace: Workspace, corpus: str, report: Report) -> pl.DataFrame:
    """Return which records go as duplicates now: `id`, `kept` and `jaccard`."""
    with Store(workspace) as store:
        return curate(store, corpus, report=report).judgement.removed.select("id", "kept", "jaccard")
