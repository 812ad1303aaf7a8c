"""Texts with known neighbours for the benchmarks: made from a seed and from invented words, so that nothing is shipped.

Words are numbers below 4096 until they are written, so five of them fit 60 bits: the truth about shared word
5-grams is exact and rests on no hash.
"""
# mypy: disallow-untyped-decorators=False, disable-error-code="no-any-return, no-untyped-call"

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

SEED = 7
WORDS = 4096
COMMON = 64
"""The commonest words, which make half of all text."""
NGRAM = 5
SHORTEST, LONGEST = 100, 200
CLUSTERED = 0.3
"""Share of the documents that stand in a planted cluster."""
EXACT = 0.15
"""Share of the planted copies that change nothing."""
CROWD, CROWD_PER = 500, 20_000
"""Copies of the one large cluster that each so many documents hold; nearer copies (0.8 to 1) than elsewhere."""
PASSAGES, PASSAGE_WORDS, PASSAGE_SHARE = 50, 40, 0.15
"""Boilerplate passages, and the share of the unclustered documents that contain one."""
_ONSETS = ("b br c ch d dr f g gr h j k l m n p pr qu r s sh st t th tr v w z").split()
_NUCLEI, _CODAS = ("a e i o u ai ea ou").split(), ["", "", "n", "r", "s", "l", "t", "m", "nd", "st"]
Numbers = NDArray[np.uint16]
Places = NDArray[np.int64]


class Documents(NamedTuple):
    """Documents as word numbers, one behind the other."""

    words: Numbers
    start: Places
    """Where each document begins; one more at the end."""

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.start) - 1


def vocabulary() -> list[str]:
    """Return WORDS invented words in the order of their frequency; as in any language the commonest are short."""
    draw = np.random.default_rng(SEED)
    parts = (_ONSETS, _NUCLEI, _CODAS)
    found: dict[str, None] = {}
    while len(found) < WORDS:
        syllables = 1 + draw.integers(0, 2)
        found["".join(part[draw.integers(len(part))] for _ in range(syllables) for part in parts)] = None
    words = list(found)
    return sorted(words[:COMMON], key=len) + words[COMMON:]


