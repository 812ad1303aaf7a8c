"""What a training has summed up between two logged steps, carried over a stop so that no number tells of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

import torch
from accelerate import Accelerator
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from workbench.training.runs import as_json, replace

CARRIED = "carried.json"
"""File of a checkpoint with the sums that the trainer itself forgets: tokens, and the loss since the last log."""


class Sums(Protocol):
    """The trainer's running sums (transformers 5 and trl 1.16 keep them under these names)."""

    accelerator: Accelerator
    _tr_loss: torch.Tensor
    _globalstep_last_logged: int
    _total_train_tokens: float


class Carry(TrainerCallback):  # type: ignore[misc]
    """Writes the running sums into every checkpoint and starts from those of the one that is resumed."""

    def __init__(self, trainer: Sums, checkpoint: Path | None = None) -> None:
        """Carry the sums of a trainer, which goes on from `checkpoint`."""
        self.trainer = trainer
        self.checkpoint = checkpoint

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Put the sums of the checkpoint back; the trainer has just set them to nothing."""
        if self.checkpoint is None:
            return
        said = json.loads((self.checkpoint / CARRIED).read_bytes())
        self.trainer._tr_loss.fill_(said["loss"])
        self.trainer._globalstep_last_logged = said["logged_step"]
        self.trainer._total_train_tokens = said["tokens"]

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Write the sums as they are after this step; the loss is the mean of those of all processes."""
        loss = self.trainer.accelerator.reduce(self.trainer._tr_loss, "mean").item()
        if not state.is_world_process_zero:
            return
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        sums = {
            "tokens": self.trainer._total_train_tokens,
            "loss": loss,
            "logged_step": self.trainer._globalstep_last_logged,
        }
        replace(folder / CARRIED, as_json(sums))


def tokens_until(checkpoint: Path | None) -> int:
    """Return the tokens trained until a checkpoint."""
    return int(json.loads((checkpoint / CARRIED).read_bytes())["tokens"]) if checkpoint else 0
