"""Canonical bytes of a value, and their digest: the ground of every identity in the workbench."""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

ID_LENGTH = 32
"""Hex characters of a record id: 128 bits, so a collision is out of reach for any corpus."""


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return the one byte form of a JSON value: sorted keys, NFC text, numbers normalised.

    Raises TypeError for a value without a stable form (a set, an object, NaN): a silent `str()` would make
    identity depend on the interpreter.
    """
    try:
        # Most values are rows without lists or floats, and so look simple at once.
        flat = type(value) is dict and _SIMPLE.issuperset(map(type, value.values()))
        written = _written(value) if flat or _is_simple(value) else None
        return written or orjson.dumps(_normal(value), option=orjson.OPT_SORT_KEYS)
    except RecursionError as error:
        raise TypeError("no stable form for a value nested so deeply") from error


_SIMPLE: frozenset[type] = frozenset({str, int, type(None), bool})


def _written(value: Any) -> bytes | None:  # noqa: ANN401 - any JSON value
    """Return the canonical form of a simple value where orjson writes it just so, in one pass; else None."""
    try:
        written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, a key that is no text
        return None
    return written if written.isascii() or unicodedata.is_normalized("NFC", written.decode()) else None


def _is_simple(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Return whether a value holds nothing but texts, whole numbers, truths, nulls, lists and dictionaries."""
    kind = type(value)
    if kind is dict:
        value = value.values()
    elif kind is not list:
        return kind in _SIMPLE
    return _SIMPLE.issuperset(map(type, value)) or all(map(_is_simple, value))


def _normal(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, Mapping):
        normal = {_key(key): _normal(inner) for key, inner in value.items()}
        if len(normal) != len(value):
            raise TypeError("no stable form for keys that are one in NFC")
        return normal
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return [_normal(inner) for inner in value]
    raise TypeError(f"no stable form for {type(value).__name__}")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"no stable form for a key of type {type(key).__name__}")
    return unicodedata.normalize("NFC", key)


def _number(value: int | float) -> int | float | dict[str, str]:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TypeError("no stable form for a number that is not finite")
        if not value.is_integer():
            return value
        value = int(value)
    # orjson refuses integers beyond 64 bits; a tagged text keeps them distinct from any string.
    return value if -(2**63) <= value < 2**64 else {"\u0000int": str(value)}


def digest(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the sha256 of a value's canonical bytes, as 64 hex characters."""
    return digest_bytes(canonical(value))


def digest_bytes(data: bytes) -> str:
    """Return the sha256 of bytes, as 64 hex characters."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, as 64 hex characters."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def record_ids(corpus: str, source: str) -> Callable[[str], str]:
    """Return what gives the ids of many records of one source: `record_id(corpus, source, [name])` of a digest."""
    head = canonical([corpus, source])[:-1] + b',["'
    return lambda name: digest_bytes(head + name.encode() + b'"]]')[:ID_LENGTH]


def record_id(corpus: str, source: str, key: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a record's id: corpus, logical source name and key, never a position."""
    return digest([corpus, source, key])[:ID_LENGTH]
