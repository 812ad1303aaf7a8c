"""A plan brings groups together, and a fault in one of them is told in its own words."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from workbench.errors import DataError, OutsideError
from workbench.scale import surface
from workbench.scale.shards import Parts
from workbench.scale.surface import LostError, Plan, collected

TABLE = pl.DataFrame({"group": [0, 1, 1, 2], "value": [1, 2, 3, 4]})
SUMS = {"group": pl.Int64, "value": pl.Int64}


def summed(rows: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame({"group": [0], "value": [rows["value"].sum()]})


def without_threes(rows: pl.DataFrame) -> pl.DataFrame:
    if 3 in rows["value"]:
        raise DataError("three is no value")
    return rows


def mistaken(rows: pl.DataFrame) -> pl.DataFrame:
    raise KeyError("a mistake of ours")


def same(rows: pl.DataFrame) -> pl.DataFrame:
    return rows


def nothing(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.clear()


@pytest.mark.usefixtures("engine")
def test_work_sees_whole_groups_one_after_another(tmp_path: Path):
    plan = Plan.of(TABLE, 2).grouped("group", summed, SUMS)
    files = plan.written(tmp_path / "sums")
    assert sorted(collected(files, SUMS)["value"]) == [1, 4, 5]
    again = Plan.read(files, 2, SUMS).grouped("group", summed, SUMS).written(tmp_path / "sum")
    assert collected(again, SUMS)["value"].to_list() == [10]


@pytest.mark.usefixtures("engine")
def test_a_fault_outlasts_the_work_that_follows(tmp_path: Path):
    plan = Plan.of(TABLE, 2).grouped("group", without_threes, SUMS).grouped("group", summed, SUMS)
    with pytest.raises(DataError, match="three is no value"):
        plan.written(tmp_path / "sums")


@pytest.mark.usefixtures("engine")
def test_an_engine_that_cannot_write_is_the_outside_worlds_fault_and_ours_stays_ours(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(OutsideError, match="cannot go on"):
        Plan.of(TABLE, 2).grouped("group", summed, SUMS).written(tmp_path / "file" / "sums")
    with pytest.raises(KeyError):
        Plan.of(TABLE, 2).grouped("group", mistaken, SUMS).written(tmp_path / "sums")


@pytest.mark.usefixtures("engine")
def test_groups_may_give_nothing(tmp_path: Path):
    files = Plan.of(TABLE, 2).grouped("group", nothing, SUMS).written(tmp_path / "none")
    assert collected(files, SUMS).schema == pl.Schema(SUMS)
    again = Plan.read(files, 2, SUMS).grouped("group", summed, SUMS).written(tmp_path / "still none")
    assert collected(again, SUMS).is_empty()


def forgetful(files: list[Path], losses: list[Path]) -> list[Path]:
    """Lose the rows of some files as a dying worker might."""
    for path in files:
        if losses:
            losses.pop()
            pl.read_parquet(path).head(1).write_parquet(path)
    return files


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("times", [1, surface.TRIES])
def test_rows_that_an_engine_loses_are_made_again_or_told(tmp_path: Path, monkeypatch, times):
    losses, fault_of = [tmp_path] * times, surface.raise_fault
    monkeypatch.setattr(surface, "raise_fault", lambda files: fault_of(forgetful(files, losses)))
    plan = Plan.of(TABLE, 2).grouped("group", same, SUMS).grouped("group", same, SUMS)
    if times == surface.TRIES:
        with pytest.raises(OutsideError, match="lost rows"):
            plan.written(tmp_path / "same")
        return
    files = plan.written(tmp_path / "same")
    assert collected(files, SUMS).sort("value").equals(TABLE)
    parts = pl.concat(Parts(tuple(files), ("group", "value")))
    assert parts.sort("value").equals(TABLE)
    assert (
        collected(Plan.read(files, 2, SUMS).grouped("group", same, SUMS).written(tmp_path / "again"), SUMS).height == 4
    )


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("times", [surface.TRIES - 1, surface.TRIES])
def test_a_plan_whose_node_is_lost_is_run_again(tmp_path: Path, monkeypatch, times):
    left, written = [None] * times, Plan._written

    def losing(self: Plan, folder: Path) -> list[Path]:
        files = written(self, folder)
        if left:
            left.pop()
            raise LostError("the engine lost a node")
        return files

    monkeypatch.setattr(Plan, "_written", losing)
    plan = Plan.of(TABLE, 2).grouped("group", same, SUMS)
    if times == surface.TRIES:
        with pytest.raises(OutsideError, match="lost a node"):
            plan.written(tmp_path / "same")
        return
    assert collected(plan.written(tmp_path / "same"), SUMS).sort("value").equals(TABLE)


def test_a_full_disk_of_a_node_is_told_as_one():
    exceptions = pytest.importorskip("ray.exceptions", reason="the extra `scale` is not installed")
    told = surface._broken(exceptions.OutOfDiskError("no room for an object"))
    assert not isinstance(told, LostError)
    assert "disk is full" in told.what and "free space" in told.hint


def test_partitions_grow_with_the_groups_but_not_as_fast():
    assert [surface.partitions(groups) for groups in (1, 512, 513, 6_104, 61_036)] == [1, 512, 512, 512, 1907]
