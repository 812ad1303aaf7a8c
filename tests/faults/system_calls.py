"""System calls that fail on demand: every writing call that Python makes is counted, and one of them raises."""

from __future__ import annotations

import builtins
import io
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import polars as pl
import pyarrow.parquet as pq

NAMED = (
    "open",
    "write",
    "fsync",
    "fdatasync",
    "replace",
    "rename",
    "link",
    "unlink",
    "mkdir",
    "rmdir",
    "chmod",
    "sendfile",
)
"""Functions of `os`; what `pathlib` and `shutil` do ends in them too."""
LOG = ("PRAGMA journal_mode", "BEGIN", "INSERT", "COMMIT")
"""Statements that write the log."""
NEVER = 1 << 60


class Calls:
    """How many calls were made, and which of them fails with which error."""

    def __init__(self, failing: int = NEVER, errno: int = 0) -> None:
        self.failing = failing
        self.errno = errno
        self.made: list[str] = []

    @property
    def fired(self) -> bool:
        return len(self.made) > self.failing

    def _due(self, name: str) -> bool:
        self.made.append(name)
        return len(self.made) - 1 == self.failing

    def count(self, name: str) -> None:
        """Take note of one call, and raise where its turn has come."""
        if self._due(name):
            raise OSError(self.errno, os.strerror(self.errno))

    def count_statement(self, statement: str) -> None:
        """Take note of one statement of SQLite, and raise as it does for a failing disk."""
        if statement.lstrip().startswith(LOG) and self._due(statement.split()[0]):
            raise sqlite3.OperationalError("disk I/O error")

    def wrapped(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.count(name)
            return call(*arguments, **named)

        return counted


@contextmanager
def counted(calls: Calls) -> Iterator[Calls]:
    """Let all writing calls of this process go through `calls`."""
    with ExitStack() as patches:
        for name in NAMED:
            patches.enter_context(patch.object(os, name, calls.wrapped(f"os.{name}", getattr(os, name))))
        opening = _opening(calls)
        for module in (io, builtins):
            patches.enter_context(patch.object(module, "open", opening))
        for owner, name in ((pl.DataFrame, "write_parquet"), (pl.DataFrame, "write_ipc"), (pq, "write_table")):
            patches.enter_context(patch.object(owner, name, calls.wrapped(name, getattr(owner, name))))
        yield calls


@contextmanager
def counted_reads(calls: Calls) -> Iterator[Calls]:
    """Let all reading of files in this process go through `calls`, but for what SQLite reads."""
    plain = io.open

    class Read(io.FileIO):
        def readinto(self, buffer: Any) -> int | None:
            calls.count("read")
            return super().readinto(buffer)

        def readall(self) -> bytes:
            calls.count("read")
            return super().readall()

    def opening(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if set(mode) & set("wax+"):
            return plain(file, mode, *arguments, **named)
        calls.count(f"open {file}")
        buffered = io.BufferedReader(Read(file))
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding="utf-8")

    with ExitStack() as patches:
        for module in (io, builtins):
            patches.enter_context(patch.object(module, "open", opening))
        for name in ("read_parquet", "read_ipc"):
            patches.enter_context(patch.object(pl, name, calls.wrapped(name, getattr(pl, name))))
        yield calls


def _opening(calls: Calls) -> Callable[..., Any]:
    """Return an `open` that counts opening for writing, and each write of what it opened."""
    plain = io.open

    class Written(io.FileIO):
        def write(self, data: Any) -> int | None:
            calls.count("write")
            return super().write(data)

    def opening(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if not set(mode) & set("wax+"):
            return plain(file, mode, *arguments, **named)
        calls.count("open for writing")
        buffered = io.BufferedWriter(Written(file, mode.replace("b", "").replace("t", "")))
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding="utf-8", newline="")

    return opening


def faulty_log(calls: Calls) -> Any:
    """Return a patch under which every log that is opened counts its writing statements."""

    class Log(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            calls.count_statement(statement)
            return super().execute(statement, *values)

        def executescript(self, script: str) -> sqlite3.Cursor:
            calls.count_statement(script)
            return super().executescript(script)

    plain = sqlite3.connect
    return patch.object(sqlite3, "connect", lambda *given, **named: plain(*given, factory=Log, **named))
