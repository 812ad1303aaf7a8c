"""Read what a run left behind; a file that is damaged is named, with what makes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from workbench.errors import CorruptionError
from workbench.training.runs import RunFolder


@contextmanager
def read_of(run: RunFolder, path: Path, remedy: str) -> Iterator[None]:
    """Raise CorruptionError, naming run and file, where the block cannot read or make sense of what stands there."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError, KeyError, TypeError, ValueError) as error:
        said = " ".join(str(error).split())
        what = f"{path.name!r} of the run {run.name!r} cannot be read: {type(error).__name__}: {said:.150}"
        hint = f"{remedy}, or move {str(run.path)!r} out of runs/: the records can leave without it"
        raise CorruptionError(what, hint) from error


def evaluate_again(run: RunFolder, split: str) -> str:
    """Return how a damaged evaluation is made anew."""
    return f"measure it again: workbench evaluate {run.name} --split {split}"
