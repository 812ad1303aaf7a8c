"""Units of texts made for the tests of duplicates: words that no other number gives, rows of a few schemas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from workbench.curation.duplicates import verified_pairs
from workbench.curation.judge import Judgement, judge
from workbench.curation.units import Units, units
from workbench.schema import load_schema
from workbench.workspace import samples

QA = load_schema(samples() / "schemas" / "qa.yaml")
PROSE = load_schema(samples() / "schemas" / "prose.yaml")
MCQ = load_schema(samples() / "schemas" / "mcq.yaml")


def numbered(start: int, stop: int) -> str:
    """Return one word a number, without digits."""
    return " ".join(f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(start, stop))


def frame_of(schema, rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Return a derived frame of some rows, with the ids 000, 001, ..."""
    whole = [{**dict.fromkeys(schema.columns), **row} for row in rows]
    ids = pl.Series("id", [f"{i:03}" for i in range(len(whole))], dtype=pl.String)
    return schema.derived(schema.table(whole).with_columns(ids))


def prose_units(*texts: str) -> Units:
    return units(frame_of(PROSE, ({"text": text} for text in texts)), PROSE)


def qa_units(*rows: dict[str, Any]) -> Units:
    return units(frame_of(QA, rows), QA)


def mcq_units(*rows: dict[str, Any]) -> Units:
    return units(frame_of(MCQ, rows), MCQ)


def judged(found: Units, threshold: float = 0.8, order: list[str] | None = None, apart=frozenset()) -> Judgement:
    ranked = pl.Series(order or sorted(found.members["id"]), dtype=pl.String)
    return judge(found, verified_pairs(found, 5), ranked, threshold=threshold, apart=apart)
