"""Everything the command line prints: results on stdout, talk on stderr, all of it through one gate."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from workbench.errors import WorkbenchError
from workbench.text import show


def say(line: str) -> None:
    """Print one line of talk on stderr; a newline in it is shown, so that no name can forge a second line."""
    sys.stderr.write(show(line) + "\n")
    sys.stderr.flush()


def result(value: Any, lines: Iterable[str], *, as_json: bool) -> None:  # noqa: ANN401 - a JSON value
    """Print a command's result: one JSON object, or lines for a person."""
    if as_json:
        sys.stdout.write(_json(value))
    else:
        for line in lines:
            sys.stdout.write(show(line) + "\n")
    sys.stdout.flush()


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
        sys.stdout.write(_json({"error": facts}))
    say(f"error: {error.what}")
    if error.hint:
        say(f"  do: {error.hint}")


def table(rows: Iterable[Sequence[object]], header: Sequence[str] = ()) -> list[str]:
    """Return rows as aligned lines; numbers stand right."""
    cells = [[show(cell, limit=80) for cell in row] for row in [header, *rows] if row]
    if not cells:
        return []
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return ["  ".join(_aligned(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _aligned(cell: str, width: int) -> str:
    number = cell.replace(",", "").replace(".", "", 1).lstrip("-").isdigit()
    return cell.rjust(width) if number else cell.ljust(width)


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)
