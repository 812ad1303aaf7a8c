"""The words that many records of a corpus begin or end with, such as a system prompt: they tell no two texts apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray

from workbench.curation.minhash import ends_of, facts_of, jaccards_of, without_ends
from workbench.curation.shingling import words

WORDS = 8
"""A template has at least so many words."""
RECORDS = 20
SHARE = 0.5
"""A template is shared by at least so many records that read differently, and by this share of all of these."""
REST = 5
"""Records of one template have, at the median, at least so many words besides it."""
COMPARED = 64
COPIED_WORDS, COPIED = 3, 0.2
"""Texts whose rests share so many runs of three words are copies of one text, not records of one template."""
SAMPLED = 4096
"""Texts that are drawn to see whether it is worth while to look at all of them."""
End = Literal["first", "last"]
_ENDS: tuple[End, End] = ("first", "last")


@dataclass(frozen=True)
class Template:
    """Words that many records share at one end of a compared column."""

    column: str
    end: End
    words: str
    records: int
    """Records that hold WORDS words of it or more, those that read the same counted once."""


def templates_of(rows: pl.DataFrame) -> tuple[Template, ...]:
    """Return the templates of the compared columns (texts) of records that all read differently, in any order.

    What half of the records begin or end with may be a prompt, or most of a text that stands there many times with a
    word or two changed; leaving the latter out would hide that its records are near duplicates. So it is a template
    only where the rests could stand for the records: REST words or more at the median, and hardly a run of words in
    common. How long the template is does not count: under a prompt of a thousand words, questions of ten are different
    records, and compared whole they would all be one group.
    """
    need = max(RECORDS, int(np.ceil(SHARE * rows.height)))
    if rows.height < need:
        return ()
    shared = {column.name: ends for column in rows if _likely(column) and any(ends := _ends(column, need))}
    if not shared:
        return ()
    cut = {name: _cut(rows[name], ends) for name, ends in shared.items()}
    rest = rows.with_columns(left.alias(name) for name, (left, _) in cut.items())
    found = []
    for name, ends in shared.items():
        for end, said, counts in zip(_ENDS, ends, cut[name][1].T, strict=True):
            # Copies that differ in one place share parts of both ends, and what is left of two of them has no common
            # words: only those that hold all of a template show what stands beside it.
            if said and _tell_apart(rest.filter(pl.Series(counts == len(said))), name):
                found.append(Template(name, end, " ".join(said), int((counts > 0).sum())))
    return tuple(found)


def stripped(texts: pl.Series, templates: Iterable[Template]) -> pl.Series:
    """Return a column's texts without its templates: their words, joined by blanks; the very texts if it has none.

    A text that shares only a part of a template, but WORDS words of it, is left without that part.
    """
    said = {template.end: template.words.split() for template in templates if template.column == texts.name}
    return _cut(texts, [said.get(end, []) for end in _ENDS])[0] if said else texts


def _cut(texts: pl.Series, ends: Sequence[list[str]]) -> tuple[pl.Series, NDArray[np.int64]]:
    first, last = (_hashes(said) for said in ends)
    return without_ends(texts, first, last, WORDS)


def _tell_apart(left: pl.DataFrame, name: str) -> bool:
    """Return whether what is left of a column is enough to tell records apart, and not mostly one text again.

    Where nothing is left of it, as of an instruction that all share, the other columns have to tell them apart. One
    text again is told by the median Jaccard of COMPARED pairs, of different rests that stand far apart in their order.
    """
    rest = left[name]
    if np.median(facts_of(rest)[0]) == 0:
        rest = left.select(pl.concat_str(pl.all(), separator="\n")).to_series()
    different = rest.unique().sort()
    if len(different) < RECORDS or np.median(facts_of(rest)[0]) < REST:
        return False
    drawn = different.gather(np.linspace(0, len(different) - 1, min(2 * COMPARED, len(different))).astype(np.int64))
    half = len(drawn) // 2
    jaccard = jaccards_of(drawn, COPIED_WORDS, np.arange(half), np.arange(half) + half)
    return bool(np.median(jaccard) < COPIED)


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


def _ends(texts: pl.Series, need: int) -> list[list[str]]:
    return [_shared(texts, end, need) for end in range(len(_ENDS))]


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
