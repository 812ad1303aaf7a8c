"""Scored runs for the screens that look at evaluations: made by hand, no model was ever trained."""

from __future__ import annotations

from pathlib import Path

from tests.runs import both, scored_run
from workbench.services.evaluation.scored import records
from workbench.services.versions.split import Request, requested, split
from workbench.store.store import Store
from workbench.training.runs import RunFolder
from workbench.workspace import Workspace

FAR = 9.0
"""Loss of the one record that a run finds hard."""


def measured_run(
    workspace: Workspace,
    corpus: str = "towns",
    name: str = "one",
    says: str = "no idea",
    **counts: tuple[int, int, int],
) -> RunFolder:
    """Cut a version of a corpus and score its train and test split: the first trained record lies far above."""
    with Store(workspace) as store:
        version = split(store, Request(corpus, requested(store, corpus, counts=counts.get("counts", (8, 2, 2)))))
        sides = dict(records(store, version).select("id", "split").iter_rows())
        test = sorted(record for record, side in sides.items() if side == "test")
        rows = [row for n, r in enumerate(test) for row in both(r, tuned=2.0 + 8 * n, prediction=says, source="rows")]
        run = scored_run(store, version, name, rows)
        trained = sorted(record for record, side in sides.items() if side == "train")
        hard = [row for n, r in enumerate(trained) for row in both(r, tuned=FAR if n == 0 else 2 + n / 100)]
        _add(run, hard)
    run.adapter.mkdir()
    return run


def _add(run: RunFolder, rows: list[dict[str, object]]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from workbench.evaluation.scores import SCORES

    plain = {"tokens": 4, "bytes": 8, "prediction": "no", "reference": "yes", "answer_nll": 4.0, "answer_tokens": 4}
    path = run.evaluation / "scores-train.parquet"
    pq.write_table(pa.Table.from_pylist([{**plain, **row} for row in rows], SCORES), path)
    return path
