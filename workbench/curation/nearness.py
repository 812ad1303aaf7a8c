"""The near pairs among texts: candidates by MinHash bands, each verified by exact Jaccard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.bands import BANDS, FLOOR, PERMUTATIONS, ROWS
from workbench.curation.minhash import Signed, jaccards_of, named, signatures_of, signed

CROWDED = 256
"""A bucket of more texts, as templates fill, is not compared pair by pair."""
LEADERS = 8
"""Texts of a crowded bucket that every other one is compared with: its first ones and its nearest by signature."""
TIGHTER = 4 * ROWS
"""Further signature rows by which a crowded bucket is put in order, so that the nearest stand side by side."""
_ROW = 0xFFFFFFFF
_Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Near:
    """Verified pairs of texts by number (one < other), and how many pairs at most were left out of crowded buckets."""

    one: _Rows
    other: _Rows
    jaccard: NDArray[np.float64]
    left_out: int


def enough(floor: float) -> int:
    """Return the equal signature bytes (of PERMUTATIONS) below which a pair is hardly ever at the floor.

    Four standard deviations below the expected number: one pair in 30,000 at the very floor is missed.
    """
    return max(ceil(PERMUTATIONS * (floor - 4 * sqrt(floor * (1 - floor) / PERMUTATIONS))), 0)


def distinct(values: _Rows) -> _Rows:
    """Return the different values in order: ten times as fast as `np.unique`, which hashes."""
    ordered = np.sort(values)
    different: _Rows = ordered[np.diff(ordered, prepend=ordered[:1] - 1) != 0]
    return different


def near_pairs(
    texts: pl.Series,
    ngram: int,
    *,
    floor: float = FLOOR,
    sides: NDArray[np.uint8] | None = None,
    known: Signed | None = None,
) -> Near:
    """Return the pairs of texts with a Jaccard from `floor` on that share one of the BANDS x ROWS bands, in order.

    With `sides` (one bit a side) only pairs that stand on two sides are compared. `known` is what `signed` returns,
    where it was called before. Texts without words are alike to none.
    """
    from workbench.curation.comparing import alike_pairs, buckets

    keys, low = known or signed(texts, ngram)
    found = buckets(keys, CROWDED)
    everywhere = np.full(len(texts), 3, np.uint8) if sides is None else sides
    packed = alike_pairs(keys, found, low, everywhere, enough(floor))
    left_out = 0
    if len(found.crowds):
        crowds = [(keys[band, first:last] & _ROW).astype(np.int64) for band, first, last in found.crowds]
        listed, left_out = _crowded(texts, ngram, found.crowds[:, 0], crowds)
        packed = np.concatenate([packed, listed[close_enough(low, everywhere, listed, floor)].astype(np.uint64)])
    del keys, low, found  # two thirds of the memory, and the shingles of every near text come next
    return measured(texts, ngram, distinct(packed.astype(np.int64)), floor, left_out)


def close_enough(low: NDArray[np.uint8], sides: NDArray[np.uint8], packed: _Rows, floor: float) -> NDArray[np.bool_]:
    """Return which of the listed pairs (one << 32 | other) stand on two sides and may be at the floor."""
    from workbench.curation.comparing import alike

    both = sides[packed >> 32] | sides[packed & _ROW]
    near: NDArray[np.bool_] = (alike(low, packed >> 32, packed & _ROW) >= enough(floor)) & (both & (both - 1) > 0)
    return near


def verified(texts: pl.Series, ngram: int, packed: _Rows, floor: float) -> Near:
    """Return those of the listed pairs (one << 32 | other, in order) that `near_pairs` would find close enough."""
    from workbench.curation.comparing import alike

    rows, place = named(len(texts), packed >> 32, packed & _ROW)
    low = signed(texts.gather(rows), ngram).low
    close = alike(low, place[packed >> 32], place[packed & _ROW]) >= enough(floor)
    return measured(texts, ngram, packed[close], floor, 0)


def measured(texts: pl.Series, ngram: int, packed: _Rows, floor: float, left_out: int) -> Near:
    """Return those of the listed pairs (one << 32 | other, in order) whose exact Jaccard is at the floor or above."""
    jaccard = jaccards_of(texts, ngram, packed >> 32, packed & _ROW)
    close = (jaccard >= floor) & (jaccard > 0)
    return Near(packed[close] >> 32, packed[close] & _ROW, jaccard[close], left_out)


def _crowded(texts: pl.Series, ngram: int, bands: Sequence[int], crowds: Sequence[_Rows]) -> tuple[_Rows, int]:
    """Return the pairs of crowded buckets to compare, packed, and how many others they hold at most.

    Inside a crowded bucket the bands are tightened: its texts are put in order of their further signature rows, so
    that those that share most of them stand side by side, and each is compared with its LEADERS next ones and with
    the bucket's LEADERS first.
    """
    members, place = named(len(texts), *crowds)
    whole_signatures = signatures_of(texts.gather(members), ngram)
    packed = [np.empty(0, np.int64)]
    for band, rows in zip(bands, crowds, strict=True):
        packed.append(neighbours(rows, whole_signatures[place[rows]][:, further_rows(band)]))
    compared = distinct(np.concatenate(packed))
    whole = sum(len(crowd) * (len(crowd) - 1) // 2 for crowd in crowds)
    return compared, uncompared(whole, len(members), len(compared))


def further_rows(band: int) -> _Rows:
    """Return the TIGHTER signature rows by which a crowded bucket of a band is put in order."""
    rows: _Rows = (np.arange(TIGHTER) + (band + 1) * ROWS) % (BANDS * ROWS)
    return rows


def uncompared(whole: int, members: int, compared: int) -> int:
    """Return how many pairs of crowded buckets are left out at most.

    `whole` counts the pairs bucket by bucket, `members` the texts that stand in any of them.
    """
    return min(whole, members * (members - 1) // 2) - compared


def neighbours(rows: _Rows, further: NDArray[np.uint32]) -> _Rows:
    """Return the pairs, packed, of a crowded bucket's first rows with all, and of each with those next to it.

    `rows` are in order, `further` holds their further signature rows.
    """
    ordered = rows[np.lexsort(further.T[::-1])]
    pairs = [np.stack([np.full(len(rows) - 1 - i, rows[i]), rows[i + 1 :]]) for i in range(LEADERS)]
    pairs += [np.stack([ordered[:-apart], ordered[apart:]]) for apart in range(1, LEADERS + 1)]
    both = np.concatenate(pairs, axis=1)
    return distinct(both.min(axis=0) << 32 | both.max(axis=0))
