"""The lines of a corpus as a table draws them: only those on the screen, each cell cut before it leaves the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.split import SIDES
from workbench.services.looking.column import Column
from workbench.services.looking.contents import Contents
from workbench.services.looking.lens import CONFLICTS, MARK, QUARANTINE, SPLIT
from workbench.services.looking.selection import Selection, among
from workbench.store.edits import WHOLE
from workbench.store.view import Rows

_MEASURED = 200
"""Rows that column widths are taken from."""
_WIDEST = 44
_CELL = 240
"""Characters of a cell that leave the file."""
_NO_ROWS = np.empty(0, np.int64)
Marks = NDArray[np.bool_]
"""By row: whether a person marked it."""


@dataclass(frozen=True)
class RecordSource:
    """Records for a table."""

    contents: Contents
    selection: Selection
    columns: Sequence[Column]
    marks: Marks

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return len(self.selection)

    def window(self, start: int, stop: int) -> list[tuple[object, ...]]:
        """Return the cells of some rows."""
        rows = self.selection.part(start, stop)
        worked_out: dict[str, Callable[[], Sequence[object]]] = {MARK: lambda: self._signs(rows)}
        worked_out |= {SPLIT: lambda: _sides_of(self.contents, rows)}
        stored = [column.label for column in self.columns if column.label not in worked_out]
        frame = cells(self.contents.opened.pages.page(rows), stored)
        columns = (
            worked_out[one.label]() if one.label in worked_out else frame[one.label].to_list() for one in self.columns
        )
        return list(zip(*columns, strict=True))

    def _signs(self, rows: Rows) -> list[str]:
        return signs(self.contents, rows, self.marks[rows])


def cells(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return columns as short cells: texts cut, lists and turns with their entries side by side."""
    cut = [pl.col(name).str.slice(0, _CELL) for name in names if frame.schema[name] == pl.String]
    others = {name: kind for name, kind in frame.schema.items() if name in names and kind.is_nested()}
    short = frame.select(names).with_columns(cut)
    lines = [pl.Series(name, [_line(value) for value in short[name].to_list()], dtype=pl.String) for name in others]
    return short.with_columns(lines)


def _line(value: Any) -> str:  # noqa: ANN401 - any cell
    if isinstance(value, list):
        return " | ".join(_line(entry) for entry in value[:12])[:_CELL]
    if isinstance(value, dict):
        return ": ".join(str(part)[:_CELL] for part in value.values())
    return "" if value is None else str(value)[:_CELL]


def signs(contents: Contents, rows: Rows, marked: Marks) -> list[str]:
    """Return what stands before each row: `+` marked, `*` edited, `!` error or `~` warning, `=` leaves."""
    issues, opened = contents.issues, contents.opened
    errors = among(rows, issues.errors if issues else _NO_ROWS)
    leaves = among(rows, contents.removed.rows if contents.removed else _NO_ROWS) | among(rows, opened.dropped)
    hits = {
        "+": marked,
        "*": among(rows, opened.edited),
        "!": errors,
        "~": among(rows, issues.warnings if issues else _NO_ROWS) & ~errors,
        "=": leaves,
    }
    return [
        "".join(sign for sign, hit in zip(hits, row, strict=True) if hit) for row in zip(*hits.values(), strict=True)
    ]


def _sides_of(contents: Contents, rows: Rows) -> list[str]:
    if contents.sides is None:
        return [""] * len(rows)
    return ["" if code < 0 else SIDES[code] for code in contents.sides[rows]]


@dataclass(frozen=True)
class RejectSource:
    """Rows in quarantine for a table."""

    contents: Contents
    selection: Selection
    columns: Sequence[Column] = (Column("", 1), Column("reason", 32), Column("source", 16), Column("raw", 60))

    @property
    def n_rows(self) -> int:
        """Return how many rows are shown."""
        return len(self.selection)

    def window(self, start: int, stop: int) -> list[tuple[object, ...]]:
        """Return the cells of some of them."""
        rows = self.contents.opened.state.rejects[self.selection.part(start, stop)].select("reason", "source", "raw")
        return [("!", why, source, raw[:_CELL].decode("utf-8", "replace")) for why, source, raw in rows.iter_rows()]


@dataclass(frozen=True)
class ConflictSource:
    """Edits that no longer fit their record, for a table."""

    contents: Contents
    selection: Selection
    columns: Sequence[Column] = (
        Column("", 1),
        Column("record", 12),
        Column("field", 16),
        Column("is now", 40),
        Column("the edit wants", 40),
    )

    @property
    def n_rows(self) -> int:
        """Return how many conflicts are shown."""
        return len(self.selection)

    def window(self, start: int, stop: int) -> list[tuple[object, ...]]:
        """Return the cells of some conflicts."""
        state = self.contents.opened.state
        some = [state.replayed.conflicts[row] for row in self.selection.part(start, stop)]
        return [
            ("?", state.today(one.edit.record), *_wanted(one.edit.field, one.edit.value, one.found)) for one in some
        ]


def _wanted(field: str, value: object, found: object) -> tuple[str, str, str]:
    if field == WHOLE:
        return "whole record", _line(found) or "gone", "dropped" if value else "brought back"
    return field, _line(found), _line(value)


Shown = RecordSource | RejectSource | ConflictSource


def source_of(contents: Contents, view: str, selection: Selection, columns: Sequence[Column], marks: Marks) -> Shown:
    """Return what a table shows of a view."""
    if view == QUARANTINE:
        return RejectSource(contents, selection)
    if view == CONFLICTS:
        return ConflictSource(contents, selection)
    return RecordSource(contents, selection, columns, marks)


def columns_of(contents: Contents) -> list[Column]:
    """Return the mark, the schema's columns that hold anything, then split, source and id; widths from a first look."""
    opened = contents.opened
    height, names = opened.delivered.height, opened.schema.columns
    filled = [name for name in names if opened.delivered[name].null_count() < height] or list(names)
    sample = cells(opened.pages.page(np.arange(min(_MEASURED, height))), [*filled, "source"])
    widths = {name: _width(name, sample[name].to_list()) for name in sample.columns}
    source = widths.pop("source")
    split = [Column(SPLIT, 10)] if opened.version else []
    named = [Column(name, width) for name, width in widths.items()]
    return [Column(MARK, 4), *named, *split, Column("source", source), Column("id", 12)]


def _width(name: str, values: list[Any]) -> int:
    longest = max((len(str(value)) for value in values if value is not None), default=0)
    return max(min(longest, _WIDEST), min(len(name), 14))
