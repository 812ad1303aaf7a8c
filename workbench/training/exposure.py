"""The exposure ledger: how often a run saw each record, at which steps, and how many learned tokens that was."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workbench.lm.template import NOT_LEARNED
from workbench.recipe import Train
from workbench.training.runs import RunFolder

LEDGER = pa.schema(
    [
        ("record", pa.string()),
        ("times", pa.int64()),
        ("steps", pa.list_(pa.int64())),
        ("learned_tokens", pa.int64()),
    ]
)
"""One row a trained record, in the order of the cache: times seen, the optimizer steps it was part of (counted from
1; null where they cannot be told), and the tokens it was learned from, summed over all times."""


@dataclass(frozen=True)
class Exposure:
    """The ledger of a run, and how it was found."""

    ledger: pa.Table
    by: Literal["order", "passes"]
    """`order`: from the very order in which the trainer draws; `passes`: whole passes over the data alone."""
    step: int
    """Optimizer steps that were done."""
    reason: str = ""
    """Why the steps of single records cannot be told."""


def exposure(run: RunFolder) -> Exposure:
    """Return what a run saw up to now, from its token cache, its recipe and the step it reached."""
    cache = pq.read_table(run.tokens, columns=["record", "split", "labels"]).filter(pc.field("split") == "train")
    learned = [sum(label != NOT_LEARNED for label in labels[1:]) for labels in cache["labels"].to_pylist()]
    train, state = run.recipe().train, run.state()
    step = int(state.get("step") or 0)
    reason = _untold(train, len(cache), int(state.get("total") or 0))
    seen = _passes(train, len(cache), step, int(state.get("total") or 0)) if reason else _steps(train, len(cache), step)
    times = [len(steps) if isinstance(steps, list) else steps for steps in seen]
    columns = {
        "record": cache["record"].to_pylist(),
        "times": times,
        "steps": [steps if isinstance(steps, list) else None for steps in seen],
        "learned_tokens": [count * size for count, size in zip(times, learned, strict=True)],
    }
    return Exposure(pa.Table.from_pydict(columns, LEDGER), "passes" if reason else "order", step, reason)


def _untold(train: Train, rows: int, total: int) -> str:
    """Return why the order is not known, empty where it is."""
    if train.packing:
        return "packed rows hold several records"
    if total and total != steps_of(train, rows):
        return "the steps are not those of one process: several shared the records"
    return ""


def steps_of(train: Train, rows: int) -> int:
    """Return how many optimizer steps one process takes over so many rows."""
    per_pass = math.ceil(math.ceil(rows / train.batch_size) / train.gradient_accumulation)
    return train.max_steps or math.ceil(train.epochs * per_pass)


def _passes(train: Train, rows: int, step: int, total: int) -> list[list[int] | int]:
    """Return for every row the passes that were finished: it was seen so often, or once more."""
    passes = train.epochs if train.max_steps is None else 0
    return [math.floor(passes * step / total) if total else 0] * rows


def _steps(train: Train, rows: int, step: int) -> list[list[int] | int]:
    """Return for every row the steps that it was part of."""
    seen: list[list[int] | int] = [[] for _ in range(rows)]
    for number, places in enumerate(islice(batches_of(train, rows), step), start=1):
        for place in places:
            steps = seen[place]
            assert isinstance(steps, list)
            steps.append(number)
    return seen


def batches_of(train: Train, rows: int) -> Iterator[list[int]]:
    """Yield the rows of each optimizer step, pass after pass, as one process draws them without end.

    Trainer draws without replacement, and accelerate's sampler seeds each pass with `seed + pass`
    (`SeedableRandomSampler`); the last step of a pass takes what is left.
    """
    import torch

    size, number = train.batch_size * train.gradient_accumulation, 0
    while rows:
        generator = torch.Generator().manual_seed(train.seed + number)
        order = torch.randperm(rows, generator=generator).tolist()
        yield from (order[start : start + size] for start in range(0, rows, size))
        number += 1
