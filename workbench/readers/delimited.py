"""CSV and TSV: rows by the csv module in strict form, each with the exact span of its bytes."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from workbench.errors import UsageError
from workbench.readers.body import ESCAPED, Body, load
from workbench.readers.record import Reading, Record, Reject, Repair
from workbench.readers.sight import Claim, Sight
from workbench.text import counted

SUFFIXES: tuple[str, ...] = (".csv", ".tsv", ".tab")

_DELIMITERS = (",", "\t", ";", "|")
_SEPARATOR = re.compile(r'"?sep=([,;|:^~\t])"?[\r\n]*', re.IGNORECASE)
_FIELD_LIMIT = 1 << 24
"""Characters: a longer cell is an open quote that would swallow the file."""
_HEAD = 65_536
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_KEY = re.compile(r"[A-H]|\d")
_UNDECODED = re.compile(ESCAPED)
_PROSE = (".txt", ".md", ".srt", ".log")


@dataclass(frozen=True, slots=True)
class _Row:
    start: int
    end: int
    cells: tuple[str, ...] = ()
    fault: str = ""


@dataclass(slots=True)
class _Feed:
    """The lines of a body for csv.reader, which remembers how far they were taken."""

    body: Body
    newline: bytes
    at: int

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.at >= self.body.end:
            raise StopIteration
        start, self.at = self.at, self.body.line_end(self.at, self.newline, self.body.end)
        return self.body.text(start, self.at)


def recognise(sight: Sight) -> Claim | None:
    """Claim a file by its suffix, or a text whose first rows all have the same number of cells."""
    lines = sight.lines
    if not sight.text.strip() or not lines:
        return None
    told = _SEPARATOR.fullmatch(lines[0])
    lines = lines[1:] if told else lines
    delimiter, share, width = _best_delimiter(lines, sight.whole, told[1] if told else _DELIMITERS)
    rows = [row for row in _parsed(lines, delimiter, sight.whole) if row]
    table = share >= 0.9 and width > 1 and len(rows) > 1
    if sight.suffix in _PROSE:
        table = share == 1.0 and width > 1 and len(rows) > 2 and all(row[-1] for row in rows)
    if sight.suffix not in SUFFIXES and not table:
        return None
    header = has_header(rows)
    guess = () if header else ("the first row looks like data, so the columns are numbered from 0",)
    return Claim(50 if sight.suffix in SUFFIXES else 40, guess, header)


def read(reading: Reading) -> Iterator[Record | Reject]:
    """Yield one unit per data row; blank lines are no units, and a span leaves the row's line end out.

    A row with too few or too many cells, a NUL byte, an open quote or undecodable bytes is a reject. Excel's line
    `sep=;` in front of the header says the delimiter and is no row.
    """
    body, told = _behind_separator(load(reading.path, reading.proposal.encoding))
    delimiter, _, width = _best_delimiter(*_head_lines(body), told or _DELIMITERS)
    rows = _rows(body, delimiter)
    if reading.header:
        columns = _columns(next(rows, None), reading.path.name)
    else:
        columns = tuple(map(str, range(width)))
    for position, row in enumerate(rows):
        yield _unit(body, position, row, (delimiter, columns))


def has_header(rows: list[list[str]]) -> bool:
    """Return whether the first row names columns: no numbers, no repeats, no long text, no answer key."""
    if not rows:
        return True
    first = rows[0]
    filled = [cell for cell in first if cell]
    if any(_NUMBER.fullmatch(cell) or len(cell) > 80 or "\n" in cell for cell in first):
        return False
    if len(set(filled)) < len(filled):
        return False
    keyed = len(first) > 2 and len(rows) > 1 and all(row and _KEY.fullmatch(row[-1]) for row in rows)
    return not (keyed and len(first[0]) > 3)


def _behind_separator(body: Body) -> tuple[Body, str]:
    """Return the body behind a first line such as `sep=;`, and the delimiter that it names, or nothing."""
    end = body.line_end(body.begin, body.newline(), body.end)
    told = _SEPARATOR.fullmatch(body.text(body.begin, min(end, body.begin + 16)))
    return (replace(body, begin=end), told[1]) if told else (body, "")


def _head_lines(body: Body) -> tuple[list[str], bool]:
    stop = min(body.begin + _HEAD, body.end)
    whole = stop == body.end
    lines = [body.text(start, end) for start, end in body.lines(body.begin, stop, body.newline())]
    return (lines if whole else lines[:-1] or lines), whole


def _best_delimiter(lines: list[str], whole: bool, delimiters: Iterable[str]) -> tuple[str, float, int]:
    """Return the one of `delimiters` by which most rows have one width, with that share and that width."""
    best = (next(iter(delimiters)), 0.0, 1)
    for delimiter in delimiters:
        widths = Counter(len(row) for row in _parsed(lines, delimiter, whole) if row)
        if not widths:
            continue
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
        share = count / widths.total()
        if (width > 1, share, width) > (best[2] > 1, best[1], best[2]):
            best = (delimiter, share, width)
    return best


def _parsed(lines: Iterable[str], delimiter: str, whole: bool) -> list[list[str]]:
    """Parse the head leniently; its last row may be cut, and counts only in a whole file."""
    csv.field_size_limit(_FIELD_LIMIT)
    rows: list[list[str]] = []
    try:
        rows.extend(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return rows
    return rows if whole else rows[:-1] or rows


def _rows(body: Body, delimiter: str) -> Iterator[_Row]:
    feed = _Feed(body, body.newline(), body.begin)
    # The limit is the process's own; it is only ever raised here, to this one value.
    csv.field_size_limit(_FIELD_LIMIT)
    parser = csv.reader(feed, delimiter=delimiter, strict=True)
    while feed.at < body.end:
        start = feed.at
        try:
            cells = next(parser, [])
        except csv.Error as error:
            # After a fault only the first line is set aside: an open quote must not swallow good rows.
            feed.at = body.line_end(start, feed.newline, body.end)
            parser = csv.reader(feed, delimiter=delimiter, strict=True)
            yield _Row(start, body.trimmed(start, feed.at), fault=f"not a row: {error}")
            continue
        if cells:
            yield _Row(start, body.trimmed(start, feed.at), tuple(cells))


def _columns(row: _Row | None, name: str) -> tuple[str, ...]:
    """Name the columns: a nameless one by its number, a repeated one with a number behind it."""
    if row is None or row.fault or any("\0" in cell or _UNDECODED.search(cell) for cell in row.cells):
        raise UsageError(f"the header row of {name!r} cannot be read", "repair it, or read without a header")
    names: list[str] = []
    for number, cell in enumerate(row.cells):
        wanted = cell.strip().strip("\ufeff").strip() or str(number)
        again = 1
        while wanted in names:
            again += 1
            wanted = f"{cell.strip() or number}_{again}"
        names.append(wanted)
    return tuple(names)


def _unit(body: Body, position: int, row: _Row, shape: tuple[str, tuple[str, ...]]) -> Record | Reject:
    delimiter, columns = shape
    if row.fault:
        cells = _tolerant(body.text(row.start, row.end), delimiter)
        row = _Row(row.start, row.end, cells) if len(cells) == len(columns) else row
    fault = row.fault or _fault(row, columns)
    if fault:
        return body.reject(position, row.start, row.end, fault)
    fields = dict(zip(columns, row.cells, strict=True))
    return Record(fields, body.origin(position, row.start, row.end), tuple(_repairs(fields)))


def _tolerant(line: str, delimiter: str) -> tuple[str, ...]:
    """Return the cells of a line whose quotes inside a cell were not doubled, or nothing.

    A quote closes a cell only in front of a delimiter or the line's end; all others are text. The reading is
    trusted only if it gives as many cells as there are columns.
    """
    mark = re.escape(delimiter)
    cell = re.compile(rf'(?:"((?:[^"]|""|"(?!{mark}|\Z))*+)"|([^"{mark}]*+))({mark}|\Z)')
    cells: list[str] = []
    at = 0
    while match := cell.match(line, at):
        cells.append(match[2] if match[1] is None else match[1].replace('""', '"'))
        at = match.end()
        if not match[3]:
            return tuple(cells)
    return ()


def _fault(row: _Row, columns: tuple[str, ...]) -> str:
    if any("\0" in cell for cell in row.cells):
        return "a NUL byte in the row"
    if any(_UNDECODED.search(cell) for cell in row.cells):
        return "bytes that the encoding does not have"
    if len(row.cells) != len(columns):
        return f"{counted(len(row.cells), 'cell')} where {counted(len(columns), 'column is', 'columns are')} named"
    return ""


def _repairs(fields: dict[str, str]) -> Iterator[Repair]:
    for column, value in fields.items():
        if value.startswith("\ufeff"):
            yield Repair(column, value.lstrip("\ufeff"), "byte order mark inside the cell")
