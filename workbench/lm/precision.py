"""Which number format runs on a device, where the one that a recipe asks for does not."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.recipe import Recipe


@dataclass(frozen=True)
class Precision:
    """The number formats of a training or an evaluation: of the base's arithmetic, and of the loop around it."""

    compute: str
    mixed: str


def asked_precision(recipe: Recipe) -> Precision:
    """Return what a recipe asks for."""
    compute = recipe.quantization.compute_dtype
    return Precision(compute, recipe.train.precision or compute)


def run_precision(recipe: Recipe, device: str) -> Precision:
    """Return what a recipe comes to on a device (`cpu`, `cuda:0`).

    A loop in the other 16-bit format than the base's is not run: every sum of the two would be float32.
    """
    asked = asked_precision(recipe)
    compute, mixed = runs_as(asked.compute, device), runs_as(asked.mixed, device)
    return Precision(compute, compute if {compute, mixed} == _SIXTEEN_BITS else mixed)


_SIXTEEN_BITS = {"bfloat16", "float16"}


def runs_as(asked: str, device: str) -> str:
    """Return the number format that a device computes in for the one that is asked.

    A CPU trains in bfloat16 and not in float16; a GPU before NVIDIA's Ampere (2020) has float16 and only imitates
    bfloat16. float32 runs everywhere.
    """
    if asked == "float16" and device == "cpu":
        return "bfloat16"
    if asked == "bfloat16" and device != "cpu" and not _has_bfloat16():
        return "float16"
    return asked


def _has_bfloat16() -> bool:
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def difference(recipe: Recipe, device: str) -> str:
    """Return in one sentence what a recipe asks for and what runs; empty where they are the same."""
    asked, runs = asked_precision(recipe), run_precision(recipe, device)
    if asked == runs:
        return ""
    return f"asked: {_told(asked)}; runs on {device}: {_told(runs)}, the nearest that it runs in one format"


def _told(precision: Precision) -> str:
    loop = "" if precision.mixed == precision.compute else f" with a loop in {precision.mixed}"
    return precision.compute + loop
