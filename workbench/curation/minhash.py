"""MinHash signatures, band keys and shingle sets of a column of texts, block by block, without a string a text."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.alphabet import Alphabet, alphabet
from workbench.curation.bands import BANDS, PERMUTATIONS
from workbench.curation.shingling import words
from workbench.processors import processors
from workbench.text import folded

if TYPE_CHECKING:
    from workbench.curation.compiled import Block, Sets

SEED = 1
BLOCK = 8192
"""Rows that are laid out in one piece of memory at a time."""
_Made = TypeVar("_Made")
_ASCII = Alphabet(np.zeros(1, np.uint8), np.zeros(1, np.uint32), np.zeros(1, np.uint8))


@cache
def permutations() -> NDArray[np.uint32]:
    """Return datasketch's permutations of scheme affine32, as (2, PERMUTATIONS): factors, then summands."""
    from datasketch import MinHash

    found: NDArray[np.uint32] = np.ascontiguousarray(MinHash(num_perm=PERMUTATIONS, seed=SEED).permutations)
    return found


def digests_of(texts: pl.Series) -> NDArray[np.uint64]:
    """Return (N, 2) digests of 64 bits each: texts that read the same (see `folded`) share both."""
    from workbench.curation.kernels import digests

    return _stacked(_over(texts, folded, digests), np.empty((0, 2), np.uint64))


