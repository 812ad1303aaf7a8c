"""Narrow and order the rows of a corpus: a text searched for, a condition over fields, a column to sort by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.split import SIDES
from workbench.errors import UsageError
from workbench.services.looking.contents import Contents
from workbench.services.looking.lens import APART, MARK, QUARANTINE, SPLIT, Lens, Sorting
from workbench.services.looking.selection import Listed, Selection, among
from workbench.sql import expression
from workbench.store.pages import SEARCHED
from workbench.store.view import Rows

_NO_ROWS = np.empty(0, np.int64)
_FIRST = 4_096
"""Rows that a search looks at before it says anything; later steps are longer."""
_TOLD = 20
"""How often a search through everything says how far it is: each time, all hits so far are written anew."""


@dataclass(frozen=True)
class Found:
    """The rows of a lens, or as many as were found so far."""

    selection: Selection
    looked: int = 0
    """Rows that were looked at."""
    of: int = 0
    """Rows to look at; all were when both are the same."""

    @property
    def is_whole(self) -> bool:
        """Say whether nothing is left to look at."""
        return self.looked == self.of


def look(contents: Contents, lens: Lens, marked: Rows) -> Iterator[Found]:
    """Yield the rows of a lens, more and more while a text is searched; a sort waits for all of them."""
    chosen = contents.selection(lens.view, marked)
    if lens.where and lens.view not in APART:
        chosen = filtered(contents, chosen, lens.where)
    sorting = None if lens.view in APART else lens.sorting
    if not lens.text:
        yield Found(in_order(contents, chosen, sorting) if sorting else chosen)
        return
    hits, total, told = [_NO_ROWS], len(chosen), 0
    for more, looked in search(contents, lens.view, chosen, lens.text):
        first = len(more) > 0 and not any(map(len, hits))
        hits.append(more)
        if first or looked - told > total // _TOLD:
            told = looked
            yield Found(Listed(np.concatenate(hits)), looked, total)
    found = Listed(np.concatenate(hits))
    yield Found(in_order(contents, found, sorting) if sorting else found, total, total)


def parts(selection: Selection) -> Iterator[Rows]:
    """Yield the rows of a selection in stretches, the first one short so that something is known at once."""
    start, size = 0, _FIRST
    while start < len(selection):
        yield selection.part(start, start + size)
        start, size = start + size, SEARCHED


def search(contents: Contents, view: str, selection: Selection, text: str) -> Iterator[tuple[Rows, int]]:
    """Yield, stretch by stretch, the rows that hold a text whatever its case, and how many were looked at so far."""
    looked, found = 0, _hits(contents, view, selection, text)
    for part, hits in zip(parts(selection), found, strict=True):
        looked += len(part)
        yield hits, looked


def _hits(contents: Contents, view: str, selection: Selection, text: str) -> Iterator[Rows]:
    if view not in APART:
        yield from contents.opened.pages.search(text, parts(selection))
        return
    lines = _texts(contents, view)
    for part in parts(selection):
        yield part[[text.lower() in lines[int(row)].lower() for row in part]] if len(part) else part


def _texts(contents: Contents, view: str) -> list[str]:
    state = contents.opened.state
    if view == QUARANTINE:
        told = state.rejects.select("reason", "source", "raw").iter_rows()
        return ["\n".join((reason, source, raw.decode("utf-8", "replace"))) for reason, source, raw in told]
    conflicts = state.replayed.conflicts
    return [json.dumps([c.edit.record, c.edit.field, c.edit.value, c.found], ensure_ascii=False) for c in conflicts]


def fields(contents: Contents) -> list[str]:
    """Return the names that a condition may use."""
    return [*contents.opened.schema.columns, "source", "id", "position", SPLIT]


def condition(contents: Contents, text: str) -> pl.Expr:
    """Return a polars SQL expression over the fields of one record; a UsageError says what is wrong with it."""
    hint = f"fields: {', '.join(fields(contents))}"
    try:
        wanted = expression(text)
        kind = _with_split(contents, _NO_ROWS).select(wanted.alias("wanted")).schema["wanted"]
    except UsageError as error:
        raise UsageError(error.what, hint) from error
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise UsageError(_first_line(error), hint) from error
    if kind != pl.Boolean:
        raise UsageError(f"this gives {kind}, not true or false", "compare it, for example: lang = 'en'")
    return wanted


def _first_line(error: Exception) -> str:
    """Return what is wrong without the list of columns: it names some that no condition may use."""
    return str(error).strip().splitlines()[0].partition("; valid columns")[0]


def _with_split(contents: Contents, rows: Rows) -> pl.DataFrame:
    codes = np.full(len(rows), -1, np.int8) if contents.sides is None else contents.sides[rows]
    named = pl.Series(SPLIT, codes, dtype=pl.Int8).replace_strict(
        dict(enumerate(SIDES)), default=None, return_dtype=pl.String
    )
    return contents.opened.pages.page(rows).with_columns(named)


def matching(contents: Contents, selection: Selection, wanted: pl.Expr) -> Iterator[Rows]:
    """Yield, stretch by stretch, the rows for which a condition holds."""
    for rows in parts(selection):
        try:
            hits = _with_split(contents, rows).select(wanted.fill_null(value=False).alias("hit"))["hit"]
        except pl.exceptions.PolarsError as error:
            raise UsageError(_first_line(error), "for a text that may be no number: TRY_CAST(field AS INT)") from error
        # A condition without a field, such as 1 = 1, gives one value for all.
        yield rows[np.broadcast_to(hits.to_numpy(), len(rows))]


def filtered(contents: Contents, selection: Selection, text: str) -> Selection:
    """Return the rows of a selection for which a condition holds, in their order."""
    return Listed(np.concatenate([_NO_ROWS, *matching(contents, selection, condition(contents, text))]))


def in_order(contents: Contents, selection: Selection, sorting: Sorting) -> Selection:
    """Return a selection sorted by a column, equal values in their order; 8 bytes a row stay behind."""
    rows = selection.part(0, len(selection))
    places = _values(contents, sorting.column, rows).arg_sort(descending=sorting.down, nulls_last=True)
    return Listed(rows[places.to_numpy()])


def _values(contents: Contents, column: str, rows: Rows) -> pl.Series:
    """Return what rows are sorted by: a column's present values; of a list its length, of the sign how bad it is."""
    opened = contents.opened
    if column == SPLIT:
        return pl.Series(np.full(len(rows), -1, np.int8) if contents.sides is None else contents.sides[rows])
    if column == MARK:
        return pl.Series(_badness(contents, rows))
    values = _sortable(opened.delivered[column].gather(rows))
    places = np.flatnonzero(among(rows, opened.edited))
    if not len(places) or column not in opened.schema.columns:
        return values
    return values.scatter(places, _sortable(opened.pages.page(rows[places])[column]))


def _sortable(values: pl.Series) -> pl.Series:
    return values.list.len() if isinstance(values.dtype, pl.List) else values


def _badness(contents: Contents, rows: Rows) -> NDArray[np.int8]:
    if contents.issues is None:
        return np.zeros(len(rows), np.int8)
    errors, warnings = among(rows, contents.issues.errors), among(rows, contents.issues.warnings)
    return np.where(errors, np.int8(2), warnings.astype(np.int8))
