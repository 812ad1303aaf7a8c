"""Take texts out of values, tables and raw bytes, so that what is left has the same shape and spans."""

from __future__ import annotations

import codecs
import json
import mmap
import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Any
from urllib.parse import quote, quote_plus

import polars as pl

from workbench.errors import UsageError
from workbench.fingerprint import digest, digest_bytes

_OTHER_ALPHABET = bytes.maketrans(b"+/", b"-_")
SHORTEST = 6
"""Characters of the shortest text that may be purged: a shorter one stands in too many innocent places."""
_MARK = "[purged "
_NAME = re.compile(r"[0-9a-f]{32}(?:[0-9a-f]{32})?(?:\.raw|\.parquet)?")
"""Ids, digests and names of objects: what the store is held together by is never rewritten."""
_PERCENT = re.compile("%[0-9A-F]{2}")
_SHORT_ESCAPES = {
    '"': ('\\"', '""'),
    "\\": ("\\\\",),
    "/": ("\\/",),
    "\n": ("\\n", "\r\n", "\r", "\\r\\n"),
    "\t": ("\\t",),
    "\r": ("\\r",),
    "\b": ("\\b",),
    "\f": ("\\f",),
}
"""How JSON and CSV write a character otherwise, beside `\\uXXXX`, and how readers join line ends."""
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "cp1252")
"""Encodings that a text is looked for in, whatever a file is said to be in."""
Span = tuple[int, int]
"""First byte and the one behind the last."""
Bytes = bytearray | mmap.mmap
"""Bytes that can be written over; those of a large file are mapped, so that only what is changed is held."""


def marker(text: str) -> str:
    """Return what stands in parsed values where a text was: it tells equal texts from others and nothing else."""
    return f"{_MARK}{_digest(text)[:12]}]"


def _digest(text: str) -> str:
    return digest_bytes(text.encode("utf-8", "surrogatepass"))


def is_marked(text: str) -> bool:
    """Return whether something was purged from a text already."""
    return _MARK in text