def planted(count: int, seed: int = SEED) -> Documents:
    """Return documents with planted neighbours, in random order."""
    draw = np.random.default_rng(seed)
    crowds = [(CROWD, 0.8)] * (count // CROWD_PER)
    left = int(count * CLUSTERED) - CROWD * len(crowds)
    clusters = [*crowds, *_small_clusters(draw, left)]
    sizes = np.array([size for size, _ in clusters], np.int64)
    lowest = np.repeat([low for _, low in clusters], sizes)
    alone = count - int(sizes.sum())
    roots = _drawn(draw, len(clusters) + alone)
    _with_passages(draw, roots, len(clusters))
    root = np.concatenate([np.repeat(np.arange(len(clusters)), sizes), len(clusters) + np.arange(alone)])
    aims = np.ones(count)
    aims[: len(lowest)] = np.where(
        draw.random(len(lowest)) < EXACT, 1.0, lowest + (1 - lowest) * draw.random(len(lowest))
    )
    aims[np.cumsum(sizes) - sizes] = 1.0
    order = draw.permutation(count)
    return _copied(roots, root[order], aims[order], _weights(), seed)


def _small_clusters(draw: np.random.Generator, left: int) -> Iterator[tuple[int, float]]:
    while left > 1:
        size = min(left, 2 + int(draw.geometric(0.4)) - 1)
        left -= size
        yield size, 0.5


def boilerplate(count: int, share: float = 0.6, seed: int = SEED) -> Documents:
    """Return documents of 150 words that no two share, but for one text that fills this share of each."""
    draw = np.random.default_rng(seed)
    common = _words(draw, int(150 * share))
    own = 150 - len(common)
    rows = np.concatenate([np.tile(common, (count, 1)), _words(draw, count * own).reshape(count, own)], axis=1)
    return Documents(rows.reshape(-1), np.arange(count + 1) * 150)


def near_copies(count: int, seed: int = SEED) -> Documents:
    """Return copies of one text of 150 words in each of which one to three words were replaced."""
    draw = np.random.default_rng(seed)
    rows = np.tile(_words(draw, 150), (count, 1))
    for edit in range(3):
        edited = np.flatnonzero(draw.integers(1, 4, count) > edit)
        rows[edited, draw.integers(0, 150, len(edited))] = _words(draw, len(edited))
    return Documents(rows.reshape(-1), np.arange(count + 1) * 150)


def texts_of(documents: Documents) -> pl.Series:
    """Return the documents as texts: words and single blanks alone, so that every tool cuts the same words."""
    words = pl.Series(vocabulary()).gather(pl.Series(documents.words.astype(np.uint32)))
    rows = np.repeat(np.arange(len(documents)), np.diff(documents.start))
    frame = pl.DataFrame({"row": rows, "text": words})
    return frame.group_by("row", maintain_order=True).agg(pl.col("text").str.join(" "))["text"]


def write_questions(path: Path, count: int, seed: int = SEED) -> None:
    """Write questions with answers as JSONL, about 320 bytes a line, no two questions alike."""
    draw = np.random.default_rng(seed)
    names = np.array(vocabulary(), dtype=object)
    with path.open("w", encoding="utf-8") as handle:
        for first in range(0, count, 10_000):
            rows = min(10_000, count - first)
            drawn = names[_words(draw, rows * 44).reshape(rows, 44)]
            handle.writelines(_question(first + row, drawn[row]) for row in range(rows))


def _question(number: int, words: NDArray[Any]) -> str:
    question = f"What of {number}: {' '.join(words[:14])}?"
    answer = " ".join(words[14:]).capitalize() + "."
    return json.dumps({"question": question, "answer": answer, "lang": "en"}) + "\n"


def _weights() -> NDArray[np.float64]:
    """Return the sums of the words' frequencies, which fall with their rank as Zipf's law has it."""
    frequency = 1 / (np.arange(WORDS) + 2.7)
    return np.cumsum(frequency) / frequency.sum()


def _words(draw: np.random.Generator, count: int) -> Numbers:
    found: Numbers = np.searchsorted(_weights(), draw.random(count)).clip(0, WORDS - 1).astype(np.uint16)
    return found


def _drawn(draw: np.random.Generator, count: int) -> Documents:
    sizes = draw.integers(SHORTEST, LONGEST + 1, count)
    start = np.concatenate([[0], np.cumsum(sizes)])
    return Documents(_words(draw, int(start[-1])), start)


def _with_passages(draw: np.random.Generator, roots: Documents, first: int) -> None:
    passages = _words(draw, PASSAGES * PASSAGE_WORDS).reshape(PASSAGES, PASSAGE_WORDS)
    for row in first + np.flatnonzero(draw.random(len(roots) - first) < PASSAGE_SHARE):
        at = roots.start[row] + draw.integers(0, roots.start[row + 1] - roots.start[row] - PASSAGE_WORDS)
        roots.words[at : at + PASSAGE_WORDS] = passages[draw.integers(PASSAGES)]


_jit = njit(cache=True)


@_jit
def codes_of(words: Numbers) -> NDArray[np.uint64]:
    """Return the sorted distinct 5-grams of a document, each packed into 60 bits."""
    out = np.empty(max(len(words) - NGRAM + 1, 0), np.uint64)
    for i in range(len(out)):
        code = np.uint64(0)
        for k in range(NGRAM):
            code = code << np.uint64(12) | np.uint64(words[i + k])
        out[i] = code
    return np.unique(out)


@_jit
def _jaccard(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> float:
    i = j = shared = 0
    while i < len(one) and j < len(other):
        shared += one[i] == other[j]
        up, down = one[i] <= other[j], other[j] <= one[i]
        i += up
        j += down
    return shared / max(len(one) + len(other) - shared, 1)


@_jit
def _edited(words: Numbers, weights: NDArray[np.float64]) -> Numbers:
    """Replace or insert a word anywhere, append one, or cut the last."""
    kind, at = np.random.randint(4), np.random.randint(len(words))
    rank = int(np.searchsorted(weights, np.random.random()))
    new = np.uint16(min(rank, len(weights) - 1))
    if kind == 0:
        out = words.copy()
        out[at] = new
        return out
    if kind == 3 and len(words) > 60:
        return words[:-1].copy()
    at = at if kind == 1 else len(words)
    out = np.empty(len(words) + 1, np.uint16)
    out[:at], out[at], out[at + 1 :] = words[:at], new, words[at:]
    return out


@_jit
def _copied(
    roots: Documents, root: Places, aims: NDArray[np.float64], weights: NDArray[np.float64], seed: int
) -> Documents:
    """Return a copy of each named root, edited until its Jaccard with the root is down at its aim."""
    np.random.seed(seed)
    start = np.zeros(len(root) + 1, np.int64)
    words = np.empty(len(root) * 220, np.uint16)
    for i in range(len(root)):
        own = roots.words[roots.start[root[i]] : roots.start[root[i] + 1]]
        codes, copy = codes_of(own), own
        while aims[i] < 1 and (copy is own or _jaccard(codes, codes_of(copy)) > aims[i]):
            copy = _edited(copy, weights)
        start[i + 1] = start[i] + len(copy)
        words[start[i] : start[i + 1]] = copy
    return Documents(words[: start[-1]].copy(), start)
