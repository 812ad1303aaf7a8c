"""The memory plan of a training: what is kept for the backward pass, and how many tokens go through at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from workbench.errors import UsageError
from workbench.recipe import Recipe

Checkpointing = Literal["none", "selective", "full", "offload"]
CHECKPOINTING: tuple[Checkpointing, ...] = get_args(Checkpointing)

SMALLEST = 256
"""Tokens of a micro-batch below which none is made."""


@dataclass(frozen=True)
class Plan:
    """How a step is laid out in memory; it changes speed and memory, and no result beyond rounding."""

    checkpointing: Checkpointing
    """`none` keeps every activation; `selective` keeps the products of the large matrices' inputs and computes the
    cheap rest again; `full` keeps each layer's input alone; `offload` moves these to the host's memory."""
    tokens: int
    """Most tokens of a micro-batch."""


def lower(plan: Plan) -> Plan | None:
    """Return the next smaller plan, to be tried where this one ran out of memory; None where there is none."""
    place = CHECKPOINTING.index(plan.checkpointing)
    if place + 1 < len(CHECKPOINTING):
        return replace(plan, checkpointing=CHECKPOINTING[place + 1])
    return replace(plan, tokens=plan.tokens // 2) if plan.tokens // 2 >= SMALLEST else None


def planned(recipe: Recipe, plan: Plan | None, longest: int) -> Recipe:
    """Return a recipe with a plan's micro-batches, the rows of a step unchanged; `longest` row in tokens."""
    if plan is None:
        return recipe
    at_once, parts = rows_at_once(recipe, plan, longest)
    changed = {"batch_size": at_once, "gradient_accumulation": parts, "plan": plan.checkpointing}
    return recipe.model_copy(update={"train": recipe.train.model_copy(update=changed)})


@dataclass(frozen=True)
class Descent:
    """The way down of a training whose memory is full: from its first plan, by steps that change something."""

    first: Plan
    """What the training begins with."""
    recipe: Recipe
    longest: int
    """The longest row in tokens."""

    def below(self, plan: Plan) -> Plan | None:
        """Return the next smaller plan that lays a step out otherwise, None where there is none.

        A plan of fewer tokens that still takes the same rows at once would fill the memory just as this one did.
        """
        lowered = lower(plan)
        while lowered is not None and self._layout(lowered) == self._layout(plan):
            lowered = lower(lowered)
        return lowered

    def _layout(self, plan: Plan) -> Recipe:
        return planned(self.recipe, plan, self.longest)


def rows_at_once(recipe: Recipe, plan: Plan, longest: int) -> tuple[int, int]:
    """Return (rows a micro-batch, micro-batches a step) whose product is the recipe's rows of a step.

    `longest` is the longest row in tokens. The rows of a step and its loss stay what the recipe says: the loss is
    divided by the learned tokens of the whole step.
    """
    rows = recipe.train.batch_size * recipe.train.gradient_accumulation
    fitting = max(plan.tokens // max(longest, 1), 1)
    at_once = max(size for size in range(1, rows + 1) if rows % size == 0 and size <= fitting)
    return at_once, rows // at_once


def named_plan(recipe: Recipe, longest: int) -> Plan:
    """Return the plan that a recipe itself comes to, where nothing else chose one; `longest` row in tokens."""
    asked = recipe.train.plan
    if asked == "auto":
        asked = "full" if recipe.train.recomputes else "none"
    return Plan(asked, recipe.train.batch_size * longest)


def shared(recipe: Recipe, processes: int) -> Recipe:
    """Return the recipe of one of several processes, which together learn the rows of each step that it says.

    Raises UsageError where these rows cannot be shared evenly.
    """
    train = recipe.train
    rows = train.batch_size * train.gradient_accumulation
    if rows % processes:
        hint = f"set train.batch_size to a multiple of {processes}, or lower --gpus"
        raise UsageError(f"the {rows} rows of a step cannot be shared by {processes} processes", hint)
    turns = math.gcd(train.gradient_accumulation, processes)
    parts = {
        "batch_size": train.batch_size // (processes // turns),
        "gradient_accumulation": train.gradient_accumulation // turns,
    }
    return recipe.model_copy(update={"train": train.model_copy(update=parts)})
