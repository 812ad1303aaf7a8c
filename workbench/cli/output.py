"""Everything the command line prints: results on stdout, talk and progress on stderr, all through one gate."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from threading import RLock
from typing import Any, TextIO

from workbench.errors import WorkbenchError
from workbench.services.progress import Stage, counted, span, stage_of
from workbench.text import show

_REDRAWN, _REPEATED = 0.1, 10.0
"""Seconds between two looks of the same count: redrawn in place on a terminal, a line of its own elsewhere."""
_PAGE = 120
"""Columns of a table that goes to a file or another program."""
_WIDEST, _NARROWEST = 80, 12
"""Characters of a cell: at most, and what is always left of it, which is enough to name a record."""
_ERASE = "\x1b[K"
"""Clears from the cursor to the end of the line (ECMA-48, EL)."""


@dataclasses.dataclass
class _Count:
    """The count that was told last."""

    stage: Stage = dataclasses.field(default_factory=Stage)
    at: float = -math.inf
    """When it was drawn."""
    is_open: bool = False
    """Whether the cursor stands behind it, on the same line."""


_count = _Count()
_one_at_a_time = RLock()
"""Held by whoever prints talk: uploads and engines are counted from threads of their own."""


def say(line: str) -> None:
    """Print one line of talk on stderr; a newline in it is shown, so that no name can forge a second line."""
    with _one_at_a_time:
        _close()
        _talk(show(line) + "\n")


def _talk(text: str) -> None:
    _write(sys.stderr, text)


def _write(stream: TextIO, text: str) -> None:
    """Write on a stream; once nobody reads there any more, the work goes on without a word, and ends as it would."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def progress(line: str, done: int = 0, total: int = 0) -> None:
    """Tell how far work is: one line that is drawn again and again on a terminal, now and then a line elsewhere."""
    with _one_at_a_time:
        _progress(line, done, total)


def _progress(line: str, done: int, total: int) -> None:
    now, before = time.monotonic(), _count.stage
    _count.stage = before.then(line, done, total, now)
    if stage_of(before.line) != stage_of(line):
        _close()
        _count.at = -math.inf
    if not (done or total):
        say(line)
    elif done == total or now - _count.at >= (_REDRAWN if sys.stderr.isatty() else _REPEATED):
        _draw(line, _how_far(_count.stage, now))
        _count.at = now


def _how_far(stage: Stage, now: float) -> str:
    """Return a count in words, with the time that its stage still takes where that can be known."""
    left = stage.seconds_to_go(now)
    parts = [counted(stage.line, stage.done, stage.total), *([f"{span(left)} to go"] if left else [])]
    return "".join(f"  {part}" for part in parts if part)


def _draw(line: str, far: str) -> None:
    if not sys.stderr.isatty():
        say(f"{line}{far}")
        return
    _talk(f"\r{_in_one_row(line, far, _screen_width() - 1)}{_ERASE}")
    _count.is_open = True


def _in_one_row(line: str, far: str, width: int) -> str:
    """Return a line with its count, the line cut where both are wider: of two rows the first would stay for ever."""
    # Imported here: of what prints, only a terminal needs it. A letter of some scripts takes two columns.
    from rich.cells import cell_len, set_cell_size

    room, shown = max(width - cell_len(far), 0), show(line, limit=width)
    if cell_len(shown) > room:
        shown = set_cell_size(shown, room - 1) + "…"
    told = shown + far
    return told if cell_len(told) <= width else set_cell_size(told, width)


def _screen_width() -> int:
    """Return the columns of the terminal that talk goes to, wherever results go."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or page_width()
    except OSError:
        return page_width()


def _close() -> None:
    """End the line that a count was drawn on."""
    if _count.is_open:
        _talk("\n")
        _count.is_open = False


def result(value: Any, lines: Iterable[str], *, as_json: bool) -> None:  # noqa: ANN401 - a JSON value
    """Print a command's result: one JSON object, or lines for a person."""
    _close()
    _write(sys.stdout, _json(value) if as_json else "".join(f"{show(line)}\n" for line in lines))


def _json(value: Any) -> str:  # noqa: ANN401 - a JSON value
    # ASCII alone: what steers a terminal (C1 controls, bidi marks) leaves as an escape of JSON.
    return json.dumps(value, default=_plain, allow_nan=False).replace("\x7f", "\\u007f") + "\n"


def indented(text: str, indent: str = "    ") -> list[str]:
    """Return a text of several lines as lines that cannot be taken for our own."""
    return [indent + line for line in text.splitlines() or [""]]


def failure(error: WorkbenchError, *, as_json: bool) -> None:
    """Print what happened and what to do next."""
    if as_json:
        facts = {"what": error.what, "hint": error.hint, "exit_code": int(error.exit_code)}
        _write(sys.stdout, _json({"error": facts}))
    say(f"error: {error.what}")
    if error.hint:
        say(f"  do: {error.hint}")


def short(value: object, width: int) -> str:
    """Return safe text of at most that many characters; stand-ins count as what they show."""
    shown = show(value, limit=width)
    return shown if len(shown) <= width else shown[: width - 1] + "…"


def page_width() -> int:
    """Return the columns of the terminal, or of a page where there is none."""
    return shutil.get_terminal_size((_PAGE, 24)).columns


def left_beside(*columns: Iterable[str]) -> int:
    """Return the characters that are left for the last column of a table beside the cells of the others."""
    taken = sum(max(map(len, cells), default=0) + 2 for cells in columns)
    return max(min(page_width() - taken, _WIDEST), 2 * _NARROWEST)


def fitted(rows: Iterable[Sequence[object]], header: Sequence[str]) -> list[str]:
    """Return a table whose longest cells are cut until a line fits the terminal, or a page where there is none."""
    room = page_width()
    cells = [[short(cell, _WIDEST) for cell in row] for row in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    fits = (most for most in range(_WIDEST, _NARROWEST, -1) if _line_width(widths, most) <= room)
    most = next(fits, _NARROWEST)
    named, *held = [[short(cell, most) for cell in row] for row in cells]
    return table(held, named)


def _line_width(widths: Sequence[int], most: int) -> int:
    return sum(min(width, most) + 2 for width in widths) - 2


def table(rows: Iterable[Sequence[object]], header: Sequence[str] = ()) -> list[str]:
    """Return rows as aligned lines, none where there are no rows; numbers stand right."""
    held = list(rows)
    if not held:
        return []
    cells = [[show(cell, limit=_WIDEST) for cell in row] for row in [header, *held] if row]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return ["  ".join(_aligned(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _aligned(cell: str, width: int) -> str:
    number = cell.replace(",", "").replace(".", "", 1).lstrip("+-").isdigit()
    return cell.rjust(width) if number else cell.ljust(width)


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)
