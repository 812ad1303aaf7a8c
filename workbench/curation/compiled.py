"""What compiled loops are made with: the decorator, and the arrays they work on. Import it inside functions only."""
# mypy: disable-error-code="no-untyped-call,no-any-return,import-untyped"

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Hashes = NDArray[np.uint32]
Keys = NDArray[np.uint64]
Places = NDArray[np.int64]


def _keepable() -> bool:
    """Return whether numba finds a place for what it compiled; without one it would refuse to compile at all."""
    beside = Path(__file__).parent
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    places = [beside / "__pycache__", beside, cache / "numba", cache, cache.parent]
    nearest = [next((place for place in some if place.is_dir()), None) for some in (places[:2], places[2:])]
    return "NUMBA_CACHE_DIR" in os.environ or any(place and os.access(place, os.W_OK) for place in nearest)


jit = njit(cache=_keepable(), nogil=True, error_model="numpy", boundscheck=False)


class Block(NamedTuple):
    """Rows of UTF-8 text; the rows that only Python can fold stand, folded, in the spare ones."""

    data: Bytes
    offsets: Places
    spare: Bytes
    spare_offsets: Places
    spare_of: Places
    """By row: its place among the spare ones, or -1."""


class Sets(NamedTuple):
    """The distinct shingle hashes of some rows, each in the order of its text."""

    start: Places
    size: Places
    data: Hashes
