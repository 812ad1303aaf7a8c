"""Records laid end to end in rows of one length, and the same rows again where a run goes on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset
from trl import pack_dataset

from workbench.errors import RefusedError
from workbench.recipe import Recipe
from workbench.training.checkpoints import step_of
from workbench.training.runs import RunFolder

PACKED_ROWS = "packed_rows"
"""Key of run.json under which the rows stand that a run was begun on: how many, and the digest of their tokens."""
_PACKED_AT_ONCE = 100_000
"""Records that are packed together: all of most corpora, and few enough to be held in memory."""
_TOKENS_AT_ONCE = 1 << 30
"""Tokens at most in these: trl counts them in 32 bits."""
_HASHED_AT_ONCE = 1024


def rows_of(table: pa.Table, recipe: Recipe) -> Dataset:
    """Return the rows as the trainer draws them: the records, or packed ones of them."""
    rows = Dataset(table.select(["input_ids", "labels"]).combine_chunks())
    return _packed(rows, recipe.train.max_length) if recipe.train.packing and len(rows) else rows


def _packed(rows: Dataset, length: int) -> Dataset:
    """Lay records end to end in rows of a length, by trl's best fit over many of them at once.

    Left to itself trl packs a thousand at a time, and the last row of each thousand stays half empty.
    """
    return pack_dataset(rows, length, "bfd", {"batch_size": min(_PACKED_AT_ONCE, _TOKENS_AT_ONCE // length)})


def keep_rows(run: RunFolder, rows: Dataset, checkpoint: Path | None) -> None:
    """Note the packed rows that a run begins on; raises RefusedError where it would go on, on others.

    A checkpoint tells how many rows were drawn, not which. Another release of the workbench or of trl may pack
    otherwise: some records would be learned twice in a pass and others never, and nobody would see it.
    """
    now = {"rows": len(rows), "digest": _digest(rows)}
    if checkpoint is None:
        run.note(PACKED_ROWS, now)
        return
    before = run.facts().get(PACKED_ROWS)
    if before == now:
        return
    step = step_of(checkpoint)
    was = f"{before['rows']:,} rows" if before else "rows of which run.json holds no note"
    raise RefusedError(
        f"the records are not packed as they were at step {step}: then {was}, now {now['rows']:,} rows",
        f"go on with the packages that run.json names, or train anew; {checkpoint.name} keeps what was learned",
    )


def _digest(rows: Dataset) -> str:
    """Return the digest of which tokens stand in which row, however the table lies in memory."""
    hashed = hashlib.sha256()
    for part in rows.with_format("arrow").iter(_HASHED_AT_ONCE):
        column = part["input_ids"].combine_chunks()
        hashed.update(np.asarray(pc.list_value_length(column), dtype="<i4").tobytes())
        hashed.update(np.asarray(column.flatten(), dtype="<i4").tobytes())
    return hashed.hexdigest()
