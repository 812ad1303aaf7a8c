"""Do many pieces of work in a few processes at once, and hand their results on in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue
from threading import Event
from typing import TypeVar

from workbench.errors import Cancelled
from workbench.services.apart import Resident, Work

T = TypeVar("T")
_AHEAD = 2
"""Pieces of work for each process that are drawn before their results are wanted: so none waits, and few are held."""


def side_by_side(works: Iterable[Work[T]], processes: int) -> Generator[T, None, None]:
    """Yield what pieces of work make, in their order; each may go to another process, so it is a `partial`.

    They are drawn a few at a time, so that what they hold need not be in memory all at once.

    What one of them raises is raised here, and the end of a process is an OutsideError. All processes have ended when
    the iterator has, be it closed early; what was made by then and not yielded is known to nobody.
    """
    ended, made = Event(), deque[Future[T]]()
    idle: SimpleQueue[Resident] = SimpleQueue()
    for _ in range(processes):
        idle.put(Resident())

    def done(work: Work[T]) -> T:
        process = idle.get()
        try:
            return process(work, told)
        finally:
            idle.put(process)

    def told(line: str, done: int = 0, total: int = 0) -> None:
        """End a piece of work that nobody waits for any more; a silent process is asked several times a second."""
        if ended.is_set():
            raise Cancelled("the work was cancelled", "what was acknowledged before is kept")

    with ThreadPoolExecutor(processes) as threads:
        waiting = iter(works)
        made.extend(threads.submit(done, work) for work in islice(waiting, _AHEAD * processes))
        try:
            while made:
                result = made[0].result()
                made.popleft()
                made.extend(threads.submit(done, work) for work in islice(waiting, 1))
                yield result
        finally:
            ended.set()
            threads.shutdown(cancel_futures=True)
            for _ in range(processes):
                idle.get().close()
