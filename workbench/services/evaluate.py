"""Measure a run: base and tuned on the same split, from one score table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from workbench.curation.split import SPLITS
from workbench.errors import unknown
from workbench.services.progress import Report, silent
from workbench.store.store import Store
from workbench.training.runs import RunFolder
from workbench.workspace import write_text


def evaluate(store: Store, run: RunFolder, split: str = "test", report: Report = silent) -> dict[str, Any]:
    """Return {run, split, base, tuned}; the score table and these numbers are kept in the run folder and logged."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    from workbench.evaluation.metrics import evaluate as measured
    from workbench.evaluation.score import score

    table = score(run, split, report=lambda what, done, total: report(f"{what}: {done} of {total} records"))
    numbers = {which: measured(table, which) for which in ("base", "tuned")}
    out = {"run": run.name, "split": split, **numbers}
    write_text(
        run.evaluation / f"metrics-{split}.json", json.dumps(out, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )
    store.catalogue.append(("evaluation", str(run.facts().get("corpus", "")), run.name, {"split": split, **numbers}))
    return out


def evaluated(run: RunFolder, split: str = "test") -> dict[str, Any] | None:
    """Return the numbers of an earlier evaluation, or None."""
    path = run.evaluation / f"metrics-{split}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def generate(run: RunFolder, prompts: Sequence[str], report: Report = silent) -> list[dict[str, Any]]:
    """Return what base and tuned say to each prompt."""
    from workbench.evaluation.generate import generate as ask

    answers = ask(run, list(prompts), report=lambda what, done, total: report(f"{what}: {done} of {total}"))
    return [{"prompt": answer.prompt, "base": answer.base, "tuned": answer.tuned} for answer in answers]
