"""Measure a run on several GPUs: a process on each scores its share of the records."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from workbench.errors import Cancelled, UsageError
from workbench.services.apart import Resident
from workbench.services.progress import Report
from workbench.training.environment import one_gpu
from workbench.training.runs import RunFolder
from workbench.training.together import check_gpus

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.evaluation.score import Share, Wanted


def score_on(run: RunFolder, wanted: Wanted, gpus: int, report: Report) -> pa.Table:
    """Score a split on so many GPUs, save and return the table that one GPU would have come to.

    Every process holds the whole model. The records of a batch are others than on one GPU, so that numbers may differ
    in their last digits. Raises UsageError where there are fewer GPUs, and where waiting times are asked for.
    """
    from workbench.evaluation.score import Share, joined, score

    if gpus == 1:
        return score(run, wanted, report=report)
    check_gpus(gpus)
    if wanted.latency:
        raise UsageError("waiting times are those of one GPU", "measure them in a call of their own, without --gpus")
    shares = [Share(place, gpus) for place in range(gpus)]
    with ThreadPoolExecutor(gpus) as pool, _told_by_the_first(report, gpus) as reports:
        doing = [
            pool.submit(_apart, partial(_shared, run, wanted, share), told)
            for share, told in zip(shares, reports, strict=True)
        ]
        for done in as_completed(doing):
            done.result()  # the first that failed is heard at once, and ends the others
    return joined(run, wanted, [done.result() for done in doing])


def _shared(run: RunFolder, wanted: Wanted, share: Share, report: Report) -> pa.Table:
    """Score a share on a GPU of this process's own; torch, which looks at the GPUs once, is not there yet."""
    os.environ.update(one_gpu(os.environ, share.place))
    from workbench.evaluation.score import score_share

    return score_share(run, wanted, share, report)


def _apart(work: Callable[[Report], pa.Table], report: Report) -> pa.Table:
    with closing(Resident()) as process:
        return process(work, report)


@contextmanager
def _told_by_the_first(report: Report, count: int) -> Iterator[list[Report]]:
    """Yield where each of several processes tells its progress: the first's is told on, as that of all.

    In the end, and where `report` raises, all are cancelled.
    """
    is_over = Event()

    def tell(place: int, line: str, done: int = 0, total: int = 0) -> None:
        if is_over.is_set():
            raise Cancelled("the work was cancelled", "try again")
        if place == 0:
            report(line, done, total)

    try:
        yield [partial(tell, place) for place in range(count)]
    finally:
        is_over.set()
