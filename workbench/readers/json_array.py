"""JSON in one piece: an array of objects, an object around one such array, or objects in a row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.errors import UsageError
from workbench.readers.body import Body, load
from workbench.readers.json_values import (
    BEHIND,
    STRICT,
    Syntax,
    elements,
    has_comments,
    skip,
    unit,
    value_end,
)
from workbench.readers.record import Reading, Record, Reject
from workbench.readers.sight import Claim, Sight
from workbench.text import show

SUFFIXES: tuple[str, ...] = (".json",)

OPEN_END = "the closing bracket is missing: the file may be cut off"
_STARTS = re.compile(r'\s*(?:\[\s*[\[{\]]|\{\s*["}])')
_LOOSE_LIST = re.compile(r'\s*\[\s*["\dtfn-]')
_TURN_KEYS = re.compile(rb'\{\s*"(?:role|content|from|value)"')
_NAMED = 8


@dataclass(frozen=True, slots=True)
class _Value:
    """One value of the object around a list: its key, where it starts, whether it is a list of records."""

    name: str
    start: int
    records: bool


def recognise(sight: Sight) -> Claim | None:
    """Claim a text that starts as an array or object and holds no comments."""
    starts = _STARTS.match(sight.text) or (sight.suffix in SUFFIXES and _LOOSE_LIST.match(sight.text))
    if not starts or has_comments(sight.text):
        return None
    left_out = keys_left_out(sight, STRICT)
    ending = sight.tail.rstrip()[-1:]
    open_end = "" if ending in ("]", "}") else OPEN_END
    return Claim(60, tuple(filter(None, [open_end, left_out])))


def keys_left_out(sight: Sight, syntax: Syntax) -> str:
    """Return a sentence that names what an object holds beside its one list of records, or nothing."""
    body = load(sight.path, sight.encoding.name)
    start = skip(body, body.begin, syntax)
    values = _top_values(body, start, syntax) if body.buffer[start : start + 1] == b"{" else []
    names = [show(value.name, limit=40) for value in values if not value.records]
    if not names or len(names) + 1 != len(values):
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"only the list is read, not what stands beside it: {', '.join(map(repr, names[:_NAMED]))}{more}"


def read(reading: Reading) -> Iterator[Record | Reject]:
    """Yield one unit per element, with the exact span of its bytes."""
    body = load(reading.path, reading.proposal.encoding)
    yield from units(body, reading.path.name, STRICT)


def units(body: Body, name: str, syntax: Syntax) -> Iterator[Record | Reject]:
    """Yield the units of a JSON text in either syntax."""
    start, closing, wrapped = _opening(body, name, syntax)
    for position, element in enumerate(elements(body, start, closing, syntax)):
        if wrapped and element.fault == BEHIND:
            return
        yield unit(body, position, element, syntax is not STRICT)


def _opening(body: Body, name: str, syntax: Syntax) -> tuple[int, bytes, bool]:
    """Return where the elements start, what closes them, and whether an object is wrapped around them."""
    start = skip(body, body.begin, syntax)
    mark = body.buffer[start : start + 1]
    if mark == b"[":
        return start + 1, b"]", False
    values = _top_values(body, start, syntax) if mark == b"{" else []
    wrapped = [value.start for value in values if value.records]
    if len(wrapped) > 1:
        raise UsageError(f"{name!r} holds {len(wrapped)} lists of records", "save each list as its own file")
    return (wrapped[0] + 1, b"]", True) if wrapped else (start, b"", False)


def _top_values(body: Body, start: int, syntax: Syntax) -> list[_Value]:
    """Return the values of an object that is the whole file, as far as it is whole; nothing where more follows."""
    values: list[_Value] = []
    at = skip(body, start + 1, syntax)
    while body.buffer[at : at + 1] == b'"':
        key_end = value_end(body, at, syntax)
        if key_end is None:
            return values
        value = skip(body, skip(body, key_end, syntax) + 1, syntax)
        values.append(_Value(body.text(at + 1, key_end - 1), value, _is_record_list(body, value, syntax)))
        end = value_end(body, value, syntax) if value < body.end else None
        if end is None:
            return values
        at = skip(body, end, syntax)
        at = skip(body, at + 1, syntax) if body.buffer[at : at + 1] == b"," else at
    return values if skip(body, at + 1, syntax) >= body.end else []


def _is_record_list(body: Body, at: int, syntax: Syntax) -> bool:
    """Return whether a list of objects stands there; a list of turns is a record's own."""
    inner = skip(body, at + 1, syntax)
    opens = body.buffer[at : at + 1] == b"[" and body.buffer[inner : inner + 1] == b"{"
    return opens and not _TURN_KEYS.match(body.buffer, inner)
