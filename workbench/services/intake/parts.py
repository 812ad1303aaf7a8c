"""Read one large file in several processes, a part of its bytes each; what comes out is what one process reads."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from workbench.readers import jsonl
from workbench.readers import mapping as maps
from workbench.readers.record import Reading, Record, Reject
from workbench.readers.registry import read
from workbench.services.intake.rows import Seen, batches, fill, uncollected
from workbench.services.intake.side_by_side import side_by_side
from workbench.services.progress import Report
from workbench.store.intake import HandedOver, Intake
from workbench.store.objects import Objects
from workbench.store.spool import discard
from workbench.workspace import Workspace

if TYPE_CHECKING:
    from workbench.corpus import Source

SIZE = 1 << 23
"""Bytes of a part: some tenths of a second of work."""
WORTH = 1 << 25
"""Bytes from which on a file is read in parts: another process takes about a second until it works."""
_AT_MOST = 8
"""Processes: each holds some 200 MB, and beyond these the disk is what one waits for."""
Span = tuple[int, int]


@dataclass(frozen=True)
class Task:
    """What a process must know to read any part of a file."""

    workspace: Workspace
    reading: Reading
    mapping: maps.Mapping
    fields: dict[str, maps.FieldSpec]
    types: dict[str, pl.DataType]
    key: tuple[str, ...]
    of: tuple[str, str]


@dataclass(frozen=True)
class Part:
    """What a part of a file holds."""

    end: int
    """Offset behind its last byte."""
    brought: HandedOver
    columns: dict[str, None]
    """Those of its rows, in the order in which they appear. No rows: pickle cannot take what JSON nests deeply."""


def spans_of(reading: Reading, source: Source, read: Sequence[Record | Reject]) -> list[Span]:
    """Return the parts in which a file is read beyond the units read already; none where one process reads it.

    A limit, a draw and a condition look at all rows in their order; other readers' units are not told by their bytes.
    """
    narrowed = source.limit is not None or source.sample is not None or source.where
    if reading.proposal.reader != "jsonl" or narrowed or processes() < 2 or not read:
        return []
    if reading.path.stat().st_size < WORTH:
        return []
    return list(jsonl.spans(reading, read[-1].origin.end, SIZE))


def processes() -> int:
    """Return how many processes read at once."""
    return min(len(os.sched_getaffinity(0)), _AT_MOST)


def read_parts(task: Task, spans: list[Span], into: tuple[Intake, Seen], report: Report) -> None:
    """Put the rows of parts behind those of an intake, and their columns behind those seen."""
    intake, seen = into
    size = task.reading.path.stat().st_size
    # A process may end, or be ended, before it can say which files it wrote: so it is told what to call them.
    awaited = [uuid.uuid4().hex for _ in spans]
    works = [partial(_read_part, task, span, draft) for span, draft in zip(spans, awaited, strict=True)]
    try:
        with closing(side_by_side(works, min(processes(), len(spans)))) as parts:
            for part in parts:
                intake.take_over(part.brought)
                del awaited[0]
                seen.columns |= part.columns
                units = intake.height + len(intake.rejects)
                report(f"reading {task.of[1]}: {units:,} rows", part.end, size)
    finally:
        discard(path for draft in awaited for path in task.workspace.scratch.glob(f"{draft}-*"))


def _read_part(task: Task, span: Span, draft: str, report: Report) -> Part:
    seen, apply = Seen(), maps.applied(task.mapping, task.fields)
    with Intake(task.types, task.key, Objects(task.workspace), of=task.of, draft=draft) as intake, uncollected():
        for batch in batches(read(replace(task.reading, span=span))):
            seen.see(batch)
            fill(intake, batch, apply, task.reading)
        return Part(span[1], intake.handed_over(), seen.columns)
