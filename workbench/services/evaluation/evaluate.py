"""Measure a run: base and tuned on the same split, from one score table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.curation.split import SPLITS
from workbench.errors import unknown
from workbench.services.evaluation import scored
from workbench.services.evaluation.sharing import score_on
from workbench.services.progress import Report, silent
from workbench.store.store import Store
from workbench.training.runs import RunFolder
from workbench.workspace import write_text

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.evaluation.score import Wanted


def evaluate(
    store: Store, run: RunFolder, split: str = "test", report: Report = silent, *, latency: int = 0, gpus: int = 1
) -> dict[str, Any]:
    """Return {run, split, base, tuned, difference, counts, how}.

    The score table and these numbers are kept in the run folder and logged; `latency` is the number of prompts whose
    waiting times are measured.
    """
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    table = score_on(run, _wanted(store, run, split, latency), gpus, report)
    report("drawing intervals")
    out = {"run": run.name, "split": split, **numbers_of(table), "how": _how(run, table)}
    write_text(
        run.evaluation / f"metrics-{split}.json", json.dumps(out, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )
    logged = {key: out[key] for key in ("split", "base", "tuned")}
    store.catalogue.append(("evaluation", str(run.facts().get("corpus", "")), run.name, logged))
    return out


def _wanted(store: Store, run: RunFolder, split: str, latency: int) -> Wanted:
    from workbench.evaluation.score import Wanted

    version = scored.version_of(store, run)
    if version is None:
        return Wanted(split, latency)
    schema = store.kept_schema(version.schema_object)
    rows = scored.records(store, version).filter(pl.col("split") == split)
    known, questions, texts = (
        scored.known(store, version, rows),
        scored.questions(schema, rows),
        scored.texts(schema, rows),
    )
    return Wanted(split, latency, known, questions, texts)


def numbers_of(table: pa.Table) -> dict[str, Any]:
    """Return {base, tuned, difference, counts} of a score table: every metric, and tuned against base."""
    from workbench.evaluation.differences import differences
    from workbench.evaluation.metrics import measure
    from workbench.evaluation.scores import MODELS, rows_of

    rows = {which: rows_of(table, which) for which in MODELS}
    measured = {which: measure(rows[which]) for which in MODELS}
    return {
        **{which: measured[which].values() for which in MODELS},
        "difference": differences(rows["base"], rows["tuned"]),
        "counts": measured["tuned"].counts(),
    }


def _how(run: RunFolder, table: pa.Table) -> dict[str, Any]:
    """Return what a number must be published with: decoding, precision, windows, signatures, intervals."""
    from workbench.evaluation.differences import METHOD
    from workbench.evaluation.metrics import measure
    from workbench.evaluation.scores import rows_of

    recipe = run.recipe()
    return {
        "generate": recipe.generate.model_dump(mode="json"),
        "quantization": recipe.quantization.model_dump(mode="json"),
        "window_tokens": recipe.train.max_length,
        "signatures": measure(rows_of(table, "tuned")).signatures(),
        "intervals": METHOD,
    }


def evaluated(run: RunFolder, split: str = "test") -> dict[str, Any] | None:
    """Return the numbers of an earlier evaluation, or None."""
    path = run.evaluation / f"metrics-{split}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def generate(run: RunFolder, prompts: Sequence[str], report: Report = silent) -> dict[str, Any]:
    """Return what base and tuned say: `answers` [{prompt, base, tuned}] and `left_out` [{number, prompt, reason}]."""
    from workbench.evaluation.generate import generate as ask

    said = ask(run, list(prompts), report=lambda what, done, total: report(what, done, total))
    return {
        "answers": [{"prompt": one.prompt, "base": one.base, "tuned": one.tuned} for one in said if not one.unasked],
        "left_out": [
            {"number": number, "prompt": one.prompt, "reason": one.unasked}
            for number, one in enumerate(said, start=1)
            if one.unasked
        ],
    }
