"""How a split came out: wanted against got, side by side and stratum by stratum, and what its texts amount to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import polars as pl

from workbench.curation.split import SPLITS, Wanted
from workbench.schema import Schema

SIDES = (*SPLITS, "excluded", "removed")
"""Everywhere that a record of a version can stand."""


def wanted_and_got(standing: pl.DataFrame, wanted: Wanted | None) -> dict[str, Any]:
    """Return {splits: {side: {wanted, got}}, strata: {name: {side: {wanted, got}}}} of columns `split` and `stratum`.

    Only records on a side count; None is what nobody asked for: counts are wanted of the whole, not of a stratum.
    """
    held = standing.filter(pl.col("split").is_in(SPLITS))
    named = {name: part for (name,), part in held.group_by("stratum") if name}
    whole = _of(held, wanted, dict(zip(SPLITS, wanted.counts, strict=True)) if wanted and wanted.counts else None)
    by_share = wanted if wanted and not wanted.counts else None
    return {"splits": whole, "strata": {name: _of(named[name], by_share, None) for name in sorted(named)}}


def _of(held: pl.DataFrame, wanted: Wanted | None, counts: Mapping[str, int] | None) -> dict[str, Any]:
    got = dict(held.group_by("split").len().iter_rows())
    shares = [ratio / sum(wanted.ratios) for ratio in wanted.ratios] if wanted else [None] * len(SPLITS)
    asked = {
        name: None if share is None else round(share * held.height, 2)
        for name, share in zip(SPLITS, shares, strict=True)
    }
    return {name: {"wanted": counts[name] if counts else asked[name], "got": got.get(name, 0)} for name in SPLITS}


def largest_group(groups: Mapping[str, str]) -> dict[str, Any]:
    """Return {records, share} of the largest group of these records."""
    size = max(Counter(groups.values()).values(), default=0)
    return {"records": size, "share": round(size / len(groups), 4) if groups else 0.0}


def excluded_by_reason(standing: pl.DataFrame) -> dict[str, int]:
    """Return how many records were excluded for each reason."""
    counted = standing.filter(pl.col("split") == "excluded").group_by("reason").len()
    return dict(sorted(counted.iter_rows()))


def texts_of(records: pl.DataFrame, schema: Schema) -> dict[str, dict[str, int]]:
    """Return {side: {records, characters, words}} over the schema's texts; a word is what white space surrounds."""
    texts = [_joined(name, kind) for name, kind in _kinds(records, schema).items()]
    frame = schema.derived(records).select("split", *texts)
    characters = pl.sum_horizontal(pl.exclude("split").str.len_chars().fill_null(0))
    words = pl.sum_horizontal(pl.exclude("split").str.count_matches(r"\S+").fill_null(0))
    sums = frame.select("split", characters=characters, words=words).group_by("split")
    found = sums.agg(pl.len().alias("records"), pl.col("characters", "words").sum())
    by_side = {row.pop("split"): row for row in found.iter_rows(named=True)}
    return {side: by_side.get(side, {"records": 0, "characters": 0, "words": 0}) for side in sorted({*SIDES, *by_side})}


def _kinds(records: pl.DataFrame, schema: Schema) -> dict[str, pl.DataType]:
    kinds = schema.derived(records.clear()).schema
    return {name: kinds[name] for name in schema.declared.texts}


def _joined(name: str, kind: pl.DataType) -> pl.Expr:
    return pl.col(name).list.join(" ") if isinstance(kind, pl.List) else pl.col(name).cast(pl.String)
