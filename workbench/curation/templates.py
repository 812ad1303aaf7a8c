"""The words that many records of a corpus begin or end with, such as a system prompt: they tell no two texts apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray

from workbench.curation.minhash import ends_of, jaccards_of, without_ends
from workbench.curation.shingling import words

WORDS = 8
"""A template has at least so many words."""
RECORDS = 20
SHARE = 0.5
"""A template is shared by at least so many records, and by this share of all."""
COMPARED = 64
COPIED_WORDS, COPIED = 3, 0.2
"""Texts whose rests share so many runs of three words are copies of one text, not records of one template."""
SAMPLED = 4096
"""Texts that are drawn to see whether it is worth while to look at all of them."""


@dataclass(frozen=True)
class Template:
    """Words that many records share at one end of a compared column."""

    words: str
    records: int


def stripped(texts: pl.Series) -> tuple[pl.Series, tuple[Template, ...]]:
    """Return texts without the words that at least half of them begin or end with, and those words.

    A text that shares only a part of a template, but WORDS words of it, is left without that part. Where there is a
    template, what is left of the texts is their words, joined by blanks; else the very texts are returned. The order
    of texts does not count.
    """
    need = max(RECORDS, int(np.ceil(SHARE * len(texts))))
    if len(texts) < need or not _likely(texts):
        return texts, ()
    first, last = (_shared(texts, end, need) for end in (0, 1))
    if not first and not last:
        return texts, ()
    rest, cut = without_ends(texts, _hashes(first), _hashes(last), WORDS)
    if _are_copies(rest.filter(pl.Series((cut > 0).any(axis=1)))):
        return texts, ()
    found = [(" ".join(end), int((cut[:, i] > 0).sum())) for i, end in enumerate((first, last)) if end]
    return rest, tuple(Template(*one) for one in found)


def _are_copies(rest: pl.Series) -> bool:
    """Return whether what is left of texts is mostly one text again: then they are copies of it, and share no template.

    Told by the median Jaccard of COMPARED pairs, of different texts that stand far apart in their order.
    """
    different = rest.unique().sort()
    if len(different) < 4:
        return False
    drawn = different.gather(np.linspace(0, len(different) - 1, min(2 * COMPARED, len(different))).astype(np.int64))
    half = len(drawn) // 2
    jaccard = jaccards_of(drawn, COPIED_WORDS, np.arange(half), np.arange(half) + half)
    return bool(np.median(jaccard) >= COPIED)


def _likely(texts: pl.Series) -> bool:
    """Return whether a draw of the texts gives reason to look at all: most corpora have no template.

    What half of all texts share, a draw of SAMPLED shares to less than two fifths once in 10^36 (ten standard
    deviations and more), so the answer does not depend on which texts are drawn.
    """
    if len(texts) <= 2 * SAMPLED:
        return True
    drawn = texts.gather(np.random.default_rng(0).choice(len(texts), SAMPLED, replace=False))
    return any(_holding(drawn, end, WORDS, int(0.8 * SHARE * SAMPLED)) is not None for end in (0, 1))


def _hashes(said: Iterable[str]) -> NDArray[np.uint32]:
    return np.array([xxhash.xxh32_intdigest(word.encode()) for word in said], np.uint32)


def _shared(texts: pl.Series, end: int, need: int) -> list[str]:
    """Return the most words that `need` texts have in common at one end, none if they are fewer than WORDS."""
    holding = _holding(texts, end, WORDS, need)
    if holding is None:
        return []
    group = texts.gather(holding)
    depth, step = WORDS, WORDS
    while _holding(group, end, depth + step, need) is not None:
        depth, step = depth + step, step * 2
    while step := step // 2:
        depth += step if _holding(group, end, depth + step, need) is not None else 0
    deepest = _holding(group, end, depth, need)
    assert deepest is not None
    said = words(group[int(deepest[0])])
    return said[-depth:] if end else said[:depth]


def _holding(texts: pl.Series, end: int, depth: int, need: int) -> NDArray[np.int64] | None:
    """Return the rows of the most frequent `depth` words at one end; None where fewer than `need` hold them."""
    hashes = ends_of(texts, depth)[:, end]
    values, counts = np.unique(hashes[hashes > 0], return_counts=True)
    if not len(counts) or counts.max() < need:
        return None
    return np.flatnonzero(hashes == values[counts.argmax()])
