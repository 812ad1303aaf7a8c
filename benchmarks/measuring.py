"""What a piece of work costs in a fresh process: processor time, wall time and memory above where it began.

Imported by children that run in the peers' environment as well: nothing here needs the workbench.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple, TypeVar

_Made = TypeVar("_Made")
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("NUMBA", "OMP", "OPENBLAS", "MKL", "RAYON", "NUMEXPR")} | {
    "POLARS_MAX_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
}


class Cost(NamedTuple):
    """Seconds of processor and wall time, and bytes of memory at the peak above the begin."""

    cpu: float
    wall: float
    memory: float


def measured(work: Callable[[], _Made]) -> tuple[_Made, Cost]:
    """Return what some work makes, and what it cost this process and the children it waited for."""
    held = _forget_peak()
    cpu, wall = _processor(), time.perf_counter()
    made = work()
    return made, Cost(_processor() - cpu, time.perf_counter() - wall, _status("VmHWM") - held)


def _this_one() -> list[int]:
    return [os.getpid()]


@contextmanager
def holding(processes: Callable[[], list[int]] = _this_one, pause: float = 0.01) -> Iterator[Callable[[], int]]:
    """Give what tells how many bytes of its own one of some processes held at most; without any named, this one.

    Pages of mapped files are the disk's, and shared memory is everybody's. The kernel keeps no such peak, so one
    looks again after each pause, in seconds.
    """
    peak, over = [0], Event()

    def look() -> None:
        while not over.wait(pause):
            for process in processes():
                with suppress(OSError, StopIteration):  # it ended just now, or is about to
                    peak[0] = max(peak[0], _status("RssAnon", process))

    looking = Thread(target=look, daemon=True)
    looking.start()
    try:
        yield lambda: peak[0]
    finally:
        over.set()
        looking.join()


def _processor() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _forget_peak() -> int:
    """Set the peak of this process to what it holds now, and return that."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name: str, process: int | str = "self") -> int:
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def child(arguments: Sequence[str], *, python: str = sys.executable, threads: int = 1) -> dict[str, Any]:
    """Run a script in a fresh process and return the JSON of its last line; `error` holds why there is none."""
    environment = os.environ | (ONE_THREAD if threads == 1 else {})
    processors = sorted(os.sched_getaffinity(0))[:threads]
    found = subprocess.run(
        [python, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, processors),
    )
    if found.returncode:
        return {"error": (found.stderr.strip().splitlines() or [f"ended with {found.returncode}"])[-1]}
    result: dict[str, Any] = json.loads(found.stdout.strip().splitlines()[-1])
    return result


def median(costs: Iterable[Sequence[float]]) -> Cost:
    """Return the medians of several runs."""
    return Cost(*(statistics.median(column) for column in zip(*costs, strict=True)))


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines with aligned columns, the first to the left and the others to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = (
        [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        for row in rows
    )
    return "\n".join("  ".join(line).rstrip() for line in lines)


def machine() -> str:
    """Return the machine in general words."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    load = os.getloadavg()[0]
    return f"{len(os.sched_getaffinity(0))} processors, {pages / 2**30:.0f} GiB of memory, load {load:.1f} at the begin"
