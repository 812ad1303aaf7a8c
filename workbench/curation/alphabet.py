"""What the compiled loops must know of each Unicode letter: how it folds, and whether it is part of a word."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.curation.shingling import SPACELESS
from workbench.text import nfc

WORD, BLANK, DIGIT, ALONE, HARD = 1, 2, 4, 8, 16
"""Bits of a letter's kind: part of a word, a blank, a digit, a word of its own, only to be folded in its context."""
KNOWN = 0x20000
"""Code points below this are in the table; the Chinese characters beyond are folded in Python."""
_JAMO = range(0x1100, 0x1200)
_VARIATIONS = range(0xFE00, 0xFE10)
_ALONE = re.compile(f"[{SPACELESS}]")


class Alphabet(NamedTuple):
    """By code point: its kind, the UTF-8 bytes of its folded form as one little-endian number, and how many."""

    kind: NDArray[np.uint8]
    folded: NDArray[np.uint32]
    length: NDArray[np.uint8]


@cache
def alphabet() -> Alphabet:
    """Return the table for the code points below KNOWN, made from this Python's Unicode tables."""
    kind = np.full(KNOWN, HARD, np.uint8)
    folded = np.zeros(KNOWN, np.uint32)
    length = np.zeros(KNOWN, np.uint8)
    for code in (*range(0xD800), *range(0xE000, KNOWN)):
        letter = chr(code)
        made = letter.casefold()
        written = made.encode()
        kind[code] = _kind(letter, made) if len(written) <= 4 else HARD
        folded[code], length[code] = int.from_bytes(written[:4], "little"), len(written)
    return Alphabet(kind, folded, length)


def _kind(letter: str, made: str) -> int:
    """Return the bits of a letter; one whose NFC form or word depends on its neighbours is hard."""
    if made.isspace():
        return BLANK
    code = ord(letter)
    if code in _JAMO or unicodedata.combining(letter) or nfc(letter) != letter:
        return HARD
    if unicodedata.category(letter)[0] == "M" and code not in _VARIATIONS:
        return HARD
    if code > 0x7F and _ALONE.match(made):
        return WORD | ALONE
    inside = {part.isalnum() or part == "_" for part in made}
    if len(inside) > 1:
        return HARD
    return (WORD if inside == {True} else 0) | (DIGIT if made.isdigit() else 0)
