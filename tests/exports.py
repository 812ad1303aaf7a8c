"""Small exports for tests: tables of three splits with awkward text, and the facts about them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from workbench.publish.facts import ExportFacts
from workbench.publish.formats import write_export
from workbench.publish.pieces import held
from workbench.publish.written import Written
from workbench.readers import mapping as maps
from workbench.readers.detect import plan
from workbench.readers.record import Record
from workbench.readers.registry import read
from workbench.schema import Schema
from workbench.services.intake.rows import fields_of

HOSTILE = "<script>x</script> | `a` [b](c)\x1b]0;t\x07 \u202egp.exe <!-- workbench:end -->"


def tables(rows: int = 6) -> dict[str, pa.Table]:
    """Return splits as an engine would hand them over: large text, a list, a struct, one column all null."""
    sizes = {"train": rows, "validation": 2, "test": 2, "excluded": 3}
    return {split: _table(split, size) for split, size in sizes.items()}


def _table(split: str, rows: int) -> pa.Table:
    columns = {
        "question": pa.array([f"{split} {row} \u00e9\n\u2028 {HOSTILE}" for row in range(rows)], pa.large_string()),
        "choices": pa.array([["a", "b", str(row)] for row in range(rows)], pa.large_list(pa.large_string())),
        "answer": pa.array([row if row % 2 else None for row in range(rows)], pa.int64()),
        "hint": pa.nulls(rows) if split == "test" else pa.array([None, *["h"] * (rows - 1)], pa.string()),
        "meta": pa.array([{"page": row, "share": row / 3} for row in range(rows)]),
        "record_id": pa.array([f"{split}-{row:032d}"[:32] for row in range(rows)], pa.string()),
        "source": pa.array([f"{split}.jsonl"] * rows, pa.string()).dictionary_encode(),
    }
    return pa.table(columns)


def facts(**changes: Any) -> ExportFacts:
    """Return facts about `tables()`."""
    known = ExportFacts(
        corpus="quiz",
        version="a1b2c3d4",
        parent=None,
        schema="mcq",
        license="cc-by-4.0",
        languages=("en", "fr"),
        counts={"train": 6, "validation": 2, "test": 2},
        removed=4,
        excluded=3,
        proof={"exact": 0, "near": 0, "neighbour": 0, "max_jaccard": 0.41, "unchecked": ["cross-language"]},
        sources=({"name": "quiz.jsonl", "digest": "ab" * 32, "license": "cc-by-4.0"},),
        settings={"ratios": [0.8, 0.1, 0.1], "seed": 7},
        tool="workbench 0.1.0",
        text_columns=("question",),
    )
    return replace(known, **changes)


def an_export(folder: Path, *, rows: int = 6, format: str = "parquet", force: bool = False, **changes: Any) -> Path:
    """Write an export into `folder` and return it."""
    write_export(facts(**changes), held(tables(rows)), folder, format=format, force=force)
    return folder


def read_back(path: Path, schema: Schema, reader: str | None = None) -> list[dict[str, Any]]:
    """Return the records of a file as an ingest would make them, under the mapping that it proposes."""
    rows = [unit.fields for unit in read(plan(path, reader=reader)) if isinstance(unit, Record)]
    fields = fields_of(schema)
    apply = maps.applied(maps.propose(list(dict.fromkeys(name for row in rows for name in row)), rows, fields), fields)
    return [apply(row)[0] for row in rows]


def an_export_of(schema: Schema, records: list[dict[str, Any]], folder: Path, format: str) -> Written:
    """Export records of a schema, all of them in train."""
    lineage = {"record_id": [f"{n:032d}" for n in range(len(records))], "source": ["rows"] * len(records)}
    frame = schema.table(records).with_columns(**{name: pl.Series(values) for name, values in lineage.items()})
    return write_export(facts(), held({"train": frame.to_arrow()}), folder, format=format, schema=schema, force=True)
