"""Immutable objects named by their digest: raw deliveries and Parquet segments.

A workspace may keep them at an address too (`remote.json`). Then an object is acknowledged there before its name is
handed out, so before any log row names it; the folder on this disk is a cache, and what is gone from it is fetched.
"""

from __future__ import annotations

import mmap
import os
import shutil
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain, islice
from pathlib import Path

import polars as pl

from workbench.errors import CorruptionError, DataError, OutsideError, UsageError
from workbench.fingerprint import digest_file
from workbench.store.remote import Remote, remote_of
from workbench.store.spool import evenly
from workbench.workspace import Workspace, out_of_space, private, sync_folder

_BLOCK = 1 << 20
ROW_GROUP = 4096
"""Rows a Parquet row group: small enough that a page of the table reads few of them."""
_OTHER_BYTES = "its bytes are not what was written"
_AT_ONCE = 8
"""Objects on their way from an address at one time: most of what one waits for is its answer."""


class Objects:
    """The object folder of a workspace: write once, then only read."""

    def __init__(self, workspace: Workspace, renamed: Callable[[], dict[str, str]] = dict) -> None:
        """Use the workspace's object and scratch folders.

        `renamed` reads which objects a purge wrote anew, by their names before.
        """
        self._read_renamed = renamed
        # Read at the first use: a damaged log keeps nobody from opening the store and looking at it.
        self._renamed: dict[str, str] | None = None
        self._workspace = workspace
        self._folder = workspace.objects
        self._scratch = workspace.scratch
        self._cache = workspace.cache
        self._last_remote = remote_of(workspace)

    @property
    def scratch(self) -> Path:
        """Return the folder of files being written."""
        return self._scratch

    @property
    def cache(self) -> Path:
        """Return the folder of things that can be made again from the objects."""
        return self._cache

    @property
    def _remote(self) -> Remote | None:
        """Return where objects are kept besides, as the setting says now: another process may have written it."""
        now = remote_of(self._workspace)
        if now != self._last_remote:
            self._last_remote = now
        return self._last_remote

    @property
    def address(self) -> str | None:
        """Return the address at which objects are kept too, None where that is nowhere."""
        remote = self._remote
        return remote.address if remote else None

    def path(self, name: str) -> Path:
        """Return where an object lies, whether it is there or not; one that a purge wrote anew lies elsewhere.

        One that only the address holds is fetched; other bytes there than were written are a CorruptionError.
        """
        path = self._folder / self._today(name)
        if not path.is_file():
            # Another process may have purged it since the store was opened.
            self._renamed = self._read_renamed()
            path = self._folder / self._today(name)
            if not os.path.lexists(path) and self._remote:
                self._fetch([path.name])
                path = self._folder / self._today(name)
        return path

    def names(self, names: Iterable[str]) -> list[str]:
        """Return what the files of objects are called today, with one look at the folder."""
        asked, held = list(names), set(os.listdir(self._folder))
        now = [self._today(name) for name in asked]
        if held.issuperset(now):
            return now
        self._renamed = self._read_renamed()
        return [self._today(name) for name in asked]

    def bring(self, names: Iterable[str]) -> None:
        """Fetch those of some objects that are not on this disk, several at a time."""
        if self._remote is None:
            return
        absent = [name for name in self.names(names) if not os.path.lexists(self._folder / name)]
        if absent:
            self._fetch(absent)

    def _fetch(self, names: list[str]) -> None:
        """Put objects of the address into the folder; those that are nowhere stay away."""
        remote = self._remote
        if remote is None:
            return
        try:
            with ThreadPoolExecutor(_AT_ONCE) as threads:
                for _ in threads.map(partial(self._fetch_one, remote), dict.fromkeys(names)):
                    pass
        finally:
            self.remove_purged(names)  # while they were on their way

    def _fetch_one(self, remote: Remote, name: str) -> None:
        with self._draft() as draft:
            if not remote.fetch(name, draft):
                return
            if not _is_whole(draft, name):
                hint = "run: workbench verify; what that does not name nobody needs, and it can be removed there"
                raise CorruptionError(f"object {name}: {_OTHER_BYTES}, at {remote.address}", hint)
            self._settle(draft, name)

    def _today(self, name: str) -> str:
        if self._renamed is None:
            self._renamed = self._read_renamed()
        while name in self._renamed:
            name = self._renamed[name]
        return name

    def foreseen(self, renamed: dict[str, str]) -> Objects:
        """Return the objects as they will be once more of them have other names."""
        return Objects(self._workspace, lambda: self._read_renamed() | renamed)

    def held(self) -> list[Path]:
        """Return all files that lie in the folder of objects, by name; what only the address holds is fetched."""
        if remote := self._remote:
            self.bring(set(remote.names()) - self._read_renamed().keys())
        return sorted(self._folder.iterdir())

    def leftovers(self) -> list[Path]:
        """Return the files that a purge should have removed and did not: it was killed, or they came back."""
        self._renamed = self._read_renamed()
        if not self._renamed:
            return []
        remote = self._remote
        names = {*os.listdir(self._folder), *(remote.names() if remote else ())}
        return [self._folder / name for name in sorted(names & self._renamed.keys())]

    def remove(self, path: Path) -> None:
        """Remove an object's file for good, here and at the address; for a purge alone."""
        if path.parent == self._folder and (remote := self._remote):
            remote.remove(path.name)
        with out_of_space(path):
            path.unlink(missing_ok=True)
            sync_folder(self._folder)

    def remove_purged(self, names: Iterable[str]) -> None:
        """Remove those of some objects that a purge wrote anew, while a process that was not told of it kept them."""
        self._renamed = self._read_renamed()
        for name in self._renamed.keys() & set(names):
            self.remove(self._folder / name)

    def clear_drafts(self) -> None:
        """Remove what killed processes left at the address on its way in; for a purge alone."""
        if remote := self._remote:
            remote.clear()

    def put_file(self, source: Path) -> str:
        """Keep a regular file byte for byte and return its digest; one that was purged is refused with DataError."""
        with self._draft() as draft:
            self.hold_file(source, draft)
            return self.keep_held(draft)

    def hold_file(self, source: Path, place: Path) -> str:
        """Copy a regular file to a place in the scratch folder and return its digest; DataError for a purged one."""
        with out_of_space(place):
            _copy(source, private(place))
            name = digest_file(place)
        self._renamed = self._read_renamed()
        if f"{name}.raw" in self._renamed:
            raise DataError(
                f"{source.name!r} was purged: it still holds a text that was removed from here for good",
                "ingest a copy without the text under the same source name: edits and splits go on with its rows",
            )
        return name

    def keep_held(self, place: Path) -> str:
        """Keep what `hold_file` put in a place and return its digest; the file is there no more."""
        with out_of_space(place):
            return self._keep(place, ".raw").removesuffix(".raw")

    def put_bytes(self, data: bytes | bytearray | mmap.mmap) -> str:
        """Keep bytes as a raw object and return the object's name."""
        with self._draft() as draft:
            draft.write_bytes(data)
            return self._keep(draft, ".raw")

    def put_table(self, frame: pl.DataFrame) -> str:
        """Keep a frame as Parquet and return the object's name."""
        with self._draft() as draft:
            write_parquet(frame, draft)
            return self._keep(draft, ".parquet")

    def put_frames(self, frames: Iterable[pl.DataFrame]) -> str | None:
        """Keep frames of the same columns one behind the other as one table, None where there is none.

        As many rows as a row group has are held at a time.
        """
        groups = evenly(frames, ROW_GROUP)
        first = list(islice(groups, 2))
        if len(first) < 2:
            return self.put_table(first[0]) if first else None
        with self._draft() as draft:
            _write_groups(chain(first, groups), draft)
            return self._keep(draft, ".parquet")

    def table(self, name: str, columns: list[str] | None = None) -> pl.DataFrame:
        """Read a kept frame; a missing object is a CorruptionError."""
        with self._readable(name) as path:
            return pl.read_parquet(path, columns=columns)

    def tables(self, names: Iterable[str], columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """Yield kept frames in the order of their names, as `table` reads each."""
        wanted = list(names)
        self.bring(wanted)
        return (self.table(name, columns) for name in wanted)

    def heads(self, names: Iterable[str]) -> list[pl.DataFrame]:
        """Return kept frames in the order of their names without their rows: only the footers are read."""
        wanted = list(names)
        self.bring(wanted)
        return [self._head(name) for name in wanted]

    def _head(self, name: str) -> pl.DataFrame:
        with self._readable(name) as path:
            return pl.DataFrame(schema=pl.read_parquet_schema(path))

    @contextmanager
    def _readable(self, name: str) -> Iterator[Path]:
        """Give the file of a kept frame; where it is missing, or the block fails to read it, a CorruptionError."""
        path = self.path(name)
        if path.is_symlink() or not path.is_file():
            raise CorruptionError(f"object {name!r} is missing", "run: workbench verify")
        try:
            yield path
        except (pl.exceptions.PolarsError, OSError) as error:
            raise CorruptionError(f"object {name!r} cannot be read", "run: workbench verify") from error

    def faults(self, names: set[str]) -> dict[str, str]:
        """Return which of the named objects are missing or changed, here or at the address, with one sentence each."""
        asked, remote = sorted(names), self._remote
        with ThreadPoolExecutor(_AT_ONCE if remote else 1) as threads:
            told = threads.map(partial(self._faults, remote), self.names(asked))
            return {name: f"object {name}: {fault}" for name, fault in zip(asked, told, strict=True) if fault}

    def _faults(self, remote: Remote | None, now: str) -> str | None:
        """Return what is wrong with an object on this disk and at the address; `now` is what its file is called."""
        path = self._folder / now
        if path.is_symlink():
            return "a link, where only files belong"
        if path.is_file():
            here = None if _is_whole(path, now) else _OTHER_BYTES
        else:
            here = None if remote else "missing"
        there = self._fault_there(remote, now) if remote else None
        return "; ".join(filter(None, (here, there))) or None

    def _fault_there(self, remote: Remote, now: str) -> str | None:
        with self._draft() as draft:
            if not remote.fetch(now, draft):
                return f"missing at {remote.address}"
            return None if _is_whole(draft, now) else f"{_OTHER_BYTES}, at {remote.address}"

    @contextmanager
    def _draft(self) -> Iterator[Path]:
        """Give a place to write to; what a failure leaves there is removed, so that a full disk gets no fuller."""
        draft = self._scratch / uuid.uuid4().hex
        try:
            with out_of_space(draft):
                yield private(draft)
        finally:
            with suppress(OSError):  # on a read-only disk this would hide the first error
                draft.unlink()

    def _keep(self, draft: Path, suffix: str) -> str:
        """Name a finished draft by its digest; it lasts, here and at the address, before this returns."""
        name = digest_file(draft) + suffix
        # Bytes that were purged never come back: what stands in their place is found under their name.
        if name in self._read_renamed():
            return name
        remote = self._remote
        if remote:
            remote.put(draft, name)
        self._settle(draft, name)
        now = self._remote
        if now and now != remote:  # another process gave the workspace an address after we asked for it
            now.put(self._folder / name, name)
        self.remove_purged([name])  # while it was on its way
        return name

    def _settle(self, draft: Path, name: str) -> None:
        """Give a finished draft its place among the objects; the file and its name both last before this returns."""
        descriptor = os.open(draft, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.chmod(0o400)
        draft.replace(self._folder / name)
        sync_folder(self._folder)


def _is_whole(path: Path, name: str) -> bool:
    """Return whether a file holds the bytes that an object's name commits to."""
    return digest_file(path) == name.partition(".")[0]


def _copy(source: Path, draft: Path) -> None:
    """Copy what a path names at this moment, and only a regular file: a pipe would hang, a device never end.

    A link is followed once, when it is opened; what it points to afterwards does not matter.
    """
    descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as handle, draft.open("wb") as target:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UsageError(f"{source.name!r} is no regular file", "save its content to a file first")
        shutil.copyfileobj(handle, target, _BLOCK)


def _write_groups(groups: Iterable[pl.DataFrame], path: Path) -> None:
    """Write frames of the same columns as one Parquet file, a row group each: polars holds all that it writes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = (group.to_arrow(compat_level=pl.CompatLevel.oldest()) for group in groups)
    first: pa.Table = next(tables)
    with pq.ParquetWriter(path, first.schema, compression="zstd", compression_level=1) as writer:
        for table in chain([first], tables):
            writer.write_table(table)


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame; a failing disk is an OutsideError, in whatever words polars puts it."""
    try:
        private(path)
        # Level 1 takes two thirds of the time of level 3, and 5 % more space.
        frame.write_parquet(path, compression="zstd", compression_level=1, row_group_size=ROW_GROUP, statistics=True)
    except pl.exceptions.ComputeError as error:
        hint = "free some space or choose another workspace"
        raise OutsideError(f"cannot write {str(path)!r}: {error}", hint) from error
