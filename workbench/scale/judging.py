"""Pairs judged over an engine: what each one is, part by part here; what follows, component by component there.

lead    components -> by unit, who stays for it and which cluster it is in

Leaders are chosen among the pairs of one component alone, so a worker needs no others. A component has a number of
its own only for the engine: what is chosen depends on the order of units, which travels with the pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.duplicates import PAIRS, Pairs, verified_parts
from workbench.curation.judge import (
    PAIRED,
    THRESHOLD,
    Judgement,
    Led,
    best_first,
    concluded,
    judged_parts,
    led,
    parted_units,
    ranking,
)
from workbench.curation.nearness import Near
from workbench.curation.units import Units
from workbench.scale.components import components_of
from workbench.scale.engine import Engine
from workbench.scale.shards import SHARD, Parts, part_written
from workbench.scale.surface import Plan

_PLACED = {**PAIRED, "part": pl.Int64, "rank_a": pl.Int64, "rank_b": pl.Int64}
_LED = {"unit": pl.Int64, "winner": pl.Int64, "jaccard": pl.Float64, "cluster": pl.Int64}


def verified_pairs(engine: Engine, units: Units, ngram: int, near: Iterable[Near]) -> Pairs:
    """Return what `curation.duplicates.verified_pairs` returns, its pairs in files that last as long as the engine."""
    folder, files, left_out = engine.kept(), [], 0
    for number, (pairs, missed) in enumerate(verified_parts(units, ngram, near)):
        part = pairs.with_columns(part=pl.lit(number, dtype=pl.Int64), one="a", other="b")
        files.append(part_written(part, folder, number))
        left_out += missed
    return Pairs(len(units), Parts(tuple(files), tuple(PAIRS)), left_out, components_of(engine, files, len(units)))


def judge(
    engine: Engine,
    units: Units,
    pairs: Pairs,
    order: pl.Series,
    *,
    threshold: float = THRESHOLD,
    apart: Set[frozenset[str]] = frozenset(),
    agreed: Set[tuple[str, str]] = frozenset(),
) -> Judgement:
    """Return what `curation.judge.judge` returns."""
    parted, ranked = parted_units(units, apart), ranking(units, order)
    rank = np.empty(len(units), np.int64)
    rank[best_first(ranked)] = np.arange(len(units))
    folder, files = engine.kept(), []
    for number, part in enumerate(judged_parts(units, pairs, threshold, parted, agreed)):
        files.append(part_written(_placed(part, rank, pairs.component, len(units)), folder, number))
    found = _led_by(engine, files, len(units))
    return concluded(units, Parts(tuple(files), tuple(PAIRED)), found, ranked, parted)


def _placed(judged: pl.DataFrame, rank: NDArray[np.int64], component: NDArray[np.int64], size: int) -> pl.DataFrame:
    """Add which part of the components a pair is in, and how its units rank."""
    one, other = judged["a"].to_numpy(), judged["b"].to_numpy()
    part = component[one] % -(-size // SHARD)
    return judged.with_columns(part=pl.Series(part), rank_a=pl.Series(rank[one]), rank_b=pl.Series(rank[other]))


def _led_by(engine: Engine, judged: Sequence[Path], size: int) -> Led:
    """Return what judged pairs make of units."""
    out = Led(np.arange(size), np.ones(size), np.full(size, -1, np.int64))
    if not judged:
        return out
    with engine.folder() as folder:
        plan = Plan.read(judged, -(-size // SHARD), _PLACED, engine.marks()).grouped("part", _lead, _LED)
        files = engine.ran("choosing who stays", plan, folder)
        for part in Parts(tuple(files), tuple(_LED)):
            unit = part["unit"].to_numpy()
            out.winner[unit], out.jaccard[unit] = part["winner"].to_numpy(), part["jaccard"].to_numpy()
            out.cluster[unit] = part["cluster"].to_numpy()
    return out


def _lead(judged: pl.DataFrame) -> pl.DataFrame:
    """Return what the pairs of some components make of their units, which have other numbers meanwhile."""
    alike = judged.filter(pl.col("kind") != "similar")
    ends = [alike.select(unit=f"{end}", rank=f"rank_{end}") for end in ("a", "b")]
    units = pl.concat(ends).unique().sort("unit")
    number = units["unit"]
    renamed = alike.with_columns(number.search_sorted(alike[end]).cast(pl.Int64).alias(end) for end in ("a", "b"))
    found = led(units["rank"].arg_sort().cast(pl.Int64).to_numpy(), renamed)
    return pl.DataFrame(
        {
            "unit": number,
            "winner": number.gather(found.winner),
            "jaccard": found.jaccard,
            "cluster": number.gather(found.cluster),
        }
    )
