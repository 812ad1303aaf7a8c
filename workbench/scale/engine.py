"""The engine a person chose: where its shards lie, and how a stage is run to its end."""

from __future__ import annotations

import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

from workbench.errors import UsageError
from workbench.scale.surface import Plan, connected, disconnected
from workbench.workspace import Workspace, out_of_space

RAY_ADDRESS = "RAY_ADDRESS"
"""Environment variable by which Ray's own commands know their cluster."""
ABANDONED = 86_400
"""Seconds after which a folder of shards is what a killed process left."""
_PATTERN = frozenset("*?[]{}")
_LOOKED = 1.0
"""Seconds between two looks at how many groups are done."""


class Tell(Protocol):
    """Takes one line about what is being done, and how far it is."""

    def __call__(self, line: str, done: int = 0, total: int = 0) -> None:
        """Tell a line with counts, see `services.progress.Report`."""


@dataclass(frozen=True)
class Engine:
    """Runs plans; `shared` is a folder that every worker sees under the same path."""

    shared: Path
    tell: Tell

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Give a new folder for shards; it is gone afterwards."""
        self._sweep()
        made = self.shared / f"scale-{uuid.uuid4().hex}"
        try:
            with out_of_space(made):
                made.mkdir(mode=0o700)
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def kept(self) -> Path:
        """Return a new folder for shards that are there as long as the engine is."""
        made = self.shared / f"kept-{uuid.uuid4().hex}"
        with out_of_space(made):
            made.mkdir(mode=0o700)
        return made

    def marks(self) -> Path:
        """Return a new folder in which a plan's groups are counted."""
        return self.kept()

    def ran(self, line: str, plan: Plan, folder: Path) -> list[Path]:
        """Tell a line, run a plan to its end, and return the Parquet files that hold what it gave."""
        self.tell(line)
        os.utime(self.shared)  # a command that goes on for days must not look abandoned to another one
        with self._counting(line, plan):
            return plan.written(folder / uuid.uuid4().hex)

    @contextmanager
    def _counting(self, line: str, plan: Plan) -> Iterator[None]:
        """Tell meanwhile how many groups are done; one that a dead worker had done is counted twice."""
        if plan.marks is None:
            yield
            return
        marks, over, told = plan.marks, Event(), Event()

        def count() -> None:
            while not over.wait(_LOOKED):
                self.tell(line, min(len(os.listdir(marks)), plan.groups), plan.groups)
                told.set()

        looking = Thread(target=count, daemon=True)
        looking.start()
        try:
            yield
        finally:
            over.set()
            looking.join()
            shutil.rmtree(marks, ignore_errors=True)
        if told.is_set():
            self.tell(line, plan.groups, plan.groups)

    def _sweep(self) -> None:
        for folder in self.shared.glob("scale-*"):
            with suppress(OSError):  # another command may have come first
                if time.time() - folder.stat().st_mtime > ABANDONED:
                    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def started(workspace: Workspace, workers: int | None, tell: Tell) -> Iterator[Engine]:
    """Give Daft on the Ray cluster that RAY_ADDRESS names, else on this machine with so many threads.

    The workers of a cluster see the workspace under the same path: shards lie in its scratch folder.
    """
    address = os.environ.get(RAY_ADDRESS) or None
    if address and workers is not None:
        raise UsageError("a cluster has the workers that it has", f"leave --workers out, or unset {RAY_ADDRESS}")
    if _PATTERN & set(str(workspace.scratch)):
        what = f"the engine takes a sign in {str(workspace.root)!r} for a pattern: one of {' '.join(sorted(_PATTERN))}"
        raise UsageError(what, "move the workspace to a path without it")
    with redirect_stdout(sys.stderr):  # Ray writes there what it thinks of nodes that died
        connected(address, workers)
        try:
            with Engine(workspace.scratch, tell).folder() as own:
                yield Engine(own, tell)
        finally:
            disconnected(address)
