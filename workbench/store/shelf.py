"""Frames laid down in files and mapped back: what is not looked at is in no memory, however much there is."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from workbench.curation.slices import gathered
from workbench.errors import OutsideError
from workbench.store.spool import Spool
from workbench.store.view import mapped


@dataclass(frozen=True)
class Shelf:
    """A folder with room for all that is laid down; a killed process leaves there at most the file it was writing."""

    folder: Path

    def __call__(self, frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
        """Return frames of the same columns as one whose pages stay the disk's.

        A file loses its name at once, and its bytes with the last frame that is read from it. Small frames share one:
        a process maps so many files and no more.
        """
        return pl.concat([self._laid(frame) for frame in gathered(frames)], rechunk=False)

    def _laid(self, frame: pl.DataFrame) -> pl.DataFrame:
        spool = Spool(self.folder, uuid.uuid4().hex)
        try:
            spool.add(frame)
            return mapped(*spool.files)
        except OSError as error:
            hint = "vm.max_map_count says how many files a process may map: let it be more"
            raise OutsideError(f"cannot map a file of {str(self.folder)!r}: {error}", hint) from error
        finally:
            spool.close()
