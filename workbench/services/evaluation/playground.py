"""Ask two models the same in one's own words; meant for a process that stays, so that each base is loaded once."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import UsageError
from workbench.services.evaluation.judgements import Prompt, Said
from workbench.services.progress import Report
from workbench.training.runs import RunFolder
from workbench.workspace import Workspace

if TYPE_CHECKING:
    from workbench.evaluation.bench import Bench
    from workbench.evaluation.scores import Model

Side = tuple[str, str]
"""A run and which of its two models: `base` or `tuned`."""


def answers(workspace: Workspace, sides: tuple[Side, Side], prompt: Prompt, report: Report) -> tuple[Said, Said]:
    """Return what both sides say to a prompt, decoded as the recipe of each says."""
    if isinstance(prompt, str) and not prompt.strip():
        raise UsageError("nothing to ask", "type a question first")
    one, other = (_said(workspace, side, prompt, report) for side in sides)
    return one, other


def _said(workspace: Workspace, side: Side, prompt: Prompt, report: Report) -> Said:
    from workbench.evaluation.generate import ask

    name, model = side
    which: Model = "base" if model == "base" else "tuned"
    report(f"loading {name}")
    bench = _LOADED.bench(RunFolder.read(workspace.run_folder(name)))
    report(f"asking {name} {which}")
    (answer,) = ask(bench, [prompt], which)
    text = answer.base if which == "base" else answer.tuned
    return Said(name, which, text or "")


class Loaded:
    """The models of the runs that were asked last, two at most; two runs on one base share it in memory."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._benches: dict[Path, Bench] = {}
        """By run folder, the one asked last at the end."""

    def bench(self, run: RunFolder) -> Bench:
        """Return the loaded pair of a run, as it was loaded for the last prompt."""
        from workbench.evaluation.bench import load_bench

        held = self._benches.pop(run.path, None)
        if held is None:
            self._make_room()
            held = load_bench(run, beside=next(iter(self._benches.values()), None))
        self._benches[run.path] = held
        return held

    def _make_room(self) -> None:
        """Let go of what was asked longest ago, before anything else needs its memory."""
        from workbench.evaluation.bench import drop_adapter

        if len(self._benches) < _SIDES:
            return
        oldest = self._benches.pop(next(iter(self._benches)))
        if any(oldest.model is bench.model for bench in self._benches.values()):
            drop_adapter(oldest)
        del oldest
        gc.collect()  # a model refers to itself, and would stay until the next collection


_SIDES = 2
"""How many runs are compared at once."""
_LOADED = Loaded()
"""What this process holds: it ends with it."""
