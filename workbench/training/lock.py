"""The lock of a run: whoever holds it may train in the folder, and nobody else, for as long as they live."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.errors import UsageError
from workbench.workspace import out_of_space

_TRIES = 5
_PAUSE = 0.02
"""Seconds between two tries: a reader that looks whether the lock is held has it for less than that."""


def take(path: Path) -> int:
    """Return a descriptor that holds the lock until it, and every copy of it in a child, is closed.

    Raises UsageError where another process holds it.
    """
    with out_of_space(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    for _ in range(_TRIES):
        if _locked(descriptor, fcntl.LOCK_EX):
            return descriptor
        time.sleep(_PAUSE)
    os.close(descriptor)
    raise UsageError(f"the run {path.parent.name!r} is running already", "follow it with `workbench runs`")


@contextmanager
def held(path: Path, inherited: int | None = None) -> Iterator[int]:
    """Hold the lock for a while: the one this process was started with, or its own."""
    descriptor = take(path) if inherited is None else inherited
    os.set_inheritable(descriptor, False)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Say whether some process holds the lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two readers never take one another for the holder.
        return not _locked(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
