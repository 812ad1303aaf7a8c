"""The exact Jaccard of all near pairs among documents, and what a tool's choice did to them."""
# mypy: disallow-untyped-decorators=False, disable-error-code="no-any-return, no-untyped-call"

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from documents import Documents, codes_of
from numba import njit
from numpy.typing import NDArray

FLOOR = 0.5
THRESHOLD = 0.8
_jit = njit(cache=True)


class Pairs(NamedTuple):
    """All pairs of documents (one < other) from FLOOR on, with their exact Jaccard."""

    one: NDArray[np.int64]
    other: NDArray[np.int64]
    jaccard: NDArray[np.float64]


class Quality(NamedTuple):
    """What became of the documents; it does not depend on how a tool clusters."""

    removed: int
    lost: int
    """Removed although no kept document has J >= THRESHOLD."""
    left: int
    """Kept although an earlier kept document has J >= THRESHOLD."""

    @property
    def precision(self) -> float:
        """Return the share of the removed documents that a kept one stands for."""
        return 1 - self.lost / self.removed if self.removed else 1.0

    @property
    def recall(self) -> float:
        """Return the share of the documents to remove that went."""
        good = self.removed - self.lost
        return good / (good + self.left) if good + self.left else 1.0


def pairs_of(documents: Documents, kept: Path) -> Pairs:
    """Return all near pairs, from the file if they were computed before."""
    if kept.is_file():
        with np.load(kept) as stored:
            return Pairs(stored["one"], stored["other"], stored["jaccard"])
    codes, start = _all_codes(documents)
    rows = np.repeat(np.arange(len(documents), dtype=np.int32), np.diff(start))
    order = np.argsort(codes, kind="stable")  # by code, then by document
    number = np.cumsum(np.concatenate([[0], np.diff(codes[order]) != 0]))
    first = np.flatnonzero(np.concatenate([[1], np.diff(number)]))
    posting = np.empty(len(codes), np.int32)
    posting[order] = number
    pairs = Pairs(*_near(start, posting, np.append(first, len(codes)), rows[order]))
    np.savez(kept, one=pairs.one, other=pairs.other, jaccard=pairs.jaccard)
    return pairs


def quality_of(kept: NDArray[np.bool_], pairs: Pairs) -> Quality:
    """Return what a tool that keeps these documents did to the pairs."""
    close = pairs.jaccard >= THRESHOLD
    one, other = pairs.one[close], pairs.other[close]
    stands_for = np.zeros(len(kept), np.bool_)
    stands_for[one[kept[other]]] = True
    stands_for[other[kept[one]]] = True
    twice = np.zeros(len(kept), np.bool_)
    twice[other[kept[one] & kept[other]]] = True
    return Quality(int((~kept).sum()), int((~kept & ~stands_for).sum()), int(twice.sum()))


@_jit
def _all_codes(documents: Documents) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    start = np.zeros(len(documents.start), np.int64)
    out = np.empty(len(documents.words), np.uint64)
    for row in range(len(start) - 1):
        codes = codes_of(documents.words[documents.start[row] : documents.start[row + 1]])
        start[row + 1] = start[row] + len(codes)
        out[start[row] : start[row + 1]] = codes
    return out[: start[-1]].copy(), start


@_jit
def _near(start, posting, first, rows):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - arrays
    """Count the shared codes of each document with all earlier ones, posting list by posting list."""
    shared = np.zeros(len(start) - 1, np.int32)
    met = np.empty(len(shared), np.int64)
    one, other, jaccard = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)], [0.0 for _ in range(0)]
    for row in range(len(shared)):
        found = 0
        for at in range(start[row], start[row + 1]):
            for entry in range(first[posting[at]], first[posting[at] + 1]):
                mate = rows[entry]
                if mate >= row:
                    break
                if shared[mate] == 0:
                    met[found] = mate
                    found += 1
                shared[mate] += 1
        size = start[row + 1] - start[row]
        for k in range(found):
            mate = met[k]
            value = shared[mate] / (size + start[mate + 1] - start[mate] - shared[mate])
            shared[mate] = 0
            if value >= FLOOR:
                one.append(mate)
                other.append(np.int64(row))
                jaccard.append(value)
    return np.array(one), np.array(other), np.array(jaccard)
