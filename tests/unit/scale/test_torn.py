"""A shard that is torn, gone, or not as it was written names itself, whichever command stumbles over it."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.corpora import CORPUS, cut, deliver, facts, ids, long_fact, near, write
from tests.unit.services.intake.test_spread import make_small
from workbench.errors import ExitCode, OutsideError, WorkbenchError
from workbench.scale.engine import Engine
from workbench.scale.surface import Plan, connected
from workbench.services.checking.check import check
from workbench.services.checking.curate import curate
from workbench.services.checking.describe import describe
from workbench.services.intake.ingest import Order, ingest
from workbench.services.publishing.export import export
from workbench.services.records.editing import edit
from workbench.services.versions.build import build
from workbench.services.versions.split import Request, requested, split
from workbench.store.store import Store

pytest.importorskip("daft", reason="the extra `scale` is not installed: pip install '.[scale]'")
Spoil = Callable[[Path], object]
Command = Callable[[Store, Engine], object]
SPOILT: dict[str, Spoil] = {
    "torn": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "gone": lambda path: path.unlink(),
    "other": lambda path: pl.DataFrame({"another": [1]}).write_parquet(path),
}
COMMANDS: dict[str, Command] = {
    "check": lambda store, engine: check(store, CORPUS, engine=engine),
    "dedup": lambda store, engine: curate(store, CORPUS, engine=engine),
    "split": lambda store, engine: split(store, Request(CORPUS, requested(store, CORPUS)), engine=engine),
    "build": lambda store, engine: build(store, CORPUS, engine=engine),
    "describe": lambda store, engine: describe(store, CORPUS, engine=engine),
    "export": lambda store, engine: export(store, CORPUS, "latest", engine=engine),
}
LINES = {
    "check": ["checking records"],
    "dedup": [
        *("looking for texts that share a band", "comparing signatures", "comparing texts"),
        *("looking for what hangs together", "following what hangs together", "choosing who stays"),
    ],
    "split": ["comparing texts", "writing the content down"],
    "build": ["writing the content down"],
    "describe": ["reading texts"],
    "export": ["measuring texts", "measuring the records of train", "writing records"],
}
"""What a command has run: the next reads what that leaves, or the command itself does."""


@dataclass(frozen=True)
class Spoiling(Engine):
    """Spoils one file of a stage: of those that it is about to read, or the last one that it leaves."""

    line: str
    spoil: Spoil
    read: str = ""
    """A pattern of what it reads; without one it is what it leaves."""

    def ran(self, line: str, plan: Plan, folder: Path) -> list[Path]:
        if line == self.line and self.read:
            self.spoil(next(self.shared.rglob(self.read)))
        files = super().ran(line, plan, folder)
        if line == self.line and not self.read:
            self.spoil(files[-1])
        return files


def cases() -> list[Any]:
    """Return each stage with each way to spoil its shards; all but one of each command are slow."""
    return [
        pytest.param(command, line, way, marks=pytest.mark.slow if number else pytest.mark.thorough)
        for command, lines in LINES.items()
        for number, (line, way) in enumerate(itertools.product(lines, SPOILT))
    ]


@pytest.fixture
def corpus(store: Store) -> Store:
    """Return a store with near duplicates and an edited record, cut once."""
    connected(None, 2)
    rows = [long_fact(number) for number in range(12)]
    deliver(store, [*rows, *(near(row, "more") for row in rows[:4])])
    edit(store, CORPUS, ids(store)[0], {"answer": "another"})
    cut(store)
    return store


def told(store: Store, command: Command, line: str, spoil: Spoil, read: str = "") -> WorkbenchError:
    """Return what a command says of a shard that is spoilt at a stage; it leaves nothing behind."""
    shutil.rmtree(store.workspace.cache)
    with Engine(store.workspace.scratch, lambda line, *counts: None).folder() as own:
        with pytest.raises(WorkbenchError) as caught:
            command(store, Spoiling(own, lambda _: None, line, spoil, read))
    assert list(store.workspace.scratch.iterdir()) == []
    return caught.value


@pytest.mark.parametrize(("command", "line", "way"), cases())
def test_what_a_stage_leaves_names_itself(corpus, command, line, way):
    if command in ("split", "build"):
        deliver(corpus, facts(70, 71), file="more.jsonl", name="more")
    spoilt: list[Path] = []

    def spoil(path: Path) -> None:
        spoilt.append(path)
        SPOILT[way](path)

    said = told(corpus, COMMANDS[command], line, spoil)
    assert said.exit_code == ExitCode.OUTSIDE
    assert f"shard {spoilt[-1]} cannot be read" in said.what


@pytest.mark.slow
@pytest.mark.parametrize("way", SPOILT)
@pytest.mark.parametrize(
    ("command", "line", "read"),
    [
        ("dedup", "comparing signatures", "texts-000000.parquet"),
        ("describe", "reading texts", "rows-000000.parquet"),
        ("describe", "reading texts", "edited.parquet"),
    ],
)
def test_what_workers_read_names_itself(corpus, command, line, read, way):
    said = told(corpus, COMMANDS[command], line, SPOILT[way], read)
    assert said.exit_code == ExitCode.OUTSIDE
    assert "shard " in said.what and f"{read} cannot be read" in said.what


@pytest.mark.slow
@pytest.mark.parametrize("way", SPOILT)
@pytest.mark.parametrize(
    ("command", "line", "left"),
    [("split", "writing the content down", "*.lines"), ("export", "writing records", "*.piece")],
)
def test_what_workers_leave_beside_their_tables_names_itself(corpus, command, line, left, way):
    deliver(corpus, facts(70, 71), file="more.jsonl", name="more")
    with Engine(corpus.workspace.scratch, lambda line, *counts: None).folder() as own:
        engine = Spoiling(own, lambda _: None, line, lambda _: SPOILT[way](next(own.rglob(left))))
        with pytest.raises(OutsideError, match=rf"shard .*\.{left[2:]} "):
            COMMANDS[command](corpus, engine)
    assert list(corpus.workspace.scratch.iterdir()) == []


@pytest.mark.thorough
@pytest.mark.parametrize("way", SPOILT)
def test_what_readers_leave_of_a_file_names_itself(store, monkeypatch, way):
    connected(None, 2)
    make_small(monkeypatch, 200)
    spoilt: list[Path] = []

    def spoil(line: str, *counts: int) -> None:
        if line.startswith("keeping") and not spoilt:
            spoilt.append(min(store.workspace.scratch.rglob("*.arrow")))
            SPOILT[way](spoilt[0])

    path = write(store, facts(*range(24)))
    with pytest.raises(OutsideError) as caught:
        ingest(store, Order(CORPUS, (path,), schema="qa"), engine=Engine(store.workspace.scratch, spoil))
    assert f"shard {spoilt[0]} cannot be read" in caught.value.what
    assert store.catalogue.rows() == [] and list(store.workspace.scratch.iterdir()) == []
