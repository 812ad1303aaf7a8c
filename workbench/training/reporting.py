"""Who is told of a training besides metrics.jsonl."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec

from workbench.errors import UsageError
from workbench.recipe import Recipe
from workbench.training.runs import RunFolder

_EVENTS = "tensorboard"


def is_installed(package: str) -> bool:
    """Say whether a package can be imported here."""
    return find_spec(package) is not None


def trackers(recipe: Recipe, installed: Callable[[str], bool] = is_installed) -> list[str]:
    """Return the trackers of a training by transformers' names: those it asks for, and TensorBoard where it is here.

    Raises UsageError for one that is asked for and not installed.
    """
    asked = list(recipe.train.report_to)
    absent = [name for name in asked if not installed(name)]
    if absent:
        hint = f"pip install {' '.join(absent)}, or leave it out of train.report_to"
        raise UsageError(f"train.report_to names {', '.join(absent)}, which is not installed", hint)
    return asked + ([_EVENTS] if _EVENTS not in asked and installed(_EVENTS) else [])


def point_to(run: RunFolder) -> None:
    """Have TensorBoard's events written into the run folder, where nobody chose another place."""
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(run.path / "tensorboard"))
