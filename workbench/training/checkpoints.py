"""The checkpoints of a run: which are whole, and what to do with those that are not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from workbench.training.runs import RunFolder
from workbench.workspace import sync_folder

COMPLETE = "complete"
"""File that a checkpoint holds once all of it is written; one without it is a crash's leftover."""


def last_checkpoint(run: RunFolder) -> Path | None:
    """Return the newest checkpoint that was written whole, or None."""
    whole = (found.parent for found in run.checkpoints.glob(f"checkpoint-*/{COMPLETE}"))
    return max(whole, key=step_of, default=None)


def step_of(checkpoint: Path | None) -> int:
    """Return the optimizer steps that a checkpoint has behind it; 0 for none."""
    return int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0


def mark_whole(checkpoint: Path) -> None:
    """Say that a checkpoint is whole, once all of it is on the disk: a power cut must not leave the mark alone."""
    for path in sorted(checkpoint.rglob("*")):
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())
    sync_folder(checkpoint)
    (checkpoint / COMPLETE).touch()
    sync_folder(checkpoint)


def drop_unfinished(run: RunFolder) -> None:
    """Remove checkpoints that are not whole: nothing can go on from them, and a full disk needs the room."""
    for folder in run.checkpoints.glob("checkpoint-*"):
        if not (folder / COMPLETE).exists():
            shutil.rmtree(folder, ignore_errors=True)
