"""JSON Lines: one object a line; a torn line is a reject and costs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workbench.readers.body import load
from workbench.readers.json_values import checked_object, has_comments, object_from, plain_object
from workbench.readers.record import Origin, Reading, Record, Reject, Span
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
    is_utf8, position = body.wide is None and body.codec == "utf-8", 0
    for start, stop in body.lines(*(reading.span or (body.begin, body.end, body.newline()))):
        line = body.buffer[start:stop].rstrip(b"\r\n")
        if not line.strip():
            continue
        end = start + len(line)
        try:
            fields = _fields(line) if is_utf8 else object_from(body.text(start, end))
        except ValueError as error:
            yield body.reject(position, start, end, f"not a record: {error}")
        else:
            yield Record(fields, Origin(position, start, end) if is_utf8 else body.origin(position, start, end))
        position += 1


def _fields(line: bytes) -> dict[str, Any]:
    plain = plain_object(line)
    return checked_object(line.decode("utf-8", "surrogateescape")) if plain is None else plain


def spans(reading: Reading, begin: int, size: int) -> Iterator[Span]:
    """Yield the bytes of a file from `begin` on in parts of about `size`, cut behind line ends.

    Read one after the other they hold just the lines of the whole. An encoding that cannot be cut gives no parts.
    """
    body = load(reading.path, reading.proposal.encoding)
    newline, end = body.newline(), body.end if body.wide is None else begin
    while begin < end:
        stop = body.line_end(min(begin + size, end) - 1, newline, end)
        yield Span(begin, stop, newline)
        begin = stop
