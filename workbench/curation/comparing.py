"""Compiled loops over hashes: buckets of band keys, exact Jaccards, who stays. Import it inside functions only.

Like `kernels`, no loop here calls one of another file.
"""
# mypy: disallow-untyped-decorators=False, disable-error-code="no-untyped-call,no-any-return,import-untyped"

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import uint32, uint64
from numpy.typing import NDArray

from workbench.curation.compiled import Bytes, Hashes, Keys, Places, Sets, jit

_ROW = np.uint64(0xFFFFFFFF)
_HIGH = np.uint64(32)
_GOLDEN, _K1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xFF51AFD7ED558CCD)


class Buckets(NamedTuple):
    """Which rows share a band with another one."""

    start: Places
    """By row: where its entries begin in `place`; one more at the end."""
    place: Hashes
    """Where a bucket of the row begins in the flattened keys."""
    crowds: Places
    """(C, 3): band, begin and end of each bucket of too many rows, which `place` leaves out."""


@jit
def band_keys(signed: Hashes, first: int, keys: Keys, low: Bytes) -> None:
    """Write the keys (bands, rows) of some signatures, 32 bits of hash then the row's number, and their low bytes."""
    bands = keys.shape[0]
    rows = signed.shape[1] // bands
    for i in range(len(signed)):
        for band in range(bands):
            x = _GOLDEN
            for r in range(band * rows, (band + 1) * rows):
                x = uint64((x ^ uint64(signed[i, r])) * _K1)
                x ^= x >> uint64(32)
            keys[band, first + i] = (x & ~_ROW) | uint64(first + i)
        for p in range(signed.shape[1]):
            low[first + i, p] = signed[i, p] & uint32(255)


@jit
def _empty(size: int) -> Hashes:
    """Return a table for so many hashes, at most a sixteenth full; an empty place holds what can never stand there."""
    places = 64
    while places < 16 * size:
        places *= 2
    return (np.arange(places) ^ 1).astype(np.uint32)


@jit
def _laid(hashes: Hashes, table: Hashes, apart: Hashes) -> int:
    """Lay distinct hashes into an empty table; those whose place is taken go `apart`, and their number is returned."""
    mask, count = uint32(len(table) - 1), 0
    for value in hashes:
        place = value & mask
        if table[place] & mask == place:
            apart[count] = value
            count += 1
        else:
            table[place] = value
    return count


@jit
def _shared(hashes: Hashes, table: Hashes, apart: Hashes) -> int:
    """Return how many of some distinct hashes are in a table or apart from it; loops without branches."""
    mask, shared = uint32(len(table) - 1), 0
    for j in range(len(hashes)):
        shared += table[hashes[j] & mask] == hashes[j]
    for value in apart:
        for j in range(len(hashes)):
            shared += hashes[j] == value
    return shared


@jit
def jaccards(sets: Sets, one: Places, other: Places) -> NDArray[np.float64]:
    """Return the exact Jaccard of each pair of rows, 0 for two empty ones.

    Pairs of one first row that stand side by side share its table.
    """
    out = np.zeros(len(one), np.float64)
    most = sets.size.max() if len(sets.size) else 0
    table, apart = _empty(most), np.empty(most, np.uint32)
    row, count = np.int64(-1), 0
    for k in range(len(one)):
        if one[k] != row:
            if row >= 0:
                for place in sets.data[sets.start[row] : sets.start[row] + sets.size[row]] & uint32(len(table) - 1):
                    table[place] = place ^ uint32(1)
            row = one[k]
            count = _laid(sets.data[sets.start[row] : sets.start[row] + sets.size[row]], table, apart)
        mate = other[k]
        shared = _shared(sets.data[sets.start[mate] : sets.start[mate] + sets.size[mate]], table, apart[:count])
        union = sets.size[row] + sets.size[mate] - shared
        if union:
            out[k] = shared / union
    return out


@jit
def _alike(low: Bytes, one: int, other: int) -> int:
    equal = 0
    for p in range(low.shape[1]):
        equal += low[one, p] == low[other, p]
    return equal


