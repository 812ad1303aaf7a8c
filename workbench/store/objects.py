"""Immutable objects named by their digest: raw deliveries and Parquet segments."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from workbench.errors import CorruptionError
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
        draft = self._draft()
        with out_of_space(draft):
            shutil.copyfile(source, draft)
        return self._keep(draft, ".raw").removesuffix(".raw")

    def put_table(self, frame: pl.DataFrame) -> str:
        """Keep a frame as Parquet and return the object's name."""
        draft = self._draft()
        with out_of_space(draft):
            frame.write_parquet(draft, compression="zstd", row_group_size=ROW_GROUP, statistics=True)
        return self._keep(draft, ".parquet")

    def table(self, name: str, columns: list[str] | None = None) -> pl.DataFrame:
        """Read a kept frame; a missing object is a CorruptionError."""
        if not self.path(name).is_file():
            raise CorruptionError(f"object {name!r} is missing", "run: workbench verify")
        try:
            return pl.read_parquet(self.path(name), columns=columns)
        except (pl.exceptions.ComputeError, OSError) as error:
            raise CorruptionError(f"object {name!r} cannot be read", "run: workbench verify") from error

    def faults(self, names: set[str]) -> Iterator[str]:
        """Yield which of the named objects are missing or changed."""
        for name in sorted(names):
            if not self.path(name).is_file():
                yield f"object {name}: missing"
            elif digest_file(self.path(name)) != name.split(".")[0]:
                yield f"object {name}: its bytes are not what was written"

    def _draft(self) -> Path:
        return self._scratch / uuid.uuid4().hex

    def _keep(self, draft: Path, suffix: str) -> str:
        """Name a finished draft by its digest; the file and its name both last before this returns."""
        name = digest_file(draft) + suffix
        with out_of_space(draft):
            descriptor = os.open(draft, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            draft.chmod(0o400)
            draft.replace(self.path(name))
            sync_folder(self._folder)
        return name
