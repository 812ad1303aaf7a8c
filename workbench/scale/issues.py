"""The issues that depend on each record alone, segment by segment on an engine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from workbench.curation.quality import RULES_VERSION, unchecked
from workbench.curation.validate import ISSUES, record_issues
from workbench.errors import DataError
from workbench.scale.engine import Engine
from workbench.scale.surface import Plan, collected
from workbench.schema import Schema

_FOUND = {"path": pl.String, **ISSUES}


def issues_of(
    engine: Engine, segments: list[Path], types: Mapping[str, pl.DataType], schema: Schema
) -> dict[Path, pl.DataFrame]:
    """Return what `record_issues` says of the rows of each stored segment; `types` are those of the rows as read."""
    if not segments:
        return {}
    look = partial(_look, types=dict(types), schema=Schema(schema.declared, schema.digest), rules=_rules())
    paths = pl.DataFrame({"path": list(map(str, segments))})
    with engine.folder() as folder:
        plan = Plan.of(paths, len(segments), engine.marks()).grouped("path", look, _FOUND)
        found = collected(engine.ran("checking records", plan, folder), _FOUND)
    parts = found.partition_by("path", as_dict=True, include_key=False)
    none = pl.DataFrame(schema=ISSUES)
    return {path: parts.get((str(path),), none) for path in segments}


def _rules() -> list[Any]:
    return [RULES_VERSION, unchecked()]


def _look(paths: pl.DataFrame, types: dict[str, pl.DataType], schema: Schema, rules: list[Any]) -> pl.DataFrame:
    """Return the issues of one segment."""
    if _rules() != rules:
        raise DataError("a worker has other quality flags than this machine: its packages differ")
    (path,) = paths.row(0)
    try:
        stored = pl.read_parquet(path)
        stored.get_column("rid")  # else any other table would pass for a segment without rows
        rows = pl.concat([pl.DataFrame(schema=types), stored], how="diagonal_relaxed")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"segment {path} cannot be read: {error}") from error
    rows = rows.select(*types).sort("rid")
    return record_issues(rows, schema).with_columns(path=pl.lit(path))
