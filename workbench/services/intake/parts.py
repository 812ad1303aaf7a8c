"""Read one large file in several processes, a part of its bytes each; what comes out is what one process reads."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from workbench.processors import processors
from workbench.readers import mapping as maps
from workbench.readers.record import Reading, Record, Reject, Span
from workbench.readers.registry import can_be_cut, read, spans
from workbench.services.intake.rows import Seen, batches, fill, uncollected
from workbench.services.progress import Report
from workbench.services.side_by_side import side_by_side
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
    columns: dict[str, int]
    """As `Seen` has them. No rows: pickle cannot take what JSON nests deeply."""


def spans_of(reading: Reading, source: Source, read: Sequence[Record | Reject]) -> list[Span]:
    """Return the parts in which a file is read here, as `cut` gives them; none where one process reads it."""
    if processes() < 2 or whole(reading, source) or reading.path.stat().st_size < WORTH:
        return []
    return cut(reading, source, read)


def cut(reading: Reading, source: Source, read: Sequence[Record | Reject]) -> list[Span]:
    """Return the parts of a file beyond the units that were read already; none where it is read as a whole."""
    return [] if whole(reading, source) or not read else list(spans(reading, read[-1].origin.end, SIZE))


def whole(reading: Reading, source: Source) -> str | None:
    """Return why a file is read as a whole, None where it can be cut, should its encoding allow it."""
    if source.limit is not None or source.sample is not None or source.where:
        return "a limit, a draw and a condition look at all rows in their order"
    if not can_be_cut(reading):
        return f"only by reading it does one learn where a row of it begins ({reading.proposal.reader})"
    return None


def processes() -> int:
    """Return how many processes read at once."""
    return min(processors(), _AT_MOST)


def read_parts(task: Task, spans: list[Span], into: tuple[Intake, Seen], report: Report) -> None:
    """Put the rows of parts behind those of an intake, and their columns behind those seen."""
    intake, seen = into
    # A process may end, or be ended, before it can say which files it wrote: so it is told what to call them.
    awaited = [uuid.uuid4().hex for _ in spans]
    works = [partial(read_part, task, span, draft) for span, draft in zip(spans, awaited, strict=True)]
    try:
        with closing(side_by_side(works, min(processes(), len(spans)))) as parts:
            for part in parts:
                intake.take_over(part.brought)
                del awaited[0]
                seen.count(part.columns)
                units = intake.height + len(intake.rejects)
                report(f"reading {task.of[1]}: {units:,} rows", part.end, spans[-1].end)
    finally:
        discard(path for draft in awaited for path in task.workspace.scratch.glob(f"{draft}-*"))


def read_part(task: Task, span: Span, draft: str, report: Report) -> Part:
    """Read one part; its rows wait in files that `draft` names, in the scratch folder or in a folder of it."""
    seen, apply = Seen(), maps.applied(task.mapping, task.fields)
    with Intake(task.types, task.key, Objects(task.workspace), of=task.of, draft=draft) as intake, uncollected():
        for batch in batches(read(replace(task.reading, span=span))):
            seen.see(batch)
            seen.leave_out(fill(intake, batch, apply, task.reading))
        return Part(span.end, intake.handed_over(), seen.columns)