def facts_of(texts: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Return each text's number of words, and a hash of the multiset of its words that hold a digit."""
    from workbench.curation.kernels import word_facts

    made = list(_over(texts, _joined_words, word_facts))
    counts = _stacked([count for count, _ in made], np.empty(0, np.int64))
    return counts, _stacked([numbers for _, numbers in made], np.empty(0, np.uint64))


def numbers_of(texts: pl.Series) -> NDArray[np.uint64]:
    """Return the second of the `facts_of` texts alone, which takes a fraction of the time."""
    from workbench.curation.kernels import number_hashes

    return _stacked(_over(texts, _joined_words, number_hashes), np.empty(0, np.uint64))


def signatures_of(texts: pl.Series, ngram: int) -> NDArray[np.uint32]:
    """Return (N, PERMUTATIONS) signatures, bit-identical to `datasketch.MinHash` over xxh32 of the word n-grams."""
    from workbench.curation.kernels import signatures

    signed = _over(texts, _joined_words, lambda block, letters: signatures(block, letters, ngram, permutations()))
    return _stacked(signed, np.empty((0, PERMUTATIONS), np.uint32))


def ends_of(texts: pl.Series, depth: int) -> NDArray[np.uint64]:
    """Return (N, 2) hashes of each text's first and last `depth` words, 0 where it has fewer."""
    from workbench.curation.kernels import ends

    made = _over(texts, _joined_words, lambda block, letters: ends(block, letters, depth))
    return _stacked(made, np.empty((0, 2), np.uint64))


def without_ends(
    texts: pl.Series, first: NDArray[np.uint32], last: NDArray[np.uint32], least: int
) -> tuple[pl.Series, NDArray[np.int64]]:
    """Return the texts' words without those shared with `first` and `last` (hashes), and how many that were (N, 2)."""
    import pyarrow as pa

    from workbench.curation.kernels import without

    parts, cut = [], [np.empty((0, 2), np.int64)]
    for data, offsets, numbers in _over(
        texts, _joined_words, lambda block, letters: without(block, letters, first, last, least)
    ):
        laid = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
        parts.append(pl.Series(pa.Array.from_buffers(pa.large_string(), len(numbers), laid), dtype=pl.String))
        cut.append(numbers)
    return pl.concat(parts), np.concatenate(cut)


class Signed(NamedTuple):
    """What candidates are found by."""

    keys: NDArray[np.uint64]
    """(BANDS, N), sorted within each band: 32 bits of hash, then the text's number."""
    low: NDArray[np.uint8]
    """(N, PERMUTATIONS): the low byte of each slot of the signatures."""


def signed(texts: pl.Series, ngram: int) -> Signed:
    """Return the band keys and signature bytes of some texts; the signatures themselves are not kept."""
    from workbench.curation.comparing import band_keys
    from workbench.curation.kernels import signatures

    out = Signed(np.empty((BANDS, len(texts)), np.uint64), np.empty((len(texts), PERMUTATIONS), np.uint8))
    first = 0
    for made in _over(texts, _joined_words, lambda block, letters: signatures(block, letters, ngram, permutations())):
        band_keys(made, first, *out)
        first += len(made)
    out.keys.sort(axis=1)
    return out


def sets_of(texts: pl.Series, ngram: int, rows: NDArray[np.int64]) -> Sets:
    """Return the sets of shingles of some of the texts."""
    from workbench.curation.compiled import Sets
    from workbench.curation.kernels import shingle_sets

    made = deque(_over(texts, _joined_words, lambda block, letters: shingle_sets(block, letters, ngram), rows))
    ends = np.cumsum([0, *(len(part.data) for part in made)])
    starts = _stacked([part.start + end for part, end in zip(made, ends, strict=False)], np.empty(0, np.int64))
    sizes = _stacked([part.size for part in made], np.empty(0, np.int64))
    data = np.empty(int(ends[-1]), np.uint32)
    for end in ends[:-1]:  # each part is let go as soon as it is copied: they are the most that is held at once
        part = made.popleft().data
        data[end : end + len(part)] = part
    return Sets(starts, sizes, data)


def jaccards_of(texts: pl.Series, ngram: int, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the exact Jaccard of each pair of texts by number; 0 for two without words."""
    from workbench.curation.comparing import jaccards

    rows, place = named(len(texts), one, other)
    measured: NDArray[np.float64] = jaccards(sets_of(texts, ngram, rows), place[one], place[other])
    return measured


def named(size: int, *rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which of `size` rows are named at all, in order, and by row its place among these."""
    used = np.zeros(size, np.bool_)
    for some in rows:
        used[some] = True
    return np.flatnonzero(used), np.cumsum(used) - 1


def _joined_words(text: str) -> str:
    return " ".join(words(text))


def _stacked(parts: Any, empty: NDArray[Any]) -> NDArray[Any]:  # noqa: ANN401 - arrays
    whole = list(parts)
    return np.concatenate(whole) if whole else empty


def _over(
    texts: pl.Series,
    fold: Callable[[str], str],
    work: Callable[[Block, Alphabet], _Made],
    rows: NDArray[np.int64] | None = None,
) -> Iterator[_Made]:
    """Yield what `work` makes of each block of texts, or of some rows of them; blocks are worked on side by side."""
    firsts = range(0, len(texts) if rows is None else len(rows), BLOCK)

    def made(first: int) -> _Made:
        some = texts.slice(first, BLOCK) if rows is None else texts.gather(rows[first : first + BLOCK])
        return work(*_block(some, fold))

    threads = min(processors(), len(firsts))
    if threads < 2:
        yield from map(made, firsts)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(made, firsts)


def _block(texts: pl.Series, fold: Callable[[str], str]) -> tuple[Block, Alphabet]:
    """Lay some texts out as bytes; `fold` gives the form of those that the loops cannot fold."""
    from workbench.curation.compiled import Block
    from workbench.curation.kernels import hard_rows

    data, offsets = _bytes_of(texts)
    none = np.full(len(texts), -1, np.int64)
    if not len(data) or data.max() < 128:
        return Block(data, offsets, data[:0], offsets[:1] * 0, none), _ASCII
    letters = alphabet()
    hard = np.flatnonzero(hard_rows(data, offsets, letters.kind))
    spare, spare_offsets = _bytes_of(pl.Series([fold(text) for text in texts.gather(hard)], dtype=pl.String))
    none[hard] = np.arange(len(hard))
    return Block(data, offsets, spare, spare_offsets, none), letters


def _bytes_of(texts: pl.Series) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    import pyarrow as pa

    laid = texts.fill_null("").rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    laid = laid.cast(pa.large_string())
    _, offsets, data = laid.buffers()
    places = np.frombuffer(offsets, np.int64)[laid.offset : laid.offset + len(laid) + 1]
    letters = np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8)
    return letters[places[0] : places[-1]], places - places[0]
