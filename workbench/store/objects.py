"""Immutable objects named by their digest: raw deliveries and Parquet segments."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl

from workbench.errors import CorruptionError, OutsideError
from workbench.fingerprint import digest_file
from workbench.workspace import Workspace, out_of_space, sync_folder

ROW_GROUP = 4096
"""Rows a Parquet row group: small enough that a page of the table reads few of them."""


class Objects:
    """The object folder of a workspace: write once, then only read."""

    def __init__(self, workspace: Workspace) -> None:
        """Use the workspace's object and scratch folders."""
        self._folder = workspace.objects
        self._scratch = workspace.scratch

    def path(self, name: str) -> Path:
        """Return where an object lies, whether it is there or not."""
        return self._folder / name

    def put_file(self, source: Path) -> str:
        """Keep a file byte for byte and return its digest."""
        with self._draft() as draft:
            shutil.copyfile(source, draft)
            return self._keep(draft, ".raw").removesuffix(".raw")

    def put_table(self, frame: pl.DataFrame) -> str:
        """Keep a frame as Parquet and return the object's name."""
        with self._draft() as draft:
            write_parquet(frame, draft)
            return self._keep(draft, ".parquet")

    def table(self, name: str, columns: list[str] | None = None) -> pl.DataFrame:
        """Read a kept frame; a missing object is a CorruptionError."""
        if not self.path(name).is_file():
            raise CorruptionError(f"object {name!r} is missing", "run: workbench verify")
        try:
            return pl.read_parquet(self.path(name), columns=columns)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise CorruptionError(f"object {name!r} cannot be read", "run: workbench verify") from error

    def faults(self, names: set[str]) -> dict[str, str]:
        """Return which of the named objects are missing or changed, with one sentence each."""
        found = {}
        for name in sorted(names):
            if not self.path(name).is_file():
                found[name] = f"object {name}: missing"
            elif digest_file(self.path(name)) != name.split(".")[0]:
                found[name] = f"object {name}: its bytes are not what was written"
        return found

    @contextmanager
    def _draft(self) -> Iterator[Path]:
        """Give a place to write to; what a failure leaves there is removed, so that a full disk gets no fuller."""
        draft = self._scratch / uuid.uuid4().hex
        try:
            with out_of_space(draft):
                yield draft
        finally:
            with suppress(OSError):  # on a read-only disk this would hide the first error
                draft.unlink()

    def _keep(self, draft: Path, suffix: str) -> str:
        """Name a finished draft by its digest; the file and its name both last before this returns."""
        name = digest_file(draft) + suffix
        descriptor = os.open(draft, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.chmod(0o400)
        draft.replace(self.path(name))
        sync_folder(self._folder)
        return name


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame; a failing disk is an OutsideError, in whatever words polars puts it."""
    try:
        frame.write_parquet(path, compression="zstd", row_group_size=ROW_GROUP, statistics=True)
    except pl.exceptions.ComputeError as error:
        hint = "free some space or choose another workspace"
        raise OutsideError(f"cannot write {str(path)!r}: {error}", hint) from error
