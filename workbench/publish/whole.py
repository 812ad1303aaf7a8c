"""Write a folder whole or not at all, even when the power fails in between."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.errors import OutsideError


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder beside `folder` that takes its place when the block ends well.

    One writer at a time holds the parent folder, so what an earlier one left behind can be removed.
    Raises OutsideError when the disk refuses.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.parent):
            yield from _replaced(folder)
    except OSError as error:
        reason = error.strerror or error
        raise OutsideError(f"could not write {str(folder)!r}: {reason}", "check its free space and rights") from error


def _replaced(folder: Path) -> Iterator[Path]:
    partial, old = (folder.parent / f".{folder.name}.{state}" for state in ("partial", "old"))
    _clear(folder, partial, old)
    partial.mkdir()
    try:
        yield partial
        _to_disk(partial)
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
        _sync(folder.parent)
    finally:
        _clear(folder, partial, old)


def _clear(folder: Path, partial: Path, old: Path) -> None:
    """Remove what a writer left, and put the old folder back if the new one never took its place."""
    if old.exists() and not folder.exists():
        old.rename(folder)
    for leftover in (partial, old):
        shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _to_disk(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
