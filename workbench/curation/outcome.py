"""How a split came out: wanted against got, side by side and stratum by stratum, and what its texts amount to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from workbench.curation.sides import Numbers
from workbench.curation.slices import sliced
from workbench.curation.split import SIDES, SPLITS, Wanted, by_side
from workbench.schema import Schema


@dataclass(frozen=True)
class Missed:
    """Exact counts that a split does not meet."""

    sides: dict[str, tuple[int, int]]
    """(wanted, got) of each side that holds fewer or more."""
    left: int
    """Records that are left over: they would fill a side only if their group, or a run of passages, were torn."""
    lacking: int
    """Records that are wanting even if all that is left over were taken."""

    @property
    def torn(self) -> bool:
        """Return whether groups that may not be torn are all that keeps the counts from being met."""
        return not self.lacking and all(got < wanted for wanted, got in self.sides.values())


def missed(counts: Sequence[int], got: Mapping[str, int], left: int) -> Missed | None:
    """Return by what a split misses its counts, with so many records left over; None where it meets them."""
    asked = zip(SPLITS, counts, strict=True)
    sides = {side: (wanted, got[side]) for side, wanted in asked if got[side] != wanted}
    short = sum(max(wanted - here, 0) for wanted, here in sides.values())
    return Missed(sides, left, max(short - left, 0)) if sides else None


def wanted_and_got(standing: pl.DataFrame, wanted: Wanted | None) -> dict[str, Any]:
    """Return {splits: {side: {wanted, got}}, strata: {name: {side: {wanted, got}}}} of columns `split` and `stratum`.

    Only records on a side count; None is what nobody asked for: counts are wanted of the whole, not of a stratum.
    Names that differ in the form of their accents alone are told as one: the log knows no others.
    """
    held = standing.filter(pl.col("split").is_in(SPLITS)).with_columns(pl.col("stratum").str.normalize("NFC"))
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


def largest_group(group: Numbers) -> dict[str, Any]:
    """Return {records, share} of the largest group, of the group's number of each record."""
    size = int(np.bincount(group, minlength=1).max())
    return {"records": size, "share": round(size / len(group), 4) if size else 0.0}


def excluded_by_reason(standing: pl.DataFrame) -> dict[str, int]:
    """Return how many records were excluded for each reason."""
    counted = standing.select("split", "reason").filter(pl.col("split") == "excluded").group_by("reason").len()
    return dict(sorted(counted.iter_rows()))


def texts_of(records: pl.DataFrame, schema: Schema) -> dict[str, dict[str, int]]:
    """Return {side: {records, characters, words}} over the schema's texts; a word is what white space surrounds."""
    texts = [_joined(name, kind) for name, kind in _kinds(records, schema).items()]
    each = pl.exclude("split").str
    # Sums of the 32 bits that a text's length has begin anew at four billion characters.
    characters = pl.sum_horizontal(each.len_chars().fill_null(0)).cast(pl.Int64)
    words = pl.sum_horizontal(each.count_matches(r"\S+").fill_null(0)).cast(pl.Int64)

    def counted(part: pl.DataFrame) -> pl.DataFrame:
        derived = schema.derived(part).select("split", *texts)
        sums = derived.select("split", records=1, characters=characters, words=words).group_by("split")
        return sums.agg(pl.all().sum())

    found = pl.concat([counted(part) for part in sliced(records)]).group_by("split").agg(pl.all().sum())
    none = {side: {"records": 0, "characters": 0, "words": 0} for side in SIDES}
    return by_side(none | {row.pop("split"): row for row in found.iter_rows(named=True)})


def _kinds(records: pl.DataFrame, schema: Schema) -> dict[str, pl.DataType]:
    kinds = schema.derived(records.clear()).schema
    return {name: kinds[name] for name in schema.declared.texts}


def _joined(name: str, kind: pl.DataType) -> pl.Expr:
    return pl.col(name).list.join(" ") if isinstance(kind, pl.List) else pl.col(name).cast(pl.String)
