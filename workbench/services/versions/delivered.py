"""Where the sources themselves put their records: on train, validation or test."""

from __future__ import annotations

import polars as pl

from workbench.store.state import State

_SIDES = {"train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation",
          "dev": "validation", "test": "test", "eval": "test"}  # fmt: skip


def delivered_sides(state: State) -> dict[str, str]:
    """Return the side each current record was delivered for: by its own `split` field, else by its source's.

    What a model wrote was delivered for train or for none, whatever it says.
    """
    by_source = {name: row.body.get("split") for name, row in state.deliveries.items()}
    rows = state.records.select("id", "source", pl.col("extra").str.json_path_match("$.split")).iter_rows()
    named = {record: (own or by_source.get(source) or "").lower() for record, source, own in rows}
    sides = {record: _SIDES[side] for record, side in named.items() if side in _SIDES}
    written = generated_records(state)
    return {record: side for record, side in sides.items() if side == "train" or record not in written}


def generated_sources(state: State) -> list[str]:
    """Return the sources that a model wrote."""
    return [name for name, row in state.deliveries.items() if row.body.get("declared", {}).get("generated")]


def generated_records(state: State) -> frozenset[str]:
    """Return the current records that a model wrote: held-out sides measure models on what people wrote."""
    sources = generated_sources(state)
    return frozenset(state.records.filter(pl.col("source").is_in(sources))["id"]) if sources else frozenset()
