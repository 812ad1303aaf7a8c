"""The raw files of a delivery: kept byte for byte, and read where they are kept.

Whoever cuts short a file that is mapped into memory ends the process that looks at it (SIGBUS), and rows that were read
from a file's own place might not be in the bytes that were kept of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import OutsideError, UsageError
from workbench.fingerprint import digest_file
from workbench.store.objects import Objects
from workbench.workspace import out_of_space

_Stamps = dict[str, tuple[int, int, int]]


@dataclass(frozen=True)
class RawFiles:
    """A delivery's files, kept."""

    place: Path
    """Where their bytes are read, under their own names."""
    digests: dict[str, str]
    """By relative name; `.` is a file that is the whole delivery."""
    source: Path
    """Where they came from."""
    stamps: _Stamps
    """What the files there looked like before they were kept."""

    def refuse_changed(self) -> None:
        """Raise OutsideError where the files are not any more what was kept: a download may be under way."""
        # What was written without a trace in size and time can only be newer than what was kept.
        if _stamps(self.source) != self.stamps and _digests(self.source) != self.digests:
            raise OutsideError(f"{self.source.name!r} was changed while it was read", "ingest it again")


@contextmanager
def kept(objects: Objects, path: Path) -> Iterator[RawFiles]:
    """Keep the raw bytes of a file, or of each file of a folder, and give a place to read them from in the block."""
    stamps = _stamps(path)
    digests = {name: objects.put_file(file) for name, file in _files(path).items()}
    with tempfile.TemporaryDirectory(prefix="workbench-raw-") as folder:
        # The path of a folder above the workspace may have no name of its own.
        place = Path(folder) / (path.name if path.name.strip(".") else "raw")
        with out_of_space(place):
            for name, digest in digests.items():
                link = place / name
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(objects.path(f"{digest}.raw"))
        yield RawFiles(place, digests, path, stamps)


def _digests(path: Path) -> dict[str, str]:
    with out_of_space(path):
        return {name: digest_file(file) for name, file in _files(path).items()}


def _stamps(path: Path) -> _Stamps:
    with out_of_space(path):
        told = {name: file.stat() for name, file in _files(path).items()}
    return {name: (stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in told.items()}


def _files(path: Path) -> dict[str, Path]:
    if path.is_file():
        return {".": path}
    files, whole = sorted(p for p in path.rglob("*") if p.is_file()), path.resolve()
    for file in files:
        if not file.resolve().is_relative_to(whole):
            what = f"{path.name!r} holds the link {file.name!r}, which leads out of it"
            raise UsageError(what, "put the file itself in its place")
    return {str(file.relative_to(path)): file for file in files}
