"""JSON Lines: one object a line; a torn line is a reject and costs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.readers.body import load
from workbench.readers.json_values import Element, has_comments, object_from, unit
from workbench.readers.record import Reading, Record, Reject
from workbench.readers.sight import Claim, Sight

SUFFIXES: tuple[str, ...] = (".jsonl", ".ndjson")


def recognise(sight: Sight) -> Claim | None:
    """Claim a text whose first lines are mostly objects: a torn one does not hide the shape."""
    lines = [line.strip() for line in sight.lines[:50] if line.strip()]
    whole = sum(_is_object(line) for line in lines)
    opening = [line for line in lines if line.startswith("{")]
    if not whole or has_comments("\n".join(opening)) or len(opening) * 2 < len(lines):
        return None
    if len(lines) == 1 and sight.whole and sight.suffix not in SUFFIXES:
        return None
    return Claim(80) if whole * 2 >= len(lines) else None


def _is_object(line: str) -> bool:
    try:
        object_from(line)
    except ValueError:
        return False
    return True


def read(reading: Reading) -> Iterator[Record | Reject]:
    """Yield one unit per line that is not blank; the span leaves the line end out."""
    body = load(reading.path, reading.proposal.encoding)
    position = 0
    for start, stop in body.lines(body.begin, body.end):
        end = body.trimmed(start, stop)
        if body.buffer[start:end].strip():
            yield unit(body, position, Element(start, end))
            position += 1
