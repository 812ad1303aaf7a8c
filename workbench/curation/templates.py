"""The words that many records of a corpus begin or end with, such as a system prompt: they tell no two texts apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray

from workbench.curation.minhash import ends_of, without_ends
from workbench.curation.shingling import words

WORDS = 8
"""A template has at least so many words."""
RECORDS = 20
SHARE = 0.5
"""A template is shared by at least so many records, and by this share of all."""


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
    if len(texts) < need:
        return texts, ()
    first, last = (_shared(texts, end, need) for end in (0, 1))
    if not first and not last:
        return texts, ()
    rest, cut = without_ends(texts, _hashes(first), _hashes(last), WORDS)
    found = [(" ".join(end), int((cut[:, i] > 0).sum())) for i, end in enumerate((first, last)) if end]
    return rest, tuple(Template(*one) for one in found)


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
