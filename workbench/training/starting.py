"""How long a training takes to get going: loading, and a first step that compiles beside one that does not."""

from __future__ import annotations

import sys
import time

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from workbench.training.beginning import START, in_words
from workbench.training.runs import RunFolder
from workbench.training.together import rank


class Starting(TrainerCallback):  # type: ignore[misc]
    """Adds to `start` in run.json the seconds of loading, looking, the first step and the second, and tells them."""

    def __init__(self, run: RunFolder) -> None:
        """Start the clock."""
        self.run = run
        self.seconds: dict[str, float] = {}
        self._mark = time.monotonic()
        self._steps = 0

    def passed(self, name: str) -> None:
        """Give a name to the time since the last one."""
        now = time.monotonic()
        self.seconds[name] = round(now - self._mark, 2)
        self._mark = now

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Leave the time between two steps out."""
        self._mark = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Note the first two steps: their difference is what compiling took."""
        self._steps += 1
        if self._steps > 2:
            return
        self.passed("first_step_s" if self._steps == 1 else "second_step_s")
        known = {**self.run.facts().get(START, {}), **self.seconds}
        self.run.note(START, known)
        if self._steps == 2 and rank() == 0:
            sys.stdout.write(f"{in_words(known)}\n")  # the run's log, read while it goes on
