"""Conversations in a plain text with the marks of ChatML: each ends at a blank line or before a system turn."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workbench.readers.body import Body, load
from workbench.readers.field_spec import MappingError
from workbench.readers.record import Reading, Record, Reject
from workbench.readers.sight import Claim, Sight
from workbench.readers.turn_shapes import from_chatml

SUFFIXES: tuple[str, ...] = (".chatml",)

_TURN = re.compile(rb"<\|im_start\|>([^\n<]+)\n.*?<\|im_end\|>", re.DOTALL)
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
    for turn in _TURN.finditer(body.buffer, body.begin):
        between = body.buffer[end : turn.start()]
        if between.strip():
            if end > begin:
                yield begin, end
            yield _stripped(body, end, turn.start())
            begin = turn.start()
        elif end > begin and (between.count(b"\n") > 1 or turn[1].strip() == b"system"):
            yield begin, end
            begin = turn.start()
        elif end == begin:
            begin = turn.start()
        end = turn.end()
    if end > begin:
        yield begin, end
    if body.buffer[end:].strip():
        yield _stripped(body, end, body.end)


def _stripped(body: Body, start: int, end: int) -> tuple[int, int]:
    piece = body.buffer[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
