"""The raw files of a delivery: copied byte for byte, read from the copies, and kept once the delivery is accepted.

Whoever cuts short a file that is mapped into memory ends the process that looks at it (SIGBUS), and rows that were read
from a file's own place might not be in the bytes that were kept of it. A delivery that is refused leaves nothing.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import OutsideError, UsageError
from workbench.fingerprint import digest_file
from workbench.store.objects import Objects
from workbench.workspace import out_of_space

Stamps = dict[str, tuple[int, int]]
"""Size and time of the last write of files, by relative name; not every mount gives a file one inode for long."""


@dataclass(frozen=True)
class RawFiles:
    """A delivery's files, copied."""

    place: Path
    """Where the copies are read, under their own names."""
    digests: dict[str, str]
    """By relative name; `.` is a file that is the whole delivery."""
    source: Path
    """Where they came from."""
    stamps: Stamps
    """Those of the files there before anybody looked at them."""

    def refuse_changed(self) -> None:
        """Raise OutsideError where the files are not any more what was copied: a download may be under way."""
        # What was written without a trace in size and time can only be newer than what was copied.
        if stamps_of(self.source) != self.stamps and _digests(self.source) != self.digests:
            raise _changed(self.source)

    def keep(self, objects: Objects) -> None:
        """Make objects of the copies; those that are objects already are left alone.

        OutsideError where a copy is gone: the log must not name bytes that nobody has.
        """
        for name, digest in self.digests.items():
            if (copy := self.place / name).is_file():
                objects.keep_held(copy)
            elif not objects.path(f"{digest}.raw").is_file():
                raise OutsideError(f"the copy of {self.source.name!r} was removed while it was read", "ingest it again")


@contextmanager
def copied(objects: Objects, path: Path, stamps: Stamps) -> Iterator[RawFiles]:
    """Copy a file, or each file of a folder, and give the copies to be read, and kept, in the block.

    They lie in the workspace, where the workers of an engine see them too. `stamps` are those of the path before
    anybody looked at it: OutsideError where what was told by that look may not be so of what was copied.
    """
    folder = objects.scratch / uuid.uuid4().hex
    # The path of a folder above the workspace may have no name of its own.
    place = folder / (path.name if path.name.strip(".") else "raw")
    try:
        with out_of_space(folder):
            folder.mkdir(mode=0o700)  # what is made on the way to a file has no mode of its own
        digests = {name: _copied(objects, file, place / name) for name, file in _files(path).items()}
        if stamps_of(path) != stamps:
            raise _changed(path)
        yield RawFiles(place, digests, path, stamps)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copied(objects: Objects, file: Path, copy: Path) -> str:
    with out_of_space(copy):
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return objects.hold_file(file, copy)


def _changed(path: Path) -> OutsideError:
    return OutsideError(f"{path.name!r} was changed while it was read", "ingest it again")


def _digests(path: Path) -> dict[str, str]:
    with out_of_space(path):
        return {name: digest_file(file) for name, file in _files(path).items()}


def stamps_of(path: Path) -> Stamps:
    """Return what tells whether the file of a path, or each of a folder, is written to or replaced; none of nothing."""
    with out_of_space(path):
        told = {name: file.stat() for name, file in _files(path).items()}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in told.items()}


def _files(path: Path) -> dict[str, Path]:
    if path.is_file():
        return {".": path}
    files, whole = sorted(p for p in path.rglob("*") if p.is_file()), path.resolve()
    for file in files:
        if not file.resolve().is_relative_to(whole):
            what = f"{path.name!r} holds the link {file.name!r}, which leads out of it"
            raise UsageError(what, "put the file itself in its place")
    return {str(file.relative_to(path)): file for file in files}
