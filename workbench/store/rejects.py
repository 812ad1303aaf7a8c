"""What of a delivery could not be a row, on its way in: beyond a few, units wait in scratch files as rows do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from workbench.readers.record import Origin, Reject
from workbench.store.spool import Spool

REJECTS = {"position": pl.Int64, "start": pl.Int64, "end": pl.Int64, "reason": pl.String, "raw": pl.Binary}
"""One row per unit that was set aside."""
_AT_HAND = 2_048
_BYTES = 1 << 23
"""Units, and bytes of them, that are held in memory: each costs a kilobyte beside its bytes."""


class SetAside(NamedTuple):
    """What one intake hands over to another of its rejects: their files, and how many units these hold."""

    files: tuple[Path, ...] = ()
    height: int = 0


class Rejects:
    """Rejects of one delivery, in file order."""

    def __init__(self, folder: Path, name: str) -> None:
        """Use files of this name in a folder; nothing is written as long as they are few."""
        self._spool = Spool(folder, f"{name}-rejects")
        self._first: list[int] = []
        """What to add to the positions in each frame of the spool."""
        self._waiting: list[Reject] = []
        self._bytes = 0
        self._spooled = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return self._spooled + len(self._waiting)

    def __iter__(self) -> Iterator[Reject]:
        """Yield them in order."""
        for frame in self.frames():
            yield from (Reject(raw, Origin(*origin), reason) for *origin, reason, raw in frame.iter_rows())

    def append(self, reject: Reject) -> None:
        """Put one behind the others."""
        self._waiting.append(reject)
        self._bytes += len(reject.raw)
        if len(self._waiting) == _AT_HAND or self._bytes > _BYTES:
            self._spool_all()

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield them in order, some at a time, with the columns of REJECTS."""
        for first, frame in zip(self._first, self._spool.frames(), strict=True):
            yield frame.with_columns(pl.col("position") + first)
        if self._waiting:
            yield _frame(self._waiting)

    def handed_over(self) -> SetAside:
        """Return them for those of another intake; here are none any more."""
        self._spool_all()
        height, self._spooled = self._spooled, 0
        self._first.clear()
        return SetAside(self._spool.hand_over(), height)

    def take_over(self, part: SetAside, units: int) -> None:
        """Put those of the next part of the file behind the others; `units` came before that part."""
        self._spool_all()
        self._spool.take_over(part.files)
        self._first += [units] * len(part.files)
        self._spooled += part.height

    def close(self) -> None:
        """Remove what waited on disk."""
        self._spool.close()

    def _spool_all(self) -> None:
        if self._waiting:
            self._spool.add(_frame(self._waiting))
            self._first.append(0)
            self._spooled += len(self._waiting)
            self._waiting.clear()
            self._bytes = 0


def _frame(rejects: Iterable[Reject]) -> pl.DataFrame:
    rows = [(*reject.origin, reject.reason, reject.raw) for reject in rejects]
    return pl.DataFrame(rows, schema=REJECTS, orient="row")
