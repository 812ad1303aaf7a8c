"""Whether a training takes the fast way on this device and base, and its memory plan."""

from __future__ import annotations

import torch
from torch import nn

from workbench.lm.load import base_folder
from workbench.recipe import Recipe
from workbench.training.fast.structure import unknown_part
from workbench.training.memory import choose, estimate, read_shape, unfused
from workbench.training.plan import Plan, named_plan
from workbench.training.together import processes, smallest

_AMPERE = (8, 0)
"""The first NVIDIA GPUs (2020) that torch's packed attention runs on."""


def obstacle(recipe: Recipe, device: str, base: nn.Module) -> str:
    """Return why a recipe trains a base through PEFT's own layers on a device; empty where it takes the fast way."""
    if device == "cpu":
        return "there is no GPU"
    return unfused(recipe) or _too_old(device) or unknown_part(base)


def _too_old(device: str) -> str:
    capability = torch.cuda.get_device_capability(device)
    return "" if capability >= _AMPERE else "the GPU is older than Ampere: packed attention does not run there"


def chosen(base: str, recipe: Recipe, device: str) -> Plan | None:
    """Return the plan that fits a GPU's free memory; None on a CPU, and for a base whose sizes are not told."""
    if device == "cpu":
        return None
    try:
        shape = read_shape(base_folder(base))
    except KeyError:
        return None
    return choose(shape, recipe, _room(device), processes())


def is_tight(base: str, recipe: Recipe, device: str, longest: int) -> bool:
    """Say whether the largest micro-batch comes near to what a GPU has, so that it is to be tried beforehand.

    Processes that train together are told the same, be their cards of two sizes: those that share a base try it
    together or not at all.
    """
    if device == "cpu":
        return False
    try:
        shape = read_shape(base_folder(base))
    except KeyError:
        return True
    needed = estimate(shape, recipe, named_plan(recipe, longest), processes()).total
    return needed > _EASY * smallest(_allowed(device))


def holds_whole(base: str, recipe: Recipe, device: str) -> bool:
    """Say whether a GPU has room for all of a base's weights; a CPU always has."""
    if device == "cpu":
        return True
    try:
        shape = read_shape(base_folder(base))
    except KeyError:
        return False
    return estimate(shape, recipe, named_plan(recipe, 0)).weights < _EASY * _room(device)


_EASY = 0.7
"""Share of a GPU below which an estimate, right to 15 %, needs no trial."""


def _room(device: str) -> int:
    """Return the bytes of a GPU that are free and that this process may take; of several GPUs the fewest.

    Processes that train together must come to one plan, or their shares of a step's rows would overlap.
    """
    return smallest(min(int(torch.cuda.mem_get_info(device)[0]), _allowed(device)))


def _allowed(device: str) -> int:
    return int(torch.cuda.get_per_process_memory_fraction(device) * torch.cuda.mem_get_info(device)[1])
