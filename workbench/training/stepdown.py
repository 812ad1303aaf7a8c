"""One step lower where the memory was full: the same training again, from its last checkpoint, in less memory."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch

from workbench.lm.load import MemoryFullError
from workbench.training.checkpoints import last_checkpoint, step_of
from workbench.training.plan import Descent, Plan
from workbench.training.runs import STEP_DOWN, RunFolder

T = TypeVar("T")
Attempt = Callable[[Plan | None, Path | None], T]
"""Trains with a plan from a checkpoint to the end; no plan means what the recipe says, no checkpoint the start."""

_NOTE = "steps_down"


def with_steps_down(run: RunFolder, descent: Descent, attempt: Attempt[T], checkpoint: Path | None) -> T:
    """Return what an attempt returns, tried again with the next lower plan each time the memory is full.

    A run that went down before goes on where it was. Raises MemoryFullError below the lowest plan, where neither the
    recipe (`train.step_down`) nor who resumed the run allows it, and where several processes train together.
    """
    plan = _plan_before(run)
    # Of several processes one alone cannot go back: the others would wait for it without end.
    alone = os.environ.get("WORLD_SIZE", "1") == "1"
    allowed = alone and (run.recipe().train.step_down or run.facts().get(STEP_DOWN, False))
    while True:
        try:
            return attempt(plan, checkpoint)
        except MemoryFullError as error:
            lowered = descent.below(plan or descent.first) if allowed else None
            if lowered is None:
                raise
            reason = error.what
        # Only here, with the exception gone, does nothing hold the tensors of the attempt any more.
        _free_memory()
        checkpoint = last_checkpoint(run)
        _note(run, (plan or descent.first, lowered), step_of(checkpoint), reason)
        plan = lowered


def _plan_before(run: RunFolder) -> Plan | None:
    """Return the plan that a run went down to before it was stopped."""
    steps: list[dict[str, Any]] = run.facts().get(_NOTE, [])
    return Plan(**steps[-1]["to"]) if steps else None


def _note(run: RunFolder, plans: tuple[Plan, Plan], step: int, reason: str) -> None:
    before, after = plans
    said = {"step": step, "from": asdict(before), "to": asdict(after), "reason": reason}
    run.note(_NOTE, [*run.facts().get(_NOTE, []), said])
    logging.getLogger(__name__).warning(
        "%s: one step down, from %s at %d tokens to %s at %d tokens; going on from step %d",
        *(reason, before.checkpointing, before.tokens, after.checkpointing, after.tokens, step),
    )


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        # What was compiled holds on to its model, and counts against the number of times a layer may be compiled.
        torch.compiler.reset()
        torch.cuda.empty_cache()
