"""Flags for explanations that argue for another option than the key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import polars as pl

from workbench.curation.flags.registry import Flag, Issue, of_record
from workbench.curation.flags.view import View, keyed
from workbench.text import folded

CONTRADICTION = Flag(
    "explanation-key",
    "warning",
    "the explanation names another option as the right one than the index does",
    "correct the index or the explanation",
)

_RIGHT, _JUSTE = "correct|right", "correcte|juste|exacte"
_ANNOUNCED = (
    rf"(?:the )?(?:{_RIGHT}) (?:answer|option|choice)(?: here)? (?:is|would be):?"
    r"|(?:so|thus|hence|therefore),? the answer is:?"
    r"|la (?:bonne|juste) (?:réponse|option|proposition) est(?: donc)?:?"
    rf"|la (?:réponse|option|proposition) (?:{_JUSTE}) est(?: donc)?:?"
)
_BEHIND = r"(?=\s?[\"'”»).,;:!]|\s*$|\s(?:because|since|as|for|car|parce|puisque)\b)"
"""What follows a letter and does not follow the article of "the right answer is A method that"."""
_NAMED = (
    re.compile(
        rf"(?i:{_ANNOUNCED}) (?i:(?:la )?(?:option|choice|answer|réponse|proposition|lettre) )?[\"'“«(]?\s?"
        rf"(?P<letter>[A-H])\b{_BEHIND}"
    ),
    re.compile(
        r"(?i:option|choice|answer|réponse|proposition) \(?(?P<letter>[A-H])\)? (?i:is|est) (?i:the |la )?"
        rf"(?i:{_RIGHT}|bonne|{_JUSTE})\b"
    ),
)
_ANNOUNCEMENT = re.compile(rf"(?i)(?:{_ANNOUNCED})\s*[\"'“«]?\s*")
_PERHAPS = rf"(?i)(?:{_RIGHT}|answer|bonne|{_JUSTE})"


@of_record(CONTRADICTION)
def contradictions(view: View) -> Iterator[Issue]:
    """Flag explanations that announce another option than the key, by its letter or by its very text."""
    choices = view.schema.declared.choices
    if not choices:
        return
    rows = view.frame.filter(keyed(choices) & pl.col(choices.explanation).str.contains(_PERHAPS))
    for record, said, options, key in rows.select("id", choices.explanation, choices.options, choices.key).iter_rows():
        named = {*_by_letter(said, len(options)), *_by_text(said, options)}
        # Where the key is named as well, the text weighs options against each other.
        if named and key not in named:
            yield CONTRADICTION.issue(record, choices.explanation, said)


def _by_letter(said: str, count: int) -> Iterator[int]:
    for pattern in _NAMED:
        places = (ord(match["letter"]) - ord("A") for match in pattern.finditer(said))
        yield from (place for place in places if place < count)


def _by_text(said: str, options: Sequence[str | None]) -> Iterator[int]:
    """Yield the longest option that stands right behind each announcement of the right answer."""
    texts = sorted(((folded(option or ""), i) for i, option in enumerate(options)), key=lambda pair: -len(pair[0]))
    for match in _ANNOUNCEMENT.finditer(said):
        rest = folded(said[match.end() : match.end() + 300])
        behind = (i for text, i in texts if len(text) > 1 and re.match(rf"{re.escape(text)}(?!\w)", rest))
        yield from list(behind)[:1]