@dataclass
class Redaction:
    """Texts to be taken out, longest first; what is changed by it is noted by digest."""

    texts: tuple[str, ...]
    digests: dict[str, str] = field(default_factory=dict)
    """Digest of each value, or of each quarantined unit's bytes, that was changed -> digest of what it became."""

    @classmethod
    def of(cls, texts: Iterable[str]) -> Redaction:
        """Take texts; UsageError for one that is too short, or that a marker itself would hold."""
        wanted = sorted(set(texts), key=lambda text: (-len(text), text))
        for text in wanted:
            if len(text.strip()) < SHORTEST:
                hint = f"at least {SHORTEST} characters, or change the record: workbench edit"
                raise UsageError("a text to purge is too short: it would be found in innocent places", hint)
            if is_marked(text) or text in marker(text):
                raise UsageError("a text to purge holds the mark of an earlier purge", "give the text alone")
        return cls(tuple(wanted))

    @cached_property
    def forms(self) -> list[tuple[str, str]]:
        """Return (form, marker): each text as it is, in NFC and NFD, as JSON writes it in a string, and as `_coded`."""
        out: dict[str, str] = {}
        for text in self.texts:
            for form in _written(text):
                out.setdefault(form, marker(text))
        return sorted(out.items(), key=lambda pair: -len(pair[0]))

    def holds(self, text: str) -> bool:
        """Return whether a text holds one of those to be taken out, in any form."""
        return any(form in text for form, _ in self.forms)

    def text(self, text: str) -> str:
        """Return a text with the marker in each place."""
        for form, mark in self.forms:
            while form in text:
                text = text.replace(form, mark)
        return text

    def value(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Return a JSON value with all its texts and keys redacted; what is not touched is the same object."""
        if isinstance(value, str):
            return value if _NAME.fullmatch(value) or not self.holds(value) else self.text(value)
        if isinstance(value, list):
            parts = [self.value(part) for part in value]
            return value if all(a is b for a, b in zip(parts, value, strict=True)) else parts
        if isinstance(value, dict):
            pairs = {self.value(key): self.value(part) for key, part in value.items()}
            same = all(a is b for a, b in zip(pairs.values(), value.values(), strict=False))
            return value if same and pairs.keys() == value.keys() else pairs
        return value

    def noted(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Return a value redacted, and note its digest where that changed: edits name values by digest."""
        made = self.value(value)
        if made is not value:
            self.note(value, made)
        return made

    def note(self, before: Any, after: Any) -> None:  # noqa: ANN401 - any JSON value
        """Note by digest what a value became."""
        self.digests[digest(before)] = digest(after)

    def facts(self) -> list[dict[str, Any]]:
        """Return what may be told of the texts: digest and length in characters."""
        return [{"sha256": _digest(text), "length": len(text)} for text in self.texts]

    def table(
        self, frame: pl.DataFrame, kept: frozenset[str], encoding: str = "utf-8"
    ) -> tuple[pl.DataFrame, set[int]]:
        """Return a frame with all columns but `kept` redacted, and the numbers of the rows that this changed.

        Texts that are JSON objects (extra columns, differences) are redacted value by value; bytes keep their length.
        """
        touched: set[int] = set()
        for column in frame.iter_columns():
            if column.name in kept or (column.dtype != pl.Binary and not self.in_bytes(flat(column))):
                continue
            before = column.to_list()
            after = [self.cell(value, encoding) for value in before]
            rows = {row for row, value in enumerate(after) if value is not before[row]}
            if rows:
                frame = frame.with_columns(pl.Series(column.name, after, dtype=column.dtype, strict=True))
            touched |= rows
        return frame, touched

    def needles(self) -> tuple[bytes, ...]:
        """Return the bytes by which the texts show in files: each form in each common encoding."""
        found: dict[bytes, None] = {}
        for form, _ in self.forms:
            for codec in _ENCODINGS:
                with suppress(UnicodeEncodeError):
                    found[form.encode(codec)] = None
        return tuple(found)

    def in_bytes(self, data: bytes) -> bool:
        """Return whether UTF-8 bytes hold one of the texts, as it is or as JSON writes it."""
        return any(form.encode("utf-8", "surrogatepass") in data for form, _ in self.forms)

    def cell(self, value: Any, encoding: str = "utf-8") -> Any:  # noqa: ANN401 - any cell
        """Return one cell of a table redacted; what is not touched is the same object."""
        if isinstance(value, bytes):
            made = self.raw(value, encoding)[0]
            if made != value:
                self.digests[digest_bytes(value)] = digest_bytes(made)
            return value if made == value else made
        if isinstance(value, str) and value[:1] == "{" and self.holds(value):
            return self._json(value)
        return self.noted(value)

    def _json(self, text: str) -> str:
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            return str(self.noted(text))
        made = json.dumps(self.noted(parsed), ensure_ascii=False, sort_keys=True)
        return str(self.noted(text)) if self.holds(made) else made

    def raw(self, data: bytes, encoding: str = "utf-8") -> tuple[bytes, list[Span]]:
        """Return bytes of a text file with filler of equal length in each place, and those places in order."""
        out = bytearray(data)
        places = self.fill(out, encoding)
        return bytes(out), places

    def fill(self, data: Bytes, encoding: str) -> list[Span]:
        """Put filler over the texts in the bytes of a text file, and return the places in order.

        A text is found as it is, as JSON or CSV escapes it and as `_coded`, in the file's own encoding and in common
        others.
        """
        found: list[Span] = []
        looked: set[bytes] = set()
        forms = dict.fromkeys(form for text in self.texts for form in (*_normal_forms(text), *_coded(text)))
        for codec in dict.fromkeys((encoding, *_codecs(data))):
            escapes = _escapes(data, codec)
            for form in forms:
                pattern = _pattern(form, codec, escapes)
                if pattern in looked:
                    continue
                looked.add(pattern)
                for span in _places(form, codec, pattern, data):
                    found.append(span)
                    blank(data, span, codec)
        return sorted(found)


def flat(column: pl.Series) -> bytes:
    """Return the bytes that hold a column's texts one behind the other, whatever lists and structs are around."""
    sink = BytesIO()
    column.to_frame().write_ipc(sink, compression="uncompressed", compat_level=pl.CompatLevel.oldest())
    return sink.getvalue()


def blank(data: Bytes, span: Span, encoding: str) -> None:
    """Put filler over a span, of exactly its length, in letters of the encoding."""
    start, end = span
    letter = "x".encode(encoding)
    data[start:end] = (letter * (end - start))[: end - start]


def plain_codec(encoding: str, data: bytes) -> str:
    """Return the codec that a delivery's encoding means for its bytes, one that writes no byte order mark."""
    name = codecs.lookup(encoding).name
    if name in ("utf-16", "utf-32"):
        return f"{name}-be" if data.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)) else f"{name}-le"
    return "utf-8" if name == "utf-8-sig" else name


