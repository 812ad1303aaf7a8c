"""Strict JSON: objects from bytes without silent loss, and the spans of the values in a longer text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import orjson

from workbench.readers.body import Body
from workbench.readers.record import Record, Reject
from workbench.text import show

_LONG_NUMBER = re.compile(r"\d{19}")
_KEY_END = re.compile(r'"[ \t\r\n]*+:')
_KEY_END_OF_BYTES = re.compile(_KEY_END.pattern.encode())
_STRING = rb'"[^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)*+"'
_COMMENT = rb"//[^\r\n]*+|/\*(?s:.*?)\*/"
_TOKEN = re.compile(_STRING + rb'|["\[\]{}]')
_TOKEN_OR_COMMENT = re.compile(_STRING + b"|" + _COMMENT + rb'|["\[\]{}]')
_SPACE = re.compile(rb"[ \t\r\n]*+")
_SPACE_OR_COMMENT = re.compile(rb"(?:[ \t\r\n]++|" + _COMMENT + rb")*+")
_SCALAR = re.compile(rb'[^,\[\]{}"\r\n]*+')
_NEXT_OBJECT = re.compile(rb"\}\s*,?\s*(?=\{)")
_SOFT = re.compile(rf"({_STRING.decode()})|{_COMMENT.decode()}|,(?=(?:\s|{_COMMENT.decode()})*[\]}}])")


_FLAT: frozenset[type] = frozenset({str, int, bool, type(None)})
BEHIND = "stands behind the end of the list"


@dataclass(frozen=True, slots=True)
class Syntax:
    """Which tokens and which filler a scan knows: strict JSON, or JSON with comments."""

    token: re.Pattern[bytes]
    space: re.Pattern[bytes]


STRICT = Syntax(_TOKEN, _SPACE)
COMMENTED = Syntax(_TOKEN_OR_COMMENT, _SPACE_OR_COMMENT)


class Element(NamedTuple):
    """The span of one value; `fault` says why it cannot be parsed, or is empty."""

    start: int
    end: int
    fault: str = ""


def object_from(text: str) -> dict[str, Any]:
    """Parse one JSON object; ValueError with a reason for anything else.

    Integers beyond 64 bits stay integers (orjson alone would turn them into floats); NaN, infinities and lone
    surrogates are refused, because no fingerprint and no JSON writer would take them. A key that stands twice in
    one object is refused too: only its last value would stay.
    """
    plain = plain_object(text.encode("utf-8", "surrogatepass"))
    return checked_object(text) if plain is None else plain


def plain_object(line: bytes) -> dict[str, Any] | None:
    """Return the object that UTF-8 bytes hold where one look proves that nothing was lost; None for all else."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if type(value) is not dict:
        return None
    if not _FLAT.issuperset(map(type, value.values())) and not all(map(_is_flat, value.values())):
        return None
    # One colon a key leaves no room for a repeated key (the cheap count first: a colon may stand in a text), and
    # without floats no number was rounded.
    keys = len(value)
    return value if line.count(b":") == keys or len(_KEY_END_OF_BYTES.findall(line)) == keys else None


def _is_flat(value: object) -> bool:
    """Return whether a value holds neither floats nor keys of its own."""
    kind = type(value)
    return kind in _FLAT or (kind is list and _FLAT.issuperset(map(type, value)))  # type: ignore[call-overload]


def value_from(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """Parse one JSON value as strictly as an object; ValueError with a reason for what is none."""
    value = _exact(text) if _LONG_NUMBER.search(text) else orjson.loads(text)
    # Cheaper than a second parse: text in a string can look like a key, so only a difference is looked into.
    if len(_KEY_END.findall(text)) != _keys_in(value):
        _exact(text)
    return value


def checked_object(text: str) -> dict[str, Any]:
    """Do what `object_from` does, for an object that is known not to be plain."""
    value = value_from(text)
    if not isinstance(value, dict):
        raise ValueError(f"not an object but {_kind(value)}")
    return value


def without_comments(text: str) -> str:
    """Return JSON text with its comments and trailing commas taken out; strings stay as they are."""
    return _SOFT.sub(lambda match: match[1] or " ", text)


def has_comments(text: str) -> bool:
    """Return whether a comment or a trailing comma stands outside the strings of a JSON text."""
    return any(match[1] is None for match in _SOFT.finditer(text))


def _exact(text: str) -> object:
    try:
        value: object = json.loads(
            text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_without_repeats
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def _keys_in(value: object) -> int:
    count, left = 0, [value]
    while left:
        inner = left.pop()
        if isinstance(inner, dict):
            count += len(inner)
            left.extend(inner.values())
        elif isinstance(inner, list):
            left.extend(inner)
    return count


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    known = dict(pairs)
    if len(known) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {show(twice, limit=80)!r} stands twice in one object")
    return known


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is beyond the range of a number")
    return value


def _kind(value: object) -> str:
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def unit(body: Body, position: int, element: Element, soft: bool = False) -> Record | Reject:
    """Turn one span into a record, or into a reject with its bytes."""
    start, end, fault = element.start, element.end, element.fault
    if fault:
        return body.reject(position, start, end, fault)
    text = body.text(start, end)
    try:
        fields = object_from(without_comments(text) if soft else text)
    except ValueError as error:
        return body.reject(position, start, end, f"not a record: {error}")
    return Record(fields, body.origin(position, start, end))


def skip(body: Body, at: int, syntax: Syntax) -> int:
    """Return the offset behind white space (and comments, if the syntax has them)."""
    match = syntax.space.match(body.buffer, at)
    return match.end() if match else at


def elements(body: Body, start: int, closing: bytes, syntax: Syntax) -> Iterator[Element]:
    """Yield each value from `start` up to the closing bracket, or to the end of the file where it is empty.

    A value that does not end is cut at the next place where an object starts, so that one torn record does
    not swallow the rest. Whatever stands behind the closing bracket is one faulty element.
    """
    at, after_comma = skip(body, start, syntax), False
    while at < body.end:
        mark = body.buffer[at : at + 1]
        if mark == closing:
            yield from _rest(body, at + 1, syntax)
            return
        if mark != b",":
            element = _element(body, at, syntax)
            yield element
            at = element.end
        else:
            if after_comma:
                yield Element(at, at + 1, "a comma without a value")
            at += 1
        after_comma, at = mark == b",", skip(body, at, syntax)


def _rest(body: Body, at: int, syntax: Syntax) -> Iterator[Element]:
    at = skip(body, at, syntax)
    if at < body.end:
        yield Element(at, body.end, BEHIND)


def _element(body: Body, start: int, syntax: Syntax) -> Element:
    end = value_end(body, start, syntax)
    if end is not None:
        return Element(start, end)
    again = _NEXT_OBJECT.search(body.buffer, start)
    return Element(start, again.start() + 1 if again else body.end, "does not end: a string or bracket is open")


def value_end(body: Body, start: int, syntax: Syntax) -> int | None:
    """Return the offset behind the value at `start`, or None where it does not end properly."""
    if body.buffer[start : start + 1] not in (b"{", b"[", b'"'):
        match = _SCALAR.match(body.buffer, start)
        return max(match.end() if match else start, start + 1)
    awaited: list[bytes] = []
    for match in syntax.token.finditer(body.buffer, start):
        token = match[0]
        if token in (b"{", b"["):
            awaited.append(b"}" if token == b"{" else b"]")
        elif token == b'"' or (token in (b"}", b"]") and (not awaited or awaited.pop() != token)):
            return None
        if not awaited:
            return match.end()
    return None
