"""Rows on their way in, as frames: full ones wait in scratch files, so that memory does not grow with the delivery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl

from workbench.errors import OutsideError
from workbench.workspace import out_of_space, private


class Spool:
    """Frames in the order in which they were added; read as often as wanted until it is closed."""

    def __init__(self, folder: Path, name: str) -> None:
        """Use files of this name in a folder; nothing is written before a frame is added."""
        self._folder = folder
        self._name = name
        self._files: list[Path] = []

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files, one a frame; they stay this spool's."""
        return tuple(self._files)

    def hand_over(self) -> tuple[Path, ...]:
        """Return the files for another spool, which removes them; this one is empty then."""
        files = tuple(self._files)
        self._files.clear()
        return files

    def take_over(self, files: Iterable[Path]) -> None:
        """Put the frames that another spool handed over behind the others."""
        self._files += files

    def add(self, frame: pl.DataFrame) -> None:
        """Put a frame behind the others."""
        path = self._folder / f"{self._name}-{len(self._files)}.arrow"
        self._files.append(path)
        with out_of_space(path):
            try:
                frame.write_ipc(private(path), compression="uncompressed")
            except pl.exceptions.ComputeError as error:
                hint = "free some space or choose another workspace"
                raise OutsideError(f"cannot write {str(path)!r}: {error}", hint) from error

    def frames(self, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """Yield the frames, with some of their columns or all; a file that cannot be read is an OutsideError."""
        for path in self._files:
            try:
                frame = pl.read_ipc(path, columns=columns)
            except (pl.exceptions.PolarsError, OSError) as error:
                hint = "is the disk well? then run the command again"
                raise OutsideError(f"shard {path} cannot be read: {error}", hint) from error
            yield frame

    def close(self) -> None:
        """Remove the files."""
        discard(self.hand_over())


def discard(files: Iterable[Path]) -> None:
    """Remove files of a spool."""
    for path in files:
        with suppress(OSError):  # on a read-only disk this would hide the first error
            path.unlink()


def evenly(frames: Iterable[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of frames, so many at a time and then the rest: what is kept does not tell how they came in."""
    held: list[pl.DataFrame] = []
    for frame in frames:
        if not held and frame.height == rows:
            yield frame
            continue
        held.append(frame)
        while sum(part.height for part in held) >= rows:
            whole = pl.concat(held)
            yield whole[:rows].rechunk()
            held = [rest] if (rest := whole[rows:]).height else []
    if held:
        yield pl.concat(held).rechunk()
