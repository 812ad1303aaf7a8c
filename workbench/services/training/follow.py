"""Read run folders while they grow: states, the loss so far, the end of the log."""

from __future__ import annotations

import json
import math
import os
import re
from array import array
from dataclasses import dataclass, field
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.text import show
from workbench.training.launch import look
from workbench.training.runs import RunFolder

_TAIL = 16 * 1024
"""Bytes at the end of a log that are looked at."""
_CODES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
"""Colours and cursor moves that progress bars print; everything else of a log is shown as it is."""


@dataclass(frozen=True)
class RunLine:
    """Where a run is: state, steps, the last loss, seconds to go, and what it trains."""

    name: str
    status: str
    step: int = 0
    total: int = 0
    loss: float | None = None
    eta_seconds: float | None = None
    trains: str = ""
    reason: str = ""
    created: str = ""


@dataclass
class Curve:
    """The losses of one run, read on from the last byte seen."""

    run: RunFolder
    # Arrays, as half a million numbers of a list cost a chart more to read than to draw.
    steps: array[float] = field(default_factory=lambda: array("d"))
    losses: array[float] = field(default_factory=lambda: array("d"))
    evaluations: list[tuple[int, float]] = field(default_factory=list)
    """The steps that were measured on the validation split, each with its loss."""
    _offset: int = 0

    @property
    def evaluated(self) -> tuple[int, float] | None:
        """Return the last step that was measured on the validation split, with its loss."""
        return self.evaluations[-1] if self.evaluations else None

    @property
    def best(self) -> tuple[int, float] | None:
        """Return the step with the lowest validation loss, with that loss."""
        return min(self.evaluations, key=lambda found: found[1], default=None)

    def read_on(self) -> None:
        """Take in the lines that are whole by now; a torn last line waits for its end."""
        if not self.run.metrics_file.is_file():
            return
        if self.run.metrics_file.stat().st_size < self._offset:
            self._begin_again()
        with self.run.metrics_file.open("rb") as handle:
            handle.seek(self._offset)
            whole, newline, _ = handle.read().rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        for line in whole.splitlines():
            self._take(line)

    def _begin_again(self) -> None:
        """Forget all: a resumed run took back the steps after its checkpoint, and the file is shorter now."""
        self.steps, self.losses, self.evaluations, self._offset = array("d"), array("d"), [], 0

    def _take(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return  # a crash tore it, and a resumed run went on behind it
        if "loss" in said:
            self.steps.append(said["step"])
            self.losses.append(math.nan if said["loss"] is None else said["loss"])
        elif "eval_loss" in said:
            self.evaluations.append((int(said["step"]), said["eval_loss"]))


def run_line(run: RunFolder) -> RunLine:
    """Return where a run is; a damaged folder is a line too."""
    try:
        state, now = run.state(), look(run)
        facts = run.facts() if run.facts_file.is_file() else {}
        return RunLine(
            run.name,
            run.status(),
            now.step,
            now.total,
            now.loss,
            now.eta_seconds,
            "@".join(str(facts[key]) for key in ("corpus", "version_name") if key in facts),
            str(state.get("reason", "")),
            str(facts.get("created", "")),
        )
    except WorkbenchError as error:
        return RunLine(run.name, "damaged", reason=f"{error.what}. {error.hint}")


def starting(root: Path, name: str, *, is_preparing: bool) -> RunLine:
    """Return a run that has no folder yet: its records are being prepared, or that failed for the reason it said."""
    if is_preparing:
        return RunLine(name, "starting", reason="its records are being prepared")
    said = log_tail(root / f"{name}.log", 2).splitlines()
    return RunLine(name, "failed", reason=" ".join(line.strip() for line in said))


def log_tail(path: Path, lines: int) -> str:
    """Return the last lines of a log as safe text; a redrawn progress bar is one line."""
    if not path.is_file():
        return ""
    with path.open("rb") as handle:
        handle.seek(max(handle.seek(0, os.SEEK_END) - _TAIL, 0))
        text = handle.read().decode("utf-8", "replace")
    drawn = (_CODES.sub("", line).rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return "\n".join([show(line, limit=400) for line in drawn if line.strip()][-lines:])
