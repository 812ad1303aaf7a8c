"""The score table: one row a record and model, from which every number of an evaluation follows."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workbench.errors import UsageError, unknown

Model = Literal["base", "tuned"]
MODELS: tuple[Model, ...] = ("base", "tuned")

SCORES = pa.schema(
    [
        ("record", pa.string()),
        ("model", pa.string()),
        ("nll", pa.float64()),
        ("tokens", pa.int64()),
        ("bytes", pa.int64()),
        ("prediction", pa.string()),
        ("reference", pa.string()),
        ("answer_nll", pa.float64()),
        ("answer_tokens", pa.int64()),
        ("choice_right", pa.float64()),
        ("choice_steady", pa.float64()),
        ("topic", pa.string()),
        ("source", pa.string()),
        ("group", pa.string()),
        ("first_token_seconds", pa.float64()),
        ("token_seconds", pa.float64()),
        ("memory_bytes", pa.int64()),
    ]
)
"""`nll` in nats, summed over the `tokens` learned tokens (of plain text: all of its own, in rolling windows), which
stand for `bytes` UTF-8 bytes of text; `reference` is null for plain text, whose prediction is empty. The answer's
share of both is what stands behind the prompt that was asked. Null where it does not apply or was not measured:
share of the option orders answered right, and 1 where all got one answer; `topic` that was asked for; `source` and
split `group` of the record; seconds to the first token and to each later one; peak device memory of the model's pass
(the same in all of its rows)."""


def read_scores(folder: Path, split: str, run: str) -> pa.Table:
    """Return a kept score table; raises UsageError that names the command which makes it."""
    path = folder / f"scores-{split}.parquet"
    if not path.is_file():
        raise UsageError(
            f"the run {run!r} has no scores of its {split} split", f"run: workbench evaluate {run} --split {split}"
        )
    return whole(pq.read_table(path))


def whole(table: pa.Table) -> pa.Table:
    """Return a score table with every column of SCORES: those that an older one lacks are null."""
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(len(table), field.type)
        for field in SCORES
    ]
    return pa.Table.from_arrays(columns, schema=SCORES)


def rows_of(table: pa.Table, model: str) -> pa.Table:
    """Return one model's rows; raises UsageError with the models that are there."""
    models = table["model"].unique().to_pylist()
    if model not in models:
        raise unknown("model", model, models)
    return whole(table.filter(pc.field("model") == model))
