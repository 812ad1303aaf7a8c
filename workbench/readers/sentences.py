"""Where a text may be cut: behind the end of a sentence, else a paragraph, a line, a word."""

from __future__ import annotations

import re

_CLOSERS = r"""(?:["'”’»)\]_*]|[ \u00a0\u202f]?»)*"""
_END = re.compile(rf"(?:[.!?…]+{_CLOSERS}(?=\s|\Z)|[。！？]+[”’」』）]*)")
_SOFTER = (re.compile(r"\n[ \t\r]*\n"), re.compile(r"\n"), re.compile(r"\s"))
_WORD_BEFORE = re.compile(r"[^\W\d_]+(?:\.[^\W\d_]+)*\Z")
_SPACE = re.compile(r"\s*")
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr st ste prof rev hon capt col gen lt sgt maj gov sen rep messrs jr sr vs viz cf "
    "ed eds ca approx inc ltd corp jan feb apr aug sept oct nov dec mm mme mmes mlle mlles mgr "
    "av e.g i.e a.m p.m u.s".split()
)
_NUMBERED = frozenset("no nos vol vols fig figs p pp ch chap art op".split())
"""Abbreviations only in front of a number: elsewhere `No.` is a sentence."""


def cut(text: str, target: int, low: int, high: int) -> int:
    """Return the length of the first piece, white space included: near `target`, within `low`..`high`.

    A sentence end is taken wherever one stands in that range, or else in one half as wide again; without any
    white space the cut is at `high`.
    """
    found = sentence_ends(text[: high * 3 // 2 + 1])
    ends = [end for end in found if low <= end <= high] or [end for end in found if low // 2 <= end <= high * 3 // 2]
    for softer in _SOFTER:
        if ends:
            break
        ends = [match.end() for match in softer.finditer(text, low, high)]
    length = min(ends, key=lambda end: abs(end - target), default=high)
    space = _SPACE.match(text, length)
    return space.end() if space else length


def sentence_ends(text: str) -> list[int]:
    """Return the offsets behind each sentence; an abbreviation, initial or lower-case sequel ends none."""
    return [match.end() for match in _END.finditer(text) if not _goes_on(text, match)]


def _goes_on(text: str, match: re.Match[str]) -> bool:
    behind = text[match.end() : match.end() + 40].lstrip()
    if behind[:1].islower():
        return True
    if not match[0].startswith(".") or match[0].startswith(".."):
        return False
    word = _WORD_BEFORE.search(text[max(match.start() - 20, 0) : match.start()])
    if word is None:
        return False
    if word[0].lower() in _NUMBERED:
        return behind[:1].isdigit()
    return word[0].lower() in _ABBREVIATIONS or (len(word[0]) == 1 and word[0].isupper())
