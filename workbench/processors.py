"""How many processors this process may use."""

from __future__ import annotations

import os


def processors() -> int:
    """Return the number of processors that this process may run on; `taskset` and some containers allow not all."""
    if hasattr(os, "process_cpu_count"):  # from Python 3.13 on, on every system
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # on Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
