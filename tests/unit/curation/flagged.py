"""Build small frames of records and tell which rules they break."""

from __future__ import annotations

from typing import Any

import polars as pl

from workbench.curation.validate import issues
from workbench.schema import Schema, load_schema
from workbench.workspace import samples

QA, PROSE, MCQ, CHAT, STORY, INSTRUCTION = (
    load_schema(samples() / "schemas" / f"{name}.yaml")
    for name in ("qa", "prose", "mcq", "chat", "story", "instruction")
)


def frame_of(schema: Schema, *rows: dict[str, Any]) -> pl.DataFrame:
    """Return rows as a corpus would hold them; a row may say its `source` and its `extra`."""
    lineage = [{"source": row.get("source", "s"), "extra": row.get("extra", "{}")} for row in rows]
    fields = [{**dict.fromkeys(schema.columns), **row} for row in rows]
    placed = schema.table([{name: row[name] for name in schema.columns} for row in fields])
    beside = pl.DataFrame(lineage, schema={"source": pl.String, "extra": pl.String})
    ids = pl.Series("id", [f"{i}" for i in range(len(rows))], dtype=pl.String)
    return pl.concat([placed, beside], how="horizontal").with_columns(ids, position=pl.int_range(pl.len()))


def found(schema: Schema, *rows: dict[str, Any]) -> pl.DataFrame:
    """Return all issues of the rows, whose ids are their numbers."""
    return issues(frame_of(schema, *rows), schema)


def rules(schema: Schema, *rows: dict[str, Any]) -> list[list[str]]:
    """Return the rules that each row breaks."""
    whole = found(schema, *rows)
    return [sorted(whole.filter(record=str(i))["rule"]) for i in range(len(rows))]
