"""Ask two models the same in one's own words; meant for a process that stays, so that each is loaded once."""

from __future__ import annotations

from functools import lru_cache
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
    bench = _bench(workspace.run_folder(name))
    report(f"asking {name} {which}")
    (answer,) = ask(bench, [prompt], which)
    text = answer.base if which == "base" else answer.tuned
    return Said(name, which, text or "")


@lru_cache(maxsize=2)
def _bench(folder: Path) -> Bench:
    """Return the loaded pair of a run, as it was loaded for the last prompt: no more than two are held in memory."""
    from workbench.evaluation.bench import load_bench

    return load_bench(RunFolder.read(folder))
