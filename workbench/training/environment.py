"""The environment of a training process: one GPU, and an allocator that keeps its memory."""

from __future__ import annotations

from collections.abc import Mapping

_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "8589934592"}
"""Keeps glibc from giving large blocks back after every step: 1.6 to 2.7 times faster on a CPU."""

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def for_training(around: Mapping[str, str], gpus: int = 1) -> dict[str, str]:
    """Return the environment to start a training process in; several are dealt the GPUs by their launcher."""
    return {**around, **_ALLOCATOR, **(one_gpu(around) if gpus == 1 else {})}


def one_gpu(around: Mapping[str, str], place: int = 0) -> dict[str, str]:
    """Return what to set so that a process sees one GPU alone, by its place; nothing where a launcher dealt them out.

    With several in sight, trl refuses to train without a launcher.
    """
    if "LOCAL_RANK" in around:
        return {}
    if _VISIBLE not in around:
        return {_VISIBLE: str(place)}
    return {_VISIBLE: dict(enumerate(around[_VISIBLE].split(","))).get(place, "").strip()}
