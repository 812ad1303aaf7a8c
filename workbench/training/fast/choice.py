"""Whether a training takes the fast way, and its memory plan on this device."""

from __future__ import annotations

import torch

from workbench.lm.load import base_folder
from workbench.recipe import Recipe
from workbench.training.memory import estimate, read_shape
from workbench.training.plan import Plan, choose


def obstacle(recipe: Recipe, device: str) -> str:
    """Return why a recipe trains through PEFT's own layers on a device; empty where it takes the fast way."""
    lora, train = recipe.lora, recipe.train
    reasons = {
        "there is no GPU": device == "cpu",
        "train.kernels=plain": train.kernels == "plain",
        f"quantization.kind={recipe.quantization.kind} is not nf4": recipe.quantization.kind != "nf4",
        f"lora.dropout={lora.dropout:g} is not 0": lora.dropout > 0,
        "lora.use_dora=true": lora.use_dora,
        "train.precision=float32": train.precision == "float32",
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def chosen(base: str, recipe: Recipe, device: str) -> Plan | None:
    """Return the plan that fits a GPU's free memory; None on a CPU, and for a base whose sizes are not told."""
    if device == "cpu":
        return None
    try:
        shape = read_shape(base_folder(base))
    except KeyError:
        return None
    return choose(shape, recipe, _room(device))


def is_tight(base: str, recipe: Recipe, device: str, longest: int) -> bool:
    """Say whether the largest micro-batch comes near to what a GPU has, so that it is to be tried beforehand."""
    if device == "cpu":
        return False
    try:
        shape = read_shape(base_folder(base))
    except KeyError:
        return True
    kind = "none" if recipe.train.plan == "auto" else recipe.train.plan
    needed = estimate(shape, recipe, Plan(kind, recipe.train.batch_size * longest)).total
    return needed > _EASY * _allowed(device)


_EASY = 0.7
"""Share of a GPU below which an estimate, right to 15 %, needs no trial."""


def _room(device: str) -> int:
    """Return the bytes of a GPU that are free and that this process may take."""
    return min(int(torch.cuda.mem_get_info(device)[0]), _allowed(device))


def _allowed(device: str) -> int:
    return int(torch.cuda.get_per_process_memory_fraction(device) * torch.cuda.mem_get_info(device)[1])
