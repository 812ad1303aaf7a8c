"""Measure the records of a state, part by part: in this process, or on the workers of an engine."""

from __future__ import annotations

import shutil
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.curation import describe as columns
from workbench.curation import measures
from workbench.curation.tally import (
    TALLY,
    Look,
    Tally,
    added,
    in_buckets,
    of_bucket,
    tally_of,
    vocabulary_rows,
    without_words,
    words_of,
)
from workbench.schema import Schema
from workbench.services.progress import Report
from workbench.store.rows import Rows, rows_of
from workbench.store.state import State
from workbench.workspace import out_of_space

if TYPE_CHECKING:
    from workbench.scale.engine import Engine

UNASSIGNED = "unassigned"
"""The split of a record that came after the newest version."""
_PART = 100_000
"""Records that this process looks at together."""
BUCKETED = {"bucket": pl.Int64, **TALLY}
"""Columns of counts on their way to the bucket where they are added."""


def measured(state: State, sides: pl.DataFrame | None, tokenizer: Path | None, report: Report) -> Tally:
    """Return what is counted of the current records; `sides` tells the `split` of some of them by `id`.

    A tokenizer is the file `tokenizer.json` of a base.
    """
    records = _placed(state.records, sides)
    look = _look(records["id"], tokenizer)
    tallies, texts = [], []
    for first in range(0, records.height or 1, _PART):
        derived = state.schema.derived(records.slice(first, _PART))
        tallies.append(tally_of(derived, state.schema, look))
        texts.append(columns.text_fields(derived, state.schema))
        report("reading texts", min(first + _PART, records.height), records.height)
    found = {name: measures.vocabulary(pl.concat([part[name] for part in texts])) for name in texts[0]}
    return Tally(added([*tallies, *(vocabulary_rows(name, v.running, v.different) for name, v in found.items())]))


def measured_on(engine: Engine, state: State, sides: pl.DataFrame | None, tokenizer: Path | None) -> Tally:
    """Return what `measured` returns, counted by the workers of an engine; no text comes to this process."""
    from workbench.scale.records import over, slices
    from workbench.scale.surface import collected

    with engine.folder() as folder:
        rows = rows_of(state, folder)
        listing = _placed(rows.listing, sides)
        if listing.is_empty():
            return Tally(without_words(_counts(listing.join(state.stored, on="rid"), state.schema, Look())))
        look = _look(listing["id"], _shared(tokenizer, folder))
        part = partial(_tallied, schema=state.schema.bare(), look=look, buckets=-(-listing.height // _PART))
        plan = over(Rows(listing, rows.files, rows.types), slices(listing), folder, part, BUCKETED)
        counted = engine.ran("reading texts", plan.grouped("bucket", of_bucket, TALLY), folder)
        return Tally(added([collected(counted, TALLY)]))


def _placed(records: pl.DataFrame, sides: pl.DataFrame | None) -> pl.DataFrame:
    if sides is None:
        return records
    placed = records.join(sides, on="id", how="left", maintain_order="left")
    return placed.with_columns(pl.col("split").fill_null(UNASSIGNED))


def _look(ids: pl.Series, tokenizer: Path | None) -> Look:
    return Look(columns.last_drawn(ids), partial(token_counts, file=str(tokenizer)) if tokenizer else None)


def _shared(tokenizer: Path | None, folder: Path) -> Path | None:
    """Return a copy of a tokenizer where every worker sees it."""
    if tokenizer is None:
        return None
    with out_of_space(folder):
        return shutil.copyfile(tokenizer, folder / "tokenizer.json")


def _tallied(rows: pl.DataFrame, schema: Schema, look: Look, buckets: int) -> pl.DataFrame:
    """Return the counts of a part, each in the bucket where all counts of its kind meet."""
    return in_buckets(_counts(rows, schema, look), buckets)


def _counts(rows: pl.DataFrame, schema: Schema, look: Look) -> pl.DataFrame:
    derived = schema.derived(rows)
    return pl.concat([tally_of(derived, schema, look), *words_of(columns.text_fields(derived, schema))])


def token_counts(texts: pl.Series, file: str) -> pl.Series:
    """Return the tokens of each text, without special ones, as the tokenizer in a file counts them."""
    encoded = _tokenizer(file, Path(file).stat().st_mtime_ns).encode_batch_fast(
        texts.drop_nulls().to_list(), add_special_tokens=False
    )
    return pl.Series([len(one) for one in encoded], dtype=pl.Int64)


@lru_cache(maxsize=1)
def _tokenizer(file: str, stamp: int) -> Any:  # noqa: ANN401 - tokenizers is untyped
    """Return the tokenizer of a file; one that was written anew has another stamp."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(file)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
