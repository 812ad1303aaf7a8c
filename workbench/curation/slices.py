"""A frame worked through slice by slice: what texts are turned into on the way is then never held for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import polars as pl

SLICE = 32_768
"""Records that are worked on together."""
_MOST = 4096
"""Slices of a frame, however large it is: each may be a file, and a process maps some ten thousands."""
Keep = Callable[[Iterable[pl.DataFrame]], pl.DataFrame]
"""Makes one frame of several of the same columns: held in memory, or laid down somewhere."""


def held(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return frames as one, in memory."""
    return pl.concat(frames)


def sliced(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the slices of a frame in order; an empty one is its own slice, so that its columns are told."""
    size = max(SLICE, frame.height // _MOST)
    return (frame.slice(first, size) for first in range(0, frame.height or 1, size))


def by_slices(frame: pl.DataFrame, work: Callable[[pl.DataFrame], pl.DataFrame], keep: Keep = held) -> pl.DataFrame:
    """Return what some work gives for each slice, as one; the work must look at each row by itself."""
    return keep(work(part) for part in sliced(frame))


def gathered(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield frames of the same columns in order, small ones together: every one but the last has a slice of rows."""
    some: list[pl.DataFrame] = []
    for frame in frames:
        some.append(frame)
        if sum(part.height for part in some) >= SLICE:
            yield pl.concat(some, rechunk=True) if len(some) > 1 else frame
            some = []
    if some:
        yield pl.concat(some, rechunk=True)
