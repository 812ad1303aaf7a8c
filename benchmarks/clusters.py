"""What the clusters screen costs on planted documents: the first look, another threshold, a page, a cluster, a verdict.

Run: .venv/bin/python benchmarks/clusters.py [RECORDS]
Documents are those of `benchmarks/documents.py`; the corpus stands in a folder in memory where there is one. Each
figure is processor time then wall time; another threshold, pages and clusters are medians of several.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from documents import planted, texts_of
from measuring import Cost, machine, measured, median, table

from workbench.curation.difference import field_steps
from workbench.services.duplicates.clusters import ALL, ClusterSource, look, views
from workbench.services.duplicates.members import apart, members, standing
from workbench.services.duplicates.verdicts import DIFFERENT, judge_pairs
from workbench.services.intake.ingest import Order, ingest
from workbench.store.store import Store
from workbench.workspace import Workspace

RECORDS = 100_000
THRESHOLDS = (0.6, 0.7, 0.75, 0.85, 0.9, 0.95, 1.0)
PAGE = 256
"""Rows that the table asks for at once."""
T = TypeVar("T")


def filled(root: Path, count: int) -> Store:
    """Return the store of a workspace with the documents ingested as passages."""
    workspace = Workspace.create(root / "bench", with_samples=False)
    file = root / "documents.jsonl"
    with file.open("w", encoding="utf-8") as handle:
        handle.writelines(f"{json.dumps({'text': text})}\n" for text in texts_of(planted(count)))
    store = Store(workspace)
    ingest(store, Order("documents", (file,), schema="prose"))
    return store


def several(work: Callable[[T], object], over: list[T]) -> Cost:
    """Return the medians of a piece of work over several arguments."""
    return median([measured(lambda one=one: work(one))[1] for one in over])  # type: ignore[misc]


def line(name: str, cost: Cost) -> list[str]:
    """Return a row of the table."""
    return [name, f"{1000 * cost.cpu:,.1f}", f"{1000 * cost.wall:,.1f}"]


def main(count: int) -> None:
    """Measure and print."""
    print(f"{count:,} documents; {machine()}")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        store = filled(Path(folder), count)
        _, first = measured(lambda: look(store, "documents"))
        seen, again = measured(lambda: look(store, "documents"))
        seen.at(0.8)  # compiles the loops
        found = seen.at(0.8)
        source = ClusterSource(seen, found, views(seen, found)[ALL])
        starts = list(range(0, max(source.n_rows - PAGE, 1), max(source.n_rows // 20, 1)))
        rows = [int(row) for row in np.linspace(0, len(found) - 1, 20)]
        shown = members(seen, found, rows[10])
        ends = [(shown.fields[one.beside], shown.fields[one.record]) for one in shown.listed]
        costs = [
            line("first look: checks, signs and verifies all (ms)", first),
            line("look with pairs kept from before", again),
            line("another threshold", several(seen.at, list(THRESHOLDS))),
            line("a page of 256 clusters", several(lambda at: source.window(at, at + PAGE), starts)),
            line("the records of a cluster", several(lambda row: members(seen, found, row), rows)),
            line("of the largest cluster", several(lambda row: members(seen, found, row), [0])),
            line("one word difference", several(lambda pair: field_steps(*pair), ends)),
        ]
        odd = next(one for one in standing(seen, found, 5) if one.role == "goes")
        judge_pairs(store, "documents", apart(seen, found, odd), DIFFERENT)
        after, verdict = measured(lambda: look(store, "documents", seen))
        costs.append(line("look again after a verdict", verdict))
        assert after.at(0.8).counts != found.counts
    print(
        f"{len(found):,} clusters of {seen.base.facts.height:,} pairs; {found.counts['removed']:,} records go at 0.80"
    )
    print(table([["", "CPU", "wall"], *costs]))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else RECORDS)
