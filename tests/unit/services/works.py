"""Pieces of work for other processes, in a module of its own: it is all that these must import."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from workbench.errors import OutsideError
from workbench.services.progress import Report


def doubled(number: int, report: Report) -> int:
    report("")
    return 2 * number


def lost(report: Report) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refused(report: Report) -> None:
    raise OutsideError("the disk is full", "free some space")


def lost_once(marker: Path, report: Report) -> int:
    """End as a killed process does at the first attempt, and come to an end at the next."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()
