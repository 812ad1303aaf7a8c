"""What a device or a disk does to a training, said in one line with what to do about it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from safetensors import SafetensorError

from workbench.errors import OutsideError
from workbench.lm.load import enough_memory
from workbench.training.checkpoints import drop_unfinished
from workbench.training.runs import RunFolder
from workbench.training.together import processes

SMALLER = (
    "go on with --step-down, which takes less memory and the same rows a step; or train anew with a lower"
    " train.batch_size or train.max_length, or train.plan=full"
)
SMALLER_TOGETHER = (
    "train anew with train.plan=full, with a lower train.batch_size or train.max_length, or with train.shard_base=true;"
    " several GPUs cannot step down"
)
_LOST = ("CUDA error", "CUDA driver error", "cuDNN error", "NCCL error")
_ASSERTED = "device-side assert"
_FULL = ("no space left", "os error 28", "file write failed", "PytorchStreamWriter failed", "disk quota")


@contextmanager
def explained(run: RunFolder) -> Iterator[None]:
    """Turn a full memory, a lost GPU and a full disk into an OutsideError; what has no such cause goes through."""
    try:
        with enough_memory("this training", SMALLER if processes() == 1 else SMALLER_TOGETHER):
            yield
    except OutsideError as error:
        if error.__cause__ is not None and _is_full(error.__cause__):
            drop_unfinished(run)  # gives room to say so
        raise
    except (RuntimeError, OSError, SafetensorError) as error:
        if _is_lost(error):
            hint = "look at the driver (nvidia-smi, dmesg), then go on from the last checkpoint"
            raise OutsideError(f"the GPU was lost: {_first_line(error)}", hint) from error
        if _is_full(error):
            drop_unfinished(run)
            hint = "free some room on that disk, then go on from the last checkpoint"
            raise OutsideError(f"cannot write into {str(run.path)!r}: {_first_line(error)}", hint) from error
        raise


def _is_lost(error: BaseException) -> bool:
    if _ASSERTED in str(error):
        return False  # a wrong number in the program or the data, which a resume meets again
    return isinstance(error, torch.AcceleratorError) or any(sign in str(error) for sign in _LOST)


def _is_full(error: BaseException) -> bool:
    """Say whether a save ended for want of room: each library tells it in its own words."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(sign.lower() in str(error).lower() for sign in _FULL)


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
