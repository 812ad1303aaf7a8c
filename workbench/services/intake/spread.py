"""Take a large file in on an engine's workers: they read its parts and write its segments, this process joins them.

What comes out is what one process makes of the file: the workers call what it calls, part by part.
"""

from __future__ import annotations

import uuid
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import polars as pl

from workbench.errors import OutsideError
from workbench.readers.record import Span
from workbench.scale.engine import Engine
from workbench.scale.pieces import in_order
from workbench.scale.torn import readable
from workbench.services.apart import Resident, Work
from workbench.services.intake.parts import Part, Task, read_part
from workbench.services.intake.rows import Seen
from workbench.services.progress import Report, silent
from workbench.store.deliveries import Keep, segment
from workbench.store.intake import SEGMENT_ROWS, HandedOver, Intake
from workbench.store.objects import Objects
from workbench.store.purged import renamed
from workbench.store.rejects import SetAside
from workbench.store.store import Store
from workbench.workspace import Workspace, out_of_space, private

_ATTEMPTS = 3
"""How often a part is read by another process where one was killed."""
_READ = {
    **{"end": pl.Int64, "height": pl.Int64, "files": pl.List(pl.String)},
    **{"rejects": pl.Int64, "reject_files": pl.List(pl.String)},
    **{"columns": pl.List(pl.String), "rows": pl.List(pl.Int64)},
}
_KEPT = {"segment": pl.String}
_idle: SimpleQueue[Resident] = SimpleQueue()
"""The processes of this worker that read nothing at the moment."""


@dataclass(frozen=True)
class Spread:
    """An engine for one delivery, and a folder of its workers' files; both last as long as the rows are wanted."""

    engine: Engine
    folder: Path
    report: Report

    @classmethod
    def on(cls, engine: Engine, report: Report, held: ExitStack) -> Spread:
        """Return it for as long as the stack holds; then its files are gone and its processes have ended."""
        held.callback(_dismiss)
        return cls(engine, held.enter_context(engine.folder()), report)

    def read(self, task: Task, spans: list[Span], into: tuple[Intake, Seen]) -> None:
        """Put the rows of parts behind those of an intake, and their columns behind those seen."""
        intake, seen = into
        size = task.reading.path.stat().st_size
        piece = partial(_read, task=task, spans=spans, folder=self.folder)
        line = f"reading {task.of[1]}"
        for row in in_order(self.engine, f"{line} in {len(spans):,} parts", piece, len(spans), _READ):
            rejects = SetAside(tuple(map(Path, row["reject_files"])), row["rejects"])
            intake.take_over(HandedOver(tuple(map(Path, row["files"])), row["height"], rejects))
            seen.count(dict(zip(row["columns"], row["rows"], strict=True)))
            self.report(f"{line}: {intake.height + len(intake.rejects):,} rows", row["end"], size)

    def keep(self, store: Store) -> Keep:
        """Return what has the segments of a delivery written by the workers."""
        return partial(_keep, spread=self, workspace=store.workspace, renamed=renamed(store.catalogue))


def _read(number: int, task: Task, spans: list[Span], folder: Path) -> dict[str, Any]:
    """Read one part in a process of its own; each attempt at it has files of its own."""
    draft = str((folder / uuid.uuid4().hex).relative_to(task.workspace.scratch))
    try:
        part: Part = _apart(partial(read_part, task, spans[number], draft))
    except OSError as error:
        what = f"part {number} of {task.of[1]!r} cannot be read: {error}"
        raise OutsideError(what, "do all workers see the workspace under the same path?") from error
    files, height, rejects = part.brought
    columns, rows = list(part.columns), list(part.columns.values())
    brought = {"end": part.end, "height": height, "files": list(map(str, files)), "rejects": rejects.height}
    return brought | {"reject_files": list(map(str, rejects.files)), "columns": columns, "rows": rows}


def _apart(work: Work[Part]) -> Part:
    """Do work in an idle process, or a new one; where it is killed, in others."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            process = _idle.get_nowait()
        except Empty:
            process = Resident()
        try:
            return process(work, silent)
        except OutsideError:
            if attempt == _ATTEMPTS:
                raise
        finally:
            _idle.put(process)
    raise AssertionError("the last attempt returns or raises")


def _dismiss() -> None:
    with suppress(Empty):
        while True:
            _idle.get_nowait().close()


def _keep(
    intake: Intake,
    rows: pl.DataFrame,
    objects: Objects,
    *,
    spread: Spread,
    workspace: Workspace,
    renamed: dict[str, str],
) -> list[str]:
    found = spread.folder / f"{uuid.uuid4().hex}-rows.arrow"
    with out_of_space(found):
        rows.write_ipc(private(found), compression="uncompressed", record_batch_size=SEGMENT_ROWS)
    brought = _Brought(_placed(intake), tuple(intake.types), found, intake.of[1])
    count = -(-intake.height // SEGMENT_ROWS)
    piece = partial(_kept, brought=brought, workspace=workspace, renamed=renamed)
    line = f"keeping the rows of {intake.of[1]}"
    names = []
    for number, row in enumerate(in_order(spread.engine, f"{line} in {count:,} segments", piece, count, _KEPT), 1):
        names += [row["segment"]] if row["segment"] else []
        spread.report(line, number, count)
    objects.remove_purged(names)
    return names


@dataclass(frozen=True)
class _Brought:
    """Where the rows of a delivery lie until they are kept."""

    files: tuple[tuple[Path, int, int], ...]
    """Each file with the numbers of its first row and of the one behind its last."""
    fields: tuple[str, ...]
    rows: Path
    source: str

    def frame(self, first: int, end: int) -> pl.DataFrame:
        parts = []
        for path, begin, stop in self.files:
            if begin < end and first < stop:
                with readable(path):
                    brought = pl.read_ipc(path, columns=["extra", *self.fields])
                parts.append(brought[max(first - begin, 0) : end - begin])
        return pl.concat(parts).rechunk()


def _placed(intake: Intake) -> tuple[tuple[Path, int, int], ...]:
    out, begin = [], 0
    for path in intake.files():
        with readable(path):
            stop = begin + int(pl.scan_ipc(path).select(pl.len()).collect().item())
        out.append((path, begin, stop))
        begin = stop
    return tuple(out)


def _kept(number: int, brought: _Brought, workspace: Workspace, renamed: dict[str, str]) -> dict[str, Any]:
    """Keep one segment; the store has acknowledged it when its name is told."""
    first, end = number * SEGMENT_ROWS, (number + 1) * SEGMENT_ROWS
    with readable(brought.rows):
        rows = pl.scan_ipc(brought.rows).slice(first, SEGMENT_ROWS).collect()
        has_new = rows["_fresh"].any()
    stored = segment(brought.frame(first, end), rows, brought.source) if has_new else None
    name = Objects(workspace, partial(dict, renamed)).put_table(stored) if stored is not None else None
    return {"segment": name}