def _normal_forms(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))))


def _written(text: str) -> Iterator[str]:
    for form in _normal_forms(text):
        yield form
        yield json.dumps(form, ensure_ascii=False)[1:-1]
        yield json.dumps(form)[1:-1]
    yield from _coded(text)


def _coded(text: str) -> Iterator[str]:
    """Yield a text within base64, in hexadecimal digits and percent-encoded (RFC 3986, and as HTML forms do)."""
    for form in _normal_forms(text):
        data = form.encode("utf-8", "surrogatepass")
        yield from _in_base64(data)
        yield from (data.hex(), data.hex().upper())
        for coded in (quote(data), quote(data, safe=""), quote_plus(data)):
            yield coded
            yield _PERCENT.sub(lambda match: match[0].lower(), coded)


def _in_base64(data: bytes) -> Iterator[str]:
    """Yield what a text is within base64, in both alphabets (RFC 4648), wherever among the encoded bytes it begins.

    These are the characters that it decides alone; those at its ends hold bits of the neighbouring bytes too.
    """
    for before in range(3):
        coded = b64encode(bytes(before) + data)[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        yield coded.decode()
        yield coded.translate(_OTHER_ALPHABET).decode()


def _escapes(data: Bytes, codec: str) -> frozenset[str]:
    """Return the escapes `\\uXXXX` that stand in a file, in lower case: what is absent need not be looked for."""
    head = re.escape("\\u".encode(codec))
    digit = b"[0-9a-fA-F]".join(re.escape(part) for part in "0".encode(codec).partition(b"0")[::2])
    return frozenset(match.decode(codec).lower() for match in set(re.findall(head + b"(?:%b){4}" % digit, data)))


def _codecs(data: Bytes) -> tuple[str, ...]:
    """Return the common encodings that bytes may be in: without a zero byte they are no UTF-16."""
    has_zero = data.find(b"\0") >= 0
    return tuple(codec for codec in _ENCODINGS if has_zero or not codec.startswith("utf-16"))


def _places(form: str, codec: str, pattern: bytes, data: Bytes) -> list[Span]:
    """Return where a pattern stands in bytes; one that is just the text is found without a regex, much faster."""
    with suppress(UnicodeEncodeError):
        literal = form.encode(codec)
        if pattern == re.escape(literal):
            return _literal_places(literal, data)
    return [match.span() for match in re.finditer(pattern, data)]


def _literal_places(literal: bytes, data: Bytes) -> list[Span]:
    out: list[Span] = []
    at = data.find(literal)
    while at >= 0:
        out.append((at, at + len(literal)))
        at = data.find(literal, at + len(literal))
    return out


def _pattern(form: str, codec: str, escapes: frozenset[str]) -> bytes:
    """Return what finds a text in bytes; it matches nothing where the codec cannot write the text."""
    parts = [_one_of(character, codec, escapes) for character in form]
    return b"".join(parts) if all(parts) else b"(?!)"


def _one_of(character: str, codec: str, escapes: frozenset[str]) -> bytes:
    """Return the pattern of one character: itself, or any way in which JSON or CSV writes it here."""
    code = character.encode("utf-16-be", "surrogatepass").hex()
    units = [f"\\u{code[at : at + 4]}" for at in range(0, len(code), 4)]
    forms = [b"(?i:%b)" % re.escape("".join(units).encode(codec))] if escapes.issuperset(units) else []
    for form in (character, *_SHORT_ESCAPES.get(character, ())):
        with suppress(UnicodeEncodeError):
            forms.append(re.escape(form.encode(codec)))
    return forms[0] if len(forms) == 1 else b"(?:%b)" % b"|".join(forms) if forms else b""
