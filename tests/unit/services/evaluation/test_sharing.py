"""Facts about a run that is measured on several GPUs: one table as on one, and one end for all of its processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.evaluation.conftest import base, run
from workbench.errors import Cancelled, RefusedError, UsageError
from workbench.evaluation.score import Wanted, score
from workbench.services.evaluation import sharing
from workbench.services.evaluation.sharing import score_on
from workbench.services.progress import silent
from workbench.training.runs import RunFolder

__all__ = ["base", "run"]


@pytest.fixture(autouse=True)
def enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "check_gpus", lambda _: None)


@pytest.mark.thorough
def test_two_processes_come_to_the_table_of_one(run: RunFolder) -> None:
    alone, told = score(run), []
    both = score_on(run, Wanted(), 2, lambda *said: told.append(said))
    assert both.select(["record", "model", "reference", "tokens", "prediction"]).equals(
        alone.select(["record", "model", "reference", "tokens", "prediction"])
    )
    assert both["nll"].to_pylist() == pytest.approx(alone["nll"].to_pylist(), rel=1e-2)
    assert pq.read_table(run.evaluation / "scores-test.parquet").equals(both)
    assert {"base: loss", "tuned: answers"} <= {line for line, *_ in told}
    assert told[-1][1:] == (5, 5), "its half of ten records"


def test_waiting_times_are_not_measured_beside_others(run: RunFolder) -> None:
    with pytest.raises(UsageError, match="waiting times"):
        score_on(run, Wanted(latency=5), 2, silent)


@pytest.mark.thorough
@pytest.mark.parametrize("fails", ["the last", "whoever asked"])
def test_as_soon_as_one_ends_badly_all_end(run: RunFolder, tmp_path: Path, fails: str) -> None:
    def report(*_: Any) -> None:
        if fails == "whoever asked":
            raise Cancelled("enough", "")

    with pytest.MonkeyPatch.context() as patch, pytest.raises((RefusedError, Cancelled)):
        patch.setattr(sharing, "_shared", _broken if fails == "the last" else sharing._shared)
        score_on(run, Wanted(), 3, report)


def _broken(_run: RunFolder, _wanted: Wanted, share: Any, report: Callable[..., None]) -> pa.Table:
    if share.place == 2:
        raise RefusedError("the last one refuses", "")
    while True:
        report("going on")
