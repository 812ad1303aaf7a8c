"""Where the sources themselves put their records: on train, validation or test."""

from __future__ import annotations

import polars as pl

from workbench.curation.sides import Stood
from workbench.store.state import State

_SIDES = {"train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation",
          "dev": "validation", "test": "test", "eval": "test"}  # fmt: skip


def delivered_sides(state: State) -> Stood:
    """Return the side each current record was delivered for: by its own `split` field, else by its source's.

    What a model wrote was delivered for train or for none, whatever it says.
    """
    own = pl.col("extra").str.json_path_match("$.split")
    by_source = {name: str(row.body.get("split") or "") for name, row in state.deliveries.items()}
    of_source = pl.col("source").replace_strict(
        list(by_source), list(by_source.values()), default="", return_dtype=pl.String
    )
    named = pl.when(own != "").then(own).otherwise(of_source).str.to_lowercase()
    side = named.replace_strict(_SIDES, default=None, return_dtype=pl.String)
    delivered = state.records.select("id", "source", side=side).drop_nulls("side")
    written = pl.col("source").is_in(generated_sources(state))
    return Stood(delivered.filter((pl.col("side") == "train") | ~written).select("id", "side"))


def generated_sources(state: State) -> list[str]:
    """Return the sources that a model wrote."""
    return [name for name, row in state.deliveries.items() if row.body.get("declared", {}).get("generated")]


def generated_records(state: State) -> pl.Series:
    """Return the current records that a model wrote: held-out sides measure models on what people wrote."""
    return state.records.select("id", "source").filter(pl.col("source").is_in(generated_sources(state)))["id"]
