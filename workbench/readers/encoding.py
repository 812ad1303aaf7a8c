"""Which encoding a raw file has: byte order mark, then strict UTF-8, then a guess that is said to be one."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import CharsetMatch, from_bytes

from workbench.text import show

HEAD = 65_536
_BLOCK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_C1 = re.compile(rb"[\x80-\x9f]")
_HIGH = re.compile(rb"[\x80-\xff]")
_HIGH_RUN = re.compile(rb"[\x80-\xff]{4,}")
_WESTERN = {"cp1252", "latin_1"}
_WESTERN_CHARACTERS = frozenset(
    "àâäáãåæçèéêëìíîïñòóôõöøœùúûüÿßÀÂÄÁÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØŒÙÚÛÜŸªº\xa0«»“”„‘’‚–—…•¿¡§°©®™€£½¼¾·×²"
)
_FEW = 8
"""Bytes beyond ASCII too few to tell encodings apart by statistics."""
_MARGIN = 0.2
"""Coherence by which another encoding must lead, on charset_normalizer's scale from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """The name of an encoding, with a sentence where it is a guess; an empty name means: not a text."""

    name: str
    guess: str = ""


NO_TEXT = Encoding("")
"""The encoding of a binary file or a folder."""
UNKNOWN = Encoding("", "no encoding fits its bytes")
"""The encoding of what may be a text, though no guess makes sense of it."""


def encoding_of(path: Path) -> Encoding:
    """Return the encoding of a file; the whole file is read once, in blocks."""
    with path.open("rb") as handle:
        head = handle.read(HEAD)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return Encoding(name)
    wide = _unmarked_utf16(head)
    if wide:
        return Encoding(wide, f"the encoding is a guess: {wide} without a byte order mark")
    bad = _first_bad_byte(path)
    controls = len(_CONTROL.findall(head)) / max(len(head), 1)
    if controls > (0.2 if bad is None else 0.01):
        return NO_TEXT
    return Encoding("utf-8") if bad is None else _guessed(path, bad)


def _unmarked_utf16(head: bytes) -> str:
    even, odd = head[0::2].count(0), head[1::2].count(0)
    enough = len(head) // 5
    if odd > enough and even * 20 < odd:
        return "utf-16-le"
    return "utf-16-be" if even > enough and odd * 20 < even else ""


def _first_bad_byte(path: Path) -> int | None:
    """Return the offset of the first byte that is not UTF-8, or None."""
    decoder, before = codecs.getincrementaldecoder("utf-8")(), 0
    with path.open("rb") as handle:
        while True:
            block = handle.read(_BLOCK)
            held = len(decoder.getstate()[0])
            if block and not held and block.isascii():  # ten times as fast as to decode it
                before += len(block)
                continue
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return before - held + error.start
            if not block:
                return None
            before += len(block)


def _guessed(path: Path, bad: int) -> Encoding:
    window = _around(path, bad)
    text = window.decode("utf-8", "surrogateescape")
    broken = len(re.findall("[\udc80-\udcff]", text))
    valid = sum(ord(character) > 127 for character in text) - broken
    if valid > 4 * broken:
        return Encoding("utf-8", f"byte {bad} is not UTF-8, though the text around it is: such rows are set aside")
    plausible = list(from_bytes(window))
    if _likely_western(window, plausible):
        name = _western(path)
    elif plausible:
        name = plausible[0].encoding.replace("_", "-")
    else:
        return UNKNOWN
    return Encoding(name, f"the encoding is a guess: {name}, which reads {_excerpt(window, name)}")


def _likely_western(window: bytes, plausible: Sequence[CharsetMatch]) -> bool:
    """Return whether western is the likely reading: a short text fits many encodings nearly equally well."""
    best = plausible[0].coherence if plausible else 0.0
    fits = [match.coherence for match in plausible if _WESTERN & set(match.could_be_from_charset)]
    if fits and fits[0] >= best:
        return True
    few = len(_HIGH.findall(window)) <= _FEW
    return _reads_western(window) and (few or best - max(fits, default=0.0) <= _MARGIN)


def _reads_western(window: bytes) -> bool:
    """Return whether the bytes beyond ASCII are, as cp1252, letters and marks of western texts among ASCII."""
    beyond = [character for character in window.decode("cp1252", "replace") if ord(character) > 127]
    strange = sum(character not in _WESTERN_CHARACTERS for character in beyond)
    return strange * 50 <= len(beyond) and len(_HIGH_RUN.findall(window)) * 50 <= len(beyond)


def _around(path: Path, bad: int) -> bytes:
    with path.open("rb") as handle:
        handle.seek(max(bad - HEAD // 2, 0))
        window = handle.read(HEAD)
    return window[window.find(b"\n") + 1 :] if bad > HEAD // 2 else window


def _western(path: Path) -> str:
    """Return latin-1 unless bytes stand in the file that only cp1252 gives a letter."""
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            if _C1.search(block):
                return "cp1252"
    return "latin-1"


def _excerpt(window: bytes, name: str) -> str:
    text = window.decode(name, "replace")
    at = next((index for index, character in enumerate(text) if ord(character) > 127), 0)
    return repr(show(text[max(at - 20, 0) : at + 20].strip()))
