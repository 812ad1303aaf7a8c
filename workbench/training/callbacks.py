"""What the training loop does at each step besides training: log, and stop on request."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from workbench.training.checkpoints import drop_unfinished, mark_whole
from workbench.training.runs import RunFolder, read_lines, replace
from workbench.training.signals import StopRequest
from workbench.workspace import out_of_space

_KEPT = ("loss", "learning_rate", "grad_norm")


class Logbook(TrainerCallback):  # type: ignore[misc]
    """Keeps metrics.jsonl and state.json, and turns a stop request into a checkpoint and an end."""

    def __init__(self, run: RunFolder, stop: StopRequest, tokens_before: int = 0) -> None:
        """Log into a run's folder; `tokens_before` counts the tokens trained before a resume."""
        self.run = run
        self.stop = stop
        self.tokens = tokens_before
        self.began = self.marked = time.monotonic()
        self.first_step = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Note where the clock and the steps start; from here on a stop request is kept by the loop.

        What a crash left of a checkpoint goes first: the trainer counts it among the two that it keeps, and would
        drop the whole one for it.
        """
        self.stop.in_loop = True
        drop_unfinished(self.run)
        self.began = self.marked = time.monotonic()
        self.first_step = state.global_step
        self.run.set_state("running", step=state.global_step, total=state.max_steps)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Ask for a checkpoint and the end where a stop was requested; log and measure the last step."""
        if self.stop.requested:
            control.should_save = control.should_training_stop = True
        if state.global_step >= state.max_steps:
            control.should_log = True
            control.should_evaluate = args.eval_strategy != "no"

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        """Append one line for what the trainer says, training loss or validation loss."""
        said = logs or {}
        line = {"step": state.global_step, "epoch": round(state.epoch or 0.0, 4)}
        if "loss" in said:
            line |= self._trained(said, state)
        elif "eval_loss" in said:
            line["eval_loss"] = said["eval_loss"]
        else:
            return
        # JSON has no word for what is not finite: such a number is left out.
        known = {key: value for key, value in line.items() if math.isfinite(value)}
        with out_of_space(self.run.metrics_file), self.run.metrics_file.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(known, allow_nan=False) + "\n")
        sys.stdout.write(f"{in_words(line, state.max_steps)}\n")  # the run's log, read while it goes on
        sys.stdout.flush()
        self.run.set_state("running", step=state.global_step, total=state.max_steps)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Mark the checkpoint as whole."""
        mark_whole(self.run.checkpoints / f"checkpoint-{state.global_step}")

    def _trained(self, said: dict[str, float], state: TrainerState) -> dict[str, float]:
        now = time.monotonic()
        tokens = int(said.get("num_tokens", 0))
        speed = (tokens - self.tokens) / max(now - self.marked, 1e-9)
        pace = (now - self.began) / max(state.global_step - self.first_step, 1)
        self.tokens, self.marked = tokens, now
        line: dict[str, float] = {key: said[key] for key in _KEPT if key in said}
        line |= {"tokens_seen": tokens, "tokens_per_s": round(speed, 1)}
        line["eta_s"] = round(pace * (state.max_steps - state.global_step), 1)
        if torch.cuda.is_available():
            line["vram_mb"] = torch.cuda.max_memory_allocated() // 2**20
        return line


def in_words(line: Mapping[str, float], total: int) -> str:
    """Return metrics as the log says them: step, loss, rate, size of the gradient, pace; or the measured loss."""
    at = f"step {line['step']:,}/{total:,}"
    if "eval_loss" in line:
        return f"{at}  validation loss {line['eval_loss']:.4f}"
    known = {"loss": "loss {:.4f}", "learning_rate": "rate {:.2e}", "grad_norm": "gradient {:.3g}"}
    said = [form.format(line[key]) for key, form in known.items() if key in line]
    return "  ".join([at, *said, f"{line['tokens_per_s']:,.0f} tokens/s"])


def rewind_metrics(run: RunFolder, step: int) -> None:
    """Drop the lines after a step, which a resume will write again."""
    kept = [line for line in read_lines(run.metrics_file) if line["step"] <= step]
    replace(run.metrics_file, "".join(json.dumps(line, allow_nan=False) + "\n" for line in kept).encode())
