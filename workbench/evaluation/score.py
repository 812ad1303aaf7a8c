"""Score base and tuned model alike: one loaded model, the adapter off and on, one table of the result."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workbench.errors import RefusedError
from workbench.evaluation.answering import answer
from workbench.evaluation.bench import Bench, Report, Run, computing, load_bench, quiet
from workbench.evaluation.choices import Chosen, choose
from workbench.evaluation.latency import Wait, waits
from workbench.evaluation.losses import Loss, losses
from workbench.evaluation.metrics.questions import Question
from workbench.evaluation.scores import MODELS, SCORES, Model
from workbench.workspace import out_of_space

_LESS = "free the device; train with a shorter train.max_length, generate.max_new_tokens or a smaller base"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What to score, and what is known of its records besides."""

    split: str = "test"
    latency: int = 0
    """Prompts whose waiting times are measured, each alone; 0 measures none."""
    known: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    """By record: its `source`, split `group` and `topic`, where the caller knows them."""
    questions: Mapping[str, Question] = field(default_factory=dict)
    """By record: the question with options that it holds, asked in every order of these."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """By record: the whole of a plain text; one that is not here is scored as far as the token cache holds it."""


@dataclass(frozen=True)
class _Found:
    """What a model made of the rows, by place or by record."""

    losses: Sequence[Loss]
    texts: Mapping[int, str]
    waits: Mapping[int, Wait]
    choices: Mapping[str, Chosen]
    peak: int | None


@dataclass(frozen=True)
class Share:
    """The rows that one of several processes scores: every so many-th, so that all get rows of every length."""

    place: int = 0
    of: int = 1


def score(run: Run, wanted: Wanted | str = "test", *, report: Report = quiet) -> pa.Table:
    """Score a split with base and tuned model, save and return the table, in the order of the cache.

    Both share weights in memory, precision, template, batches and decoding (`recipe.generate`). Raises
    RefusedError for an empty split and UsageError for a run without an adapter.
    """
    wanted = Wanted(wanted) if isinstance(wanted, str) else wanted
    return joined(run, wanted, [score_share(run, wanted, Share(), report)])


def score_share(run: Run, wanted: Wanted, share: Share, report: Report) -> pa.Table:
    """Return the scores of a share of a split's rows, first the base's, then the tuned model's; empty for no row."""
    rows = _rows(run, wanted.split)[share.place :: share.of]
    if not rows:
        return SCORES.empty_table()
    bench = load_bench(run)
    rows = [_whole(bench, row, wanted.texts) for row in rows]
    return pa.concat_tables([_score_model(bench, rows, (which, wanted), report) for which in MODELS])


def joined(run: Run, wanted: Wanted, shares: Sequence[pa.Table]) -> pa.Table:
    """Save and return the scores of all shares as one table, in the order of the cache."""
    if len(shares) > 1:
        shares = [pa.concat_tables([_in_turn(shares, which) for which in MODELS])]
    _save(shares[0], run.evaluation / f"scores-{wanted.split}.parquet")
    return shares[0]


def _in_turn(shares: Sequence[pa.Table], which: Model) -> pa.Table:
    tables = [share.filter(pc.field("model") == which) for share in shares]
    places = np.concatenate([np.arange(table.num_rows) * len(tables) + at for at, table in enumerate(tables)])
    return pa.concat_tables(tables).take(np.argsort(places))


def _rows(run: Run, split: str) -> list[Row]:
    table = pq.read_table(run.tokens)
    rows: list[Row] = table.filter(pc.field("split") == split).to_pylist()
    if not rows:
        there = ", ".join(sorted(table["split"].unique().to_pylist())) or "none"
        raise RefusedError(f"the split {split!r} has no record", f"splits of this run: {there}")
    return rows


def _whole(bench: Bench, row: Row, texts: Mapping[str, str]) -> Row:
    """Return a row with all tokens of its plain text, where the text is known."""
    text = texts.get(row["record"])
    if text is None or row["reference"] is not None:
        return row
    ids = bench.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return {**row, "text_ids": ids, "bytes": len(text.encode())}


def _save(table: pa.Table, path: Path) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with out_of_space(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, partial, compression="zstd")
            partial.replace(path)
    finally:
        with suppress(OSError):  # on a read-only disk this would hide the first error
            partial.unlink()


def _score_model(bench: Bench, rows: Sequence[Row], asked: tuple[Model, Wanted], report: Report) -> pa.Table:
    which, wanted = asked
    found = _computed(bench, rows, asked, report)
    scored = [
        {**wanted.known.get(row["record"], {}), "model": which, **_scored(place, row, found)}
        for place, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(scored, SCORES)


def _computed(bench: Bench, rows: Sequence[Row], asked: tuple[Model, Wanted], report: Report) -> _Found:
    which, wanted = asked
    places = [place for place, row in enumerate(rows) if row["reference"] is not None]
    prompts = [rows[place]["prompt_ids"] for place in places]
    here = {row["record"] for row in rows}
    questions = {record: question for record, question in wanted.questions.items() if record in here}
    _forget_peak(bench)
    with computing(bench, which, _LESS):
        found = losses(bench, rows, lambda done: report(f"{which}: loss", done, len(rows)))
        texts = answer(bench, prompts, lambda done: report(f"{which}: answers", done, len(places)))
        choices = choose(bench, questions, lambda done: report(f"{which}: options", done, len(questions)))
        peak = _peak(bench)
        waited = waits(bench, prompts[: wanted.latency])
    return _Found(found, dict(zip(places, texts, strict=True)), dict(zip(places, waited, strict=False)), choices, peak)


def _scored(place: int, row: Row, found: _Found) -> dict[str, Any]:
    wait, choice = found.waits.get(place), found.choices.get(row["record"])
    return {
        **{key: row[key] for key in ("record", "bytes", "reference")},
        **vars(found.losses[place]),
        "prediction": found.texts.get(place, ""),
        "choice_right": choice.right if choice else None,
        "choice_steady": choice.steady if choice else None,
        "first_token_seconds": wait.first if wait else None,
        "token_seconds": wait.later if wait else None,
        "memory_bytes": found.peak,
    }


def _forget_peak(bench: Bench) -> None:
    import torch

    if bench.model.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(bench.model.device)


def _peak(bench: Bench) -> int | None:
    """Return the most bytes that torch held on the device since it was forgotten, None without a GPU."""
    import torch

    return torch.cuda.max_memory_allocated(bench.model.device) if bench.model.device.type == "cuda" else None