@jit
def buckets(keys: Keys, crowded: int) -> Buckets:  # noqa: C901 - one loop, walked twice: to count and to fill
    """Return the buckets of two rows or more of sorted keys (bands, rows); larger ones than `crowded` apart."""
    bands, rows = keys.shape
    start = np.zeros(rows + 1, np.int64)
    place = np.empty(0, np.uint32)
    crowds = np.empty((0, 3), np.int64)
    for filling in (False, True):
        found = 0
        for band in range(bands):
            first = 0
            for t in range(1, rows + 1):
                if t < rows and keys[band, t] >> _HIGH == keys[band, first] >> _HIGH:
                    continue
                if t - first > crowded:
                    if filling:
                        crowds[found, 0], crowds[found, 1], crowds[found, 2] = band, first, t
                    found += 1
                elif t - first > 1:
                    for k in range(first, t):
                        row = np.int64(keys[band, k] & _ROW)
                        if filling:
                            place[start[row]] = uint32(band * rows + first)
                            start[row] += 1
                        else:
                            start[row + 1] += 1
                first = t
        if not filling:
            start = np.cumsum(start)
            place = np.empty(start[rows], np.uint32)
            crowds = np.empty((found, 3), np.int64)
    start[1:] = start[:-1].copy()  # filling moved every begin to its end
    start[0] = 0
    return Buckets(start, place, crowds)


@jit
def alike_pairs(keys: Keys, found: Buckets, low: Bytes, sides: Bytes, enough: int) -> Keys:
    """Return rows i < j, packed as i << 32 | j, of each pair in one bucket with `enough` equal signature bytes.

    A pair whose sides together are one bit is not looked at.
    """
    rows = len(sides)
    flat = keys.reshape(-1)
    seen = np.full(rows, -1, np.int64)
    out = np.empty(1024, np.uint64)
    count = 0
    for row in range(rows):
        for q in range(found.start[row], found.start[row + 1]):
            t = np.int64(found.place[q])
            while True:  # a bucket is in row order, so it reaches the row itself
                mate = np.int64(flat[t] & _ROW)
                t += 1
                if mate >= row:
                    break
                if seen[mate] == row:
                    continue
                seen[mate] = row
                both = sides[row] | sides[mate]
                if both & (both - 1) == 0 or _alike(low, mate, row) < enough:
                    continue
                if count == len(out):
                    out = np.append(out, out)
                out[count] = uint64(mate) << _HIGH | uint64(row)
                count += 1
    return out[:count].copy()


@jit
def alike(low: Bytes, one: Places, other: Places) -> Places:
    """Return the equal signature bytes of each listed pair of rows."""
    out = np.empty(len(one), np.int64)
    for k in range(len(one)):
        out[k] = _alike(low, one[k], other[k])
    return out


@jit
def matches(known: Keys, here: NDArray[np.bool_], asked: Keys, load: Places) -> Keys:
    """Return known row << 32 | asked row for every shared bucket, and add each asked key's mates to `load`.

    Both keys are (bands, rows), sorted within a band; rows of `known` that are not `here` do not count.
    """
    out = np.empty(1024, np.uint64)
    count = 0
    for band in range(known.shape[0]):
        at = 0
        for k in range(asked.shape[1]):
            wanted = asked[band, k] >> _HIGH
            low, high = at, known.shape[1]
            while low < high:
                middle = (low + high) // 2
                if known[band, middle] >> _HIGH < wanted:
                    low = middle + 1
                else:
                    high = middle
            at = low
            t = low
            row = asked[band, k] & _ROW
            while t < known.shape[1] and known[band, t] >> _HIGH == wanted:
                mate = known[band, t] & _ROW
                t += 1
                if not here[np.int64(mate)]:
                    continue
                load[band, np.int64(row)] += 1
                if count == len(out):
                    out = np.append(out, out)
                out[count] = uint64(mate << _HIGH) | uint64(row)
                count += 1
    return out[:count].copy()


@jit
def leaders(order: Places, start: Places, twin: Places, jaccard: NDArray[np.float64]) -> Any:  # noqa: ANN401
    """Walk units in the order of preference; one goes where a kept twin stands, in favour of the most alike.

    Unit u's twins are `twin[start[u]:start[u + 1]]`. Returns by unit the one that stays for it, and their Jaccard;
    of equally alike ones the last by number.
    """
    winner = np.arange(len(order))
    similarity = np.ones(len(order), np.float64)
    kept = np.zeros(len(order), np.bool_)
    for unit in order:
        best, by = -1.0, unit
        for q in range(start[unit], start[unit + 1]):
            other = twin[q]
            if kept[other] and (jaccard[q] > best or (jaccard[q] == best and other > by)):
                best, by = jaccard[q], other
        if by == unit:
            kept[unit] = True
        else:
            winner[unit], similarity[unit] = by, best
    return winner, similarity
