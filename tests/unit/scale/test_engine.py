"""An engine is asked for by name, says what it lacks, and cleans up after those that were killed."""

from __future__ import annotations

import os
import sys

import polars as pl
import pytest

from workbench.errors import UsageError
from workbench.scale import engine as engines
from workbench.scale.engine import ABANDONED, Engine, started
from workbench.scale.surface import Plan, collected
from workbench.workspace import Workspace


def test_without_the_extra_it_names_the_command_that_installs_it(monkeypatch, workspace):
    monkeypatch.setitem(sys.modules, "daft", None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UsageError) as error, started(workspace, None, print):
        pass
    assert "workbench[scale]" in error.value.hint


def test_workers_of_a_cluster_are_not_for_the_command_to_choose(monkeypatch, workspace):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    with pytest.raises(UsageError, match="workers that it has"), started(workspace, 4, print):
        pass


def test_a_path_that_the_engine_would_take_for_a_pattern_is_refused(tmp_path):
    workspace = Workspace.create(tmp_path / "mine [2]", with_samples=False)
    with pytest.raises(UsageError, match="for a pattern"), started(workspace, None, print):
        pass


def test_a_folder_that_another_run_removes_meanwhile_stops_nobody(tmp_path):
    (tmp_path / "scale-gone").symlink_to(tmp_path / "nowhere")
    with Engine(tmp_path, print).folder() as own:
        assert own.is_dir()


def test_shards_that_a_killed_run_left_are_swept_after_a_day(tmp_path):
    old, new = tmp_path / "scale-old", tmp_path / "scale-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, engines.time.time() - ABANDONED - 1))
    with Engine(tmp_path, print).folder() as own:
        assert own.is_dir() and new.is_dir() and not old.exists()
    assert sorted(tmp_path.iterdir()) == [new]


GROUPS = 40


def slow(rows: pl.DataFrame) -> pl.DataFrame:
    engines.Event().wait(0.02)
    return rows


def test_a_stage_tells_how_many_of_its_groups_are_done(engine, told, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "_LOOKED", 0.01)
    table = pl.DataFrame({"group": range(GROUPS)})
    plan = Plan.of(table, GROUPS, marks := engine.marks()).grouped("group", slow, dict(table.schema))
    assert collected(engine.ran("working", plan, tmp_path), table.schema).sort("group").equals(table)
    first, *counted = told
    assert first == "working" and f"working {GROUPS}/{GROUPS}" in counted[-1:]
    done = [int(line.split()[1].split("/")[0]) for line in counted]
    assert done == sorted(done) and set(done) - {0, GROUPS}
    assert not marks.exists()
