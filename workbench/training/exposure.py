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
from workbench.training.runs import RunFolder, read_lines

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
    several = run.facts().get("gpus", 1) > 1
    reason = _untold(train, len(cache), int(state.get("total") or 0), several=several)
    drawn = None if reason else _steps(train, len(cache), step)
    times = [_passes(run, train)] * len(cache) if drawn is None else [len(steps) for steps in drawn]
    columns = {
        "record": cache["record"].to_pylist(),
        "times": times,
        "steps": [None] * len(cache) if drawn is None else drawn,
        "learned_tokens": [count * size for count, size in zip(times, learned, strict=True)],
    }
    return Exposure(pa.Table.from_pydict(columns, LEDGER), "passes" if reason else "order", step, reason)


def _untold(train: Train, rows: int, total: int, *, several: bool) -> str:
    """Return why the order is not known, empty where it is."""
    if train.packing:
        return "packed rows hold several records"
    if train.sampling != "random":
        return "records of about one length are drawn together"
    # At the end of a pass some rows go to two of them, which the number of steps need not tell.
    if several or (total and total != steps_of(train, rows)):
        return "the steps are not those of one process: several shared the records"
    return ""


def steps_of(train: Train, rows: int) -> int:
    """Return how many optimizer steps one process takes over so many rows."""
    per_pass = math.ceil(math.ceil(rows / train.batch_size) / train.gradient_accumulation)
    return train.max_steps or math.ceil(train.epochs * per_pass)


def _passes(run: RunFolder, train: Train) -> int:
    """Return the passes over the data that were finished: every row was seen so often, or once more."""
    state = run.state()
    step, total = int(state.get("step") or 0), int(state.get("total") or 0)
    if train.max_steps is None:
        return math.floor(train.epochs * step / total) if total else 0
    # How many rows a step takes is not known here: the trainer logs how many passes it has done.
    return math.floor(max((line.get("epoch", 0) for line in read_lines(run.metrics_file)), default=0))


def _steps(train: Train, rows: int, step: int) -> list[list[int]]:
    """Return for every row the steps that it was part of."""
    seen: list[list[int]] = [[] for _ in range(rows)]
    for number, places in enumerate(islice(batches_of(train, rows), step), start=1):
        for place in places:
            seen[place].append(number)
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
