"""What every process of a training does beside the first one's log: wait for the others, stop with them."""

from __future__ import annotations

import torch.distributed
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from workbench.training.signals import StopRequest


class Follower(TrainerCallback):  # type: ignore[misc]
    """What the other processes do where the first one keeps the log: start, and stop with it."""

    def __init__(self, stop: StopRequest) -> None:
        """Follow a shared stop request."""
        self.stop = stop

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """From here on a stop request is kept by the loop."""
        self.stop.in_loop = True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Save and stop together with the first process; evaluate at the end as it does."""
        if self.stop.requested:
            control.should_save = control.should_training_stop = True
        if state.global_step >= state.max_steps:
            control.should_log = True
            control.should_evaluate = args.eval_strategy != "no"


class Gathered(TrainerCallback):  # type: ignore[misc]
    """Holds all processes until each has written its part of a checkpoint, so that none is called whole too early."""

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Wait for the others."""
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
