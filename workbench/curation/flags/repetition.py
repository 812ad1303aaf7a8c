"""Flags for texts that say the same thing again and again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import polars as pl

from workbench.curation.flags.registry import Flag, Issue, of_record
from workbench.curation.flags.view import View

REPETITION = Flag(
    "repetition",
    "warning",
    "the same words or sentences fill a large part of the text",
    "shorten the text to what it says once, or drop the record",
)

TOP = {2: 0.20, 3: 0.18, 4: 0.16}
"""Largest share of the characters that the most frequent word n-gram may fill: Rae et al. 2021, table A1."""
TWICE = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
"""Largest share of the characters inside word n-grams that recur: the same table."""
SENTENCES = 0.30
"""Largest share of sentences that repeat an earlier one (the table's share of lines)."""
_FEWEST_WORDS = 50
"""Below this the n-gram shares say little; the paper drops documents of fewer words."""
_FEWEST_SENTENCES = 4
_FEWEST_TIMES = 4
_SLACK = 2.0
"""Made for web pages of hundreds of words, the bounds would flag an answer of 60 words for the name or term that it
explains. So what stands fewer than four times does not count, and texts shorter than `_LONG` may have twice as much."""
_SENTENCE = re.compile(r"[^.!?…\n]+")
_VARIED = 0.75
"""Share of different words above which no bound can be broken in a text of such a length."""
_LONG = 400
"""Words beyond which every text is looked at, by the paper's own bounds: the longer, the more often words recur."""


def is_repetitive(text: str) -> bool:
    """Return whether the text breaks one of the bounds on repetition (Rae et al. 2021, arXiv 2112.11446, A.1.1)."""
    sentences = [" ".join(s.split()) for s in _SENTENCE.findall(text.casefold()) if len(s.split()) > 1]
    if len(sentences) >= _FEWEST_SENTENCES and 1 - len(set(sentences)) / len(sentences) > SENTENCES:
        return True
    words = text.casefold().split()
    if len(words) < _FEWEST_WORDS:
        return False
    total = sum(map(len, words)) * (_SLACK if len(words) < _LONG else 1)
    return any(_top(words, n) > bound * total for n, bound in TOP.items()) or any(
        _repeated(words, n) > bound * total for n, bound in TWICE.items()
    )


def _grams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[i:] for i in range(n)), strict=False))


def _top(words: list[str], n: int) -> int:
    """Return how many characters the most frequent n-gram fills."""
    gram, count = Counter(_grams(words, n)).most_common(1)[0]
    return sum(map(len, gram)) * count if count >= _FEWEST_TIMES else 0


def _repeated(words: list[str], n: int) -> int:
    """Return how many characters stand in n-grams that recur, each character counted once."""
    grams = _grams(words, n)
    counts = Counter(grams)
    covered = [False] * len(words)
    for i, gram in enumerate(grams):
        if counts[gram] >= _FEWEST_TIMES:
            covered[i : i + n] = [True] * n
    return sum(len(word) for word, inside in zip(words, covered, strict=True) if inside)


@of_record(REPETITION)
def repetitions(view: View) -> Iterator[Issue]:
    """Flag every field in which a text, an entry or a turn repeats itself."""
    for field in view.fields:
        told: set[int] = set()
        for row, text in _candidates(view.parts(field)).iter_rows():
            if row not in told and is_repetitive(text):
                told.add(row)
                yield REPETITION.issue(view.ids[row], field, text)


def _candidates(parts: pl.DataFrame) -> pl.DataFrame:
    """Return the texts of some length whose words recur often enough."""
    words = pl.col("text").str.to_lowercase().str.extract_all(r"[^\s.!?…]+")
    long = parts.filter(pl.col("text").str.len_bytes() > 30).with_columns(words=words)
    count, distinct = pl.col("words").list.len(), pl.col("words").list.n_unique()
    return long.filter((count >= 2 * _FEWEST_SENTENCES) & ((distinct < _VARIED * count) | (count > _LONG))).select(
        "row", "text"
    )
