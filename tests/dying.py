"""The command line, some steps of which end in death on the workers of an engine: each step once.

Run: python tests/dying.py FOLDER worker|node STEP[,STEP] COMMAND ...
A step is the name of the function over one group. Who does it first dies with the work done and not handed over; the
FOLDER holds a file for each step in which somebody has. Shards are small, so that there are other groups beside it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from workbench.scale import components, content, judging, near, records, shards, surface
from workbench.services.intake import ingest, parts

SHARD, PART = 500, 1 << 16
"""Texts of a shard, and bytes of a part of a raw file."""
_ASKS = os.getpid()
_Guarded = surface._Guarded


class Dying(_Guarded):
    """Stands in `__main__`, and so is sent to the workers as it is."""

    def __call__(self, columns: Sequence[Any]) -> Any:
        if os.getpid() == _ASKS:
            return _Guarded.__call__(self, columns)
        make_small()
        made = _Guarded.__call__(self, columns)
        for step in sorted(STEPS & names_of(self.work)):
            if is_first(step):
                # The parent of a worker is its node: all that work there die with it.
                os.kill(os.getppid() if VICTIM == "node" else os.getpid(), signal.SIGKILL)
                os.kill(os.getpid(), signal.SIGKILL)
        return made


def make_small() -> None:
    for module in (components, judging, near, shards):
        module.SHARD = SHARD  # type: ignore[attr-defined]


def names_of(work: Callable[..., Any]) -> frozenset[str]:
    """Return the names of a function and of those that it is given to call."""
    if not isinstance(work, partial):
        return frozenset({work.__name__})
    given = [work.keywords[key] for key in ("work", "piece") if key in work.keywords]
    return frozenset[str]().union(*map(names_of, (work.func, *given)))


def is_first(step: str) -> bool:
    """Return whether nobody has died in a step before."""
    try:
        (FOLDER / step).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


if __name__ == "__main__":
    from workbench.__main__ import main

    FOLDER, VICTIM, STEPS = Path(sys.argv[1]), sys.argv[2], frozenset(sys.argv[3].split(","))
    make_small()
    content.PART = records.PART = ingest.SEGMENT_ROWS = SHARD
    parts.SIZE = PART
    records.slices.__defaults__ = (SHARD,)
    surface._Guarded = Dying  # type: ignore[misc]
    sys.argv = ["workbench", *sys.argv[4:]]
    main()
