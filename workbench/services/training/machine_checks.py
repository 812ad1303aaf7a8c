"""What can be known of this machine before a training: its GPUs, its trackers, its disk, who else computes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from workbench.errors import UsageError
from workbench.recipe import Recipe
from workbench.services.training import bases
from workbench.services.training.checks import Check, fine, minded, refused
from workbench.services.training.device import Gpu
from workbench.training.plan import shared
from workbench.training.reporting import trackers
from workbench.training.runs import RunFolder
from workbench.training.together import check_gpus
from workbench.workspace import Workspace

_ROOM = 2 * 2**30
"""Bytes that checkpoints and the adapter of a small base may take."""


def device(recipe: Recipe, found: Sequence[Gpu], wanted: int) -> Check:
    """Say what the training will compute on; `wanted` is how many GPUs shall share the rows of each step."""
    try:
        check_gpus(wanted)
    except UsageError as error:
        return refused("device", "gpus-absent", error.what, error.hint)
    if found:
        return fine("device", "; ".join(map(str, found)))
    if recipe.base == bases.TINY:
        return fine("device", "no GPU: the tiny base trains on the CPU")
    fix = "or train on another machine"
    return minded("device", "no-gpu", "no GPU: on the CPU this base takes very long", fix)


def rows_shared(recipe: Recipe, gpus: int) -> Check:
    """Say how many rows of a step each of several GPUs learns."""
    try:
        part = shared(recipe, gpus).train
    except UsageError as error:
        return refused("rows", "rows-uneven", error.what, error.hint)
    rows = part.batch_size * part.gradient_accumulation
    return fine("rows", f"{rows * gpus} rows a step, {rows} on each of {gpus} GPUs")


def told(recipe: Recipe) -> Check:
    """Say who is told of the training's numbers besides metrics.jsonl."""
    try:
        names = trackers(recipe)
    except UsageError as error:
        return refused("trackers", "tracker-absent", error.what, error.hint)
    return fine("trackers", ", ".join(["metrics.jsonl", *names]))


def room(workspace: Workspace) -> Check:
    """Say whether the disk has room for checkpoints."""
    free = shutil.disk_usage(workspace.runs).free
    said = f"{free / 2**30:,.1f} GiB free for checkpoints"
    return fine("disk", said) if free > _ROOM else refused("disk", "disk-full", said)


def others(workspace: Workspace) -> Check:
    """Say which runs compute on the same device."""
    going = [run.name for run in RunFolder.list(workspace.runs) if run.is_alive()]
    if not going:
        return fine("other runs", "none is going")
    said = f"{', '.join(going)} is going on the same device"
    fix = "wait for it, or stop it: workbench runs RUN --stop (in the terminal: 3, then S)"
    return minded("other runs", "other-run", said, fix)
