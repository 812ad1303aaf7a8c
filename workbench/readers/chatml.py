"""Conversations in a plain text with the marks of ChatML: each ends at a blank line or before a system turn."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workbench.readers.body import Body, load
from workbench.readers.field_spec import MappingError
from workbench.readers.record import Reading, Record, Reject
from workbench.readers.sight import Claim, Sight
from workbench.readers.turn_shapes import END, from_chatml

SUFFIXES: tuple[str, ...] = (".chatml",)

_OPENED, _END = re.compile(rb"<\|im_start\|>([^\n<]+)\n"), END.encode()
_GUESS = "a conversation is taken to end at a blank line between turns, and before a system turn"


def recognise(sight: Sight) -> Claim | None:
    """Claim a text that begins with a mark of ChatML."""
    return Claim(70, (_GUESS,)) if sight.text.lstrip().startswith("<|im_start|>") else None


def read(reading: Reading) -> Iterator[Record | Reject]:
    """Yield one record a conversation, with the span of its turns; what stands between turns is a reject."""
    body = load(reading.path, reading.proposal.encoding)
    for position, (start, end) in enumerate(_spans(body)):
        try:
            turns = from_chatml(body.text(start, end))
        except MappingError as error:
            yield body.reject(position, start, end, f"not a conversation: {error}")
        else:
            yield Record({"messages": turns}, body.origin(position, start, end))


def _spans(body: Body) -> Iterator[tuple[int, int]]:
    """Yield the span of each conversation, and of each text that stands between them."""
    begin = end = body.begin
    for start, stop, role in _turns(body):
        between = body.buffer[end:start]
        if between.strip():
            if end > begin:
                yield begin, end
            yield _stripped(body, end, start)
            begin = start
        elif end > begin and (between.count(b"\n") > 1 or role == b"system"):
            yield begin, end
            begin = start
        elif end == begin:
            begin = start
        end = stop
    if end > begin:
        yield begin, end
    if body.buffer[end:].strip():
        yield _stripped(body, end, body.end)


def _turns(body: Body) -> Iterator[tuple[int, int, bytes]]:
    """Yield the span and the role of each turn that ends; behind the first that does not, none can."""
    at = body.begin
    while opened := _OPENED.search(body.buffer, at):
        end = body.buffer.find(_END, opened.end())
        if end < 0:
            return
        at = end + len(_END)
        yield opened.start(), at, opened[1].strip()


def _stripped(body: Body, start: int, end: int) -> tuple[int, int]:
    piece = body.buffer[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
