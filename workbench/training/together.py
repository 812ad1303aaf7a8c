"""Several processes that train one model together: the first one writes, all stop at the same step."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from typing import Any

from workbench.errors import UsageError
from workbench.lm.identity import check_base
from workbench.training.runs import RunFolder, State
from workbench.training.signals import StopRequest


def rank() -> int:
    """Return this process's number among those that train together."""
    return int(os.environ.get("RANK", "0"))


def processes() -> int:
    """Return how many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def check_gpus(wanted: int) -> None:
    """Raise UsageError where several GPUs are wanted and this machine shows fewer."""
    if wanted > 1 and (there := gpus_in_sight()) < wanted:
        what = f"{wanted} GPUs were asked for and this machine shows {there}"
        raise UsageError(what, "lower --gpus; CUDA_VISIBLE_DEVICES, where it is set, names those in sight")


@cache
def gpus_in_sight() -> int:
    """Return how many GPUs torch sees, asked in a process of its own: only that one has to load torch."""
    asked = [sys.executable, "-c", "import torch; print(torch.cuda.device_count())"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    last = done.stdout.split()[-1:]
    return int(last[0]) if done.returncode == 0 and last else 0


def check_device() -> None:
    """Raise UsageError where this process has no GPU of its own on a machine that has some."""
    import torch

    wanted, there = int(os.environ.get("LOCAL_RANK", "0")) + 1, torch.cuda.device_count()
    if 0 < there < wanted:
        raise UsageError(f"{wanted} GPUs were asked for and {there} are there", "lower --gpus")


def smallest(number: int) -> int:
    """Return the smallest of the numbers that the processes which train together give: the same to each of them."""
    if processes() == 1:
        return number
    import torch
    from accelerate import PartialState

    place = PartialState(cpu=not torch.cuda.is_available()).device
    given = torch.tensor(number, device=place)
    torch.distributed.all_reduce(given, op=torch.distributed.ReduceOp.MIN)
    return int(given.item())


class Witness(RunFolder):
    """The run folder as all but the first process see it: they read it, and write nothing but their own failure."""

    def check_base(self) -> None:
        """Look at the base as the first process does, and keep nothing of it."""
        check_base(self.facts()["base"])

    def note(self, name: str, fact: Any) -> None:  # noqa: ANN401 - any JSON value
        """Write nothing."""

    def set_state(self, state: State, reason: str = "", **more: int) -> None:
        """Write a failure, where the first process has not told its own."""
        if state in ("failed", "refused") and self.state()["state"] == "running":
            super().set_state(state, reason, **more)

    def set_process(self, pid: int) -> None:
        """Write nothing."""


class SharedStop(StopRequest):
    """A stop request that counts for all as soon as one process has it; to be asked by all, once a step."""

    @property
    def requested(self) -> bool:
        """Say whether any process was asked to stop."""
        if processes() == 1:
            return self._asked
        # Imported here: a stop is listened for before torch is there.
        import torch

        if not (self.in_loop and torch.distributed.is_initialized()):
            return self._asked
        on_gpu = torch.distributed.get_backend() == "nccl"
        said = torch.tensor(int(self._asked), device="cuda" if on_gpu else "cpu")
        torch.distributed.all_reduce(said, op=torch.distributed.ReduceOp.MAX)
        return bool(said.item())

    @requested.setter
    def requested(self, value: bool) -> None:
        self._asked = value
