"""Cuts of records by name, so that a test reads as what it says: cutting itself knows them by number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from workbench.curation import cutting, passages
from workbench.curation.grouped import Cut, Grouped
from workbench.curation.sides import NONE, Stood, numbers_in
from workbench.curation.split import SIDES, Wanted


@dataclass(frozen=True)
class Named:
    """A cut, by name."""

    split: dict[str, str]
    reasons: dict[str, str]
    method: str
    too_big: int


@dataclass(frozen=True)
class Passage:
    """One passage in its source's order."""

    record: str
    position: int


def cut_groups(
    groups: Mapping[str, str],
    strata: Mapping[str, str],
    prior: Mapping[str, str],
    wanted: Wanted,
    tested: Mapping[str, int] | None = None,
) -> Named:
    """Cut records (record -> group) of some strata; `tested` names groups."""
    once = {record: (tested or {})[group] for record, group in groups.items() if group in (tested or {})}
    records = grouped(groups, prior, once)
    named = pl.Series([strata.get(record, "") for record in records.ids], dtype=pl.String) if strata else None
    return by_name(records, cutting.cut_groups(records, wanted, named))


def cut_passages(
    sources: Mapping[str, Sequence[Passage]],
    prior: Mapping[str, str],
    wanted: Wanted,
    groups: Mapping[str, str] | None = None,
) -> Named:
    """Cut the passages of some sources; those in no group are one each."""
    placed = [
        (name, p.position, p.record)
        for name in sorted(sources)
        for p in sorted(sources[name], key=lambda p: p.position)
    ]
    records = grouped({record: record for _, _, record in placed} | dict(groups or {}), prior, {})
    eligible = set(records.ids) & {record for _, _, record in placed}
    records.eligible[:] = [record in eligible for record in records.ids]
    text = passages.Text(
        numbers_in(records.ids, pl.Series([record for _, _, record in placed], dtype=pl.String)),
        pl.Series([name for name, _, _ in placed], dtype=pl.String),
        np.array([position for _, position, _ in placed], np.int64),
    )
    return by_name(records, passages.cut_passages(records, text, wanted))


def grouped(groups: Mapping[str, str], prior: Mapping[str, str], tested: Mapping[str, int]) -> Grouped:
    """Return records (record -> group) by number, all of them to be cut."""
    ids = sorted(groups)
    first: dict[str, int] = {}
    numbers = [first.setdefault(groups[record], number) for number, record in enumerate(ids)]
    names = pl.Series(ids, dtype=pl.String)
    once = np.array([tested.get(record, 0) for record in ids], np.int64)
    return Grouped(names, np.array(numbers, np.int64), Stood.of(prior).at(names), once, np.ones(len(ids), np.bool_))


def by_name(records: Grouped, cut: Cut) -> Named:
    """Return a cut by the names of its records."""
    split = {record: SIDES[side] for record, side in zip(records.ids, cut.side.tolist(), strict=True) if side != NONE}
    reasons = {record: why for record, why in zip(records.ids, cut.reasons.told(), strict=True) if why is not None}
    return Named(split, reasons, cut.method, cut.too_big)
