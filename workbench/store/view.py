"""A view: the current records as delivered, mapped from one file, for screens and for edits of single records.

It is made from the segments, can be made again from them, and is never what a version, an export or a training reads.
"""

from __future__ import annotations

import os
import tokenize
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.errors import OutsideError
from workbench.fingerprint import ID_LENGTH
from workbench.workspace import out_of_space, private, safe_name

Rows = NDArray[np.int64]
_MANY = 500
"""Records from which on one look at all ids costs less than a search for each."""


@dataclass(frozen=True)
class View:
    """Records in source and file order, and where each id stands among them."""

    frame: pl.DataFrame
    """Memory-mapped: opening costs nothing, a slice reads only its own pages."""
    order: Rows
    """Row numbers in the order of ids."""

    def find(self, prefix: str) -> Rows:
        """Return the rows whose id starts with a prefix, in the order of ids."""
        if not prefix or len(prefix) > ID_LENGTH:
            return self.order[:0]
        return self.order[self._bound(prefix, after=False) : self._bound(prefix, after=True)]

    def bounds(self, first: str, last: str) -> slice:
        """Return the places in the order of ids that lie between two of them, both included."""
        return slice(self._bound(first, after=False), self._bound(last, after=True))

    def rows(self, records: Iterable[str]) -> Rows:
        """Return the rows of those records that are current, in no particular order."""
        wanted = [record for record in records if len(record) == ID_LENGTH]
        if len(wanted) > _MANY:
            return np.flatnonzero(self.frame["id"].is_in(wanted).to_numpy())
        return np.concatenate([self.order[:0], *(self.find(record) for record in wanted)])

    def _bound(self, prefix: str, *, after: bool) -> int:
        """Return the first place in the order behind all smaller ids, or behind those with this prefix too."""
        ids, low, high = self.frame["id"], 0, len(self.order)
        while low < high:
            middle = (low + high) // 2
            head = ids[int(self.order[middle])][: len(prefix)]
            if head < prefix or (after and head == prefix):
                low = middle + 1
            else:
                high = middle
        return low


def opened(folder: Path, corpus: str, name: str) -> View | None:
    """Return the view of a corpus that was kept under a name; None where there is none, or it is torn.

    A file that anybody wrote to since counts as torn: what is mapped is believed, and wrong offsets in it would end
    the process. Its time tells, because hashing it would take longer than all that a view is for.
    """
    frame, order = _files(folder, corpus, name)
    try:
        if any(path.stat().st_mtime_ns != _stamp(name) for path in (frame, order)):
            return None
        view = View(mapped(frame), np.load(order, mmap_mode="r"))
    # pyarrow's own error for a torn file is a ValueError; numpy reads an array's shape as Python source.
    except (OSError, EOFError, ValueError, SyntaxError, tokenize.TokenError):
        return None
    places = view.order[:0] if not len(view.order) else np.array([view.order.min(), view.order.max()])
    whole = len(view.order) == view.frame.height and all(0 <= place < view.frame.height for place in places)
    return view if whole else None


def kept(folder: Path, corpus: str, name: str, delivered: pl.DataFrame) -> View:
    """Return a view of delivered records, kept under a name where the disk takes it, instead of older ones."""
    order = delivered["id"].arg_sort().to_numpy().astype(np.int64)
    others = f"view-{corpus}-{'?' * len(name)}"  # not of a corpus whose name only begins like this one's
    older = [path for suffix in ("arrow", "npy") for path in folder.glob(f"{others}.{suffix}")]
    try:
        frame_file, order_file = _files(folder, corpus, name)
        write(frame_file, delivered, _stamp(name))
        write(order_file, order, _stamp(name))
    except OutsideError:  # a full or read-only disk keeps nobody from looking
        return View(delivered, order)
    for path in older:
        if name not in path.name:
            path.unlink(missing_ok=True)
    return opened(folder, corpus, name) or View(delivered, order)


def _files(folder: Path, corpus: str, name: str) -> tuple[Path, Path]:
    stem = f"view-{safe_name('corpus', corpus)}-{name}"
    return folder / f"{stem}.arrow", folder / f"{stem}.npy"


def _stamp(name: str) -> int:
    """Return the time, in nanoseconds, that the files of a view have while nobody writes to them."""
    return int(name[:8], 16) * 1_000_000_000


def mapped(path: Path) -> pl.DataFrame:
    """Return a frame whose pages stay the file's: opening costs nothing, and what is not looked at is not read."""
    # polars reads such a file into memory of its own; through pyarrow the pages stay the file's.
    import pyarrow as pa

    with pa.memory_map(str(path)) as mapped:
        frame = pl.from_arrow(pa.ipc.open_file(mapped).read_all(), rechunk=False)
    assert isinstance(frame, pl.DataFrame)
    return frame


def believed(path: Path, stamp: int) -> pl.DataFrame | None:
    """Return a frame that was written with a stamp; None where there is none, or anybody wrote to it since."""
    try:
        return mapped(path) if path.stat().st_mtime_ns == stamp else None
    except (OSError, EOFError, ValueError):  # pyarrow's own error for a torn file is a ValueError
        return None


def write(path: Path, content: pl.DataFrame | Rows, stamp: int) -> None:
    """Write a file whole or not at all; after a power cut it may be torn, which opening finds out."""
    draft = path.with_suffix(f".{uuid.uuid4().hex}")
    try:
        with out_of_space(path), private(draft).open("wb") as handle:
            if isinstance(content, pl.DataFrame):
                content.write_ipc(handle, compression="uncompressed")
            else:
                np.save(handle, content)
            handle.flush()
            os.utime(handle.fileno(), ns=(stamp, stamp))
            os.fsync(handle.fileno())
            draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink()
