"""Facts about the pre-flight: what stands in the way is named with its fix, and what does not is no obstacle."""

from __future__ import annotations

import json
from collections import namedtuple
from pathlib import Path

import pytest

from tests.corpora import deliver, facts
from workbench.services import preflight as looked
from workbench.services.device import in_words, parsed
from workbench.services.preflight import Preflight, last_recipe, preflight
from workbench.services.records import edit
from workbench.services.split import Request, requested, split
from workbench.store.store import Store
from workbench.training.runs import RunFolder

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def cut(store: Store) -> Store:
    """A corpus of 20 records with a version that has records on every side."""
    deliver(store, facts(*range(20)))
    split(store, Request("facts", requested(store, "facts", counts=(14, 3, 3))))
    return store


def no(found: Preflight) -> list[str]:
    """Return the names of the checks that stand in the way."""
    return [check.name for check in found.checks if check.verdict == "no"]


def said(found: Preflight, name: str) -> str:
    """Return what was said of one thing, and what to do."""
    return next(f"{check.verdict}: {check.said} | {check.fix}" for check in found.checks if check.name == name)


def trained(store: Store, name: str, recipe: str) -> RunFolder:
    """Leave the folder of a run that a recipe trained."""
    run = RunFolder.create(store.workspace.run_folder(name))
    run.facts_file.write_text(json.dumps({"corpus": "facts"}))
    run.recipe_file.write_text(f"name: {recipe}\nbase: tiny\n")
    run.set_state("finished")
    return run


def test_a_version_with_all_it_needs_is_green(cut):
    found = preflight(cut, "facts")
    assert (found.version, found.recipe, no(found)) == ("v1", "tiny", [])
    assert found.is_green
    assert "14 train, 3 validation, 3 test" in said(found, "version")


def test_without_a_version_nothing_else_is_looked_at(store):
    deliver(store, facts(*range(4)))
    found = preflight(store, "facts")
    assert no(found) == ["version"] and len(found.checks) == 1
    assert "workbench split" in said(found, "version")


def test_edits_after_the_version_are_worth_a_look_and_no_obstacle(cut):
    record = cut.state(cut.corpus("facts")).records["id"][0]
    edit(cut, "facts", record, {"answer": "another one"})
    found = preflight(cut, "facts")
    assert found.is_green and said(found, "edits").startswith("look: ")


def test_an_empty_validation_split_is_in_the_way_only_of_a_recipe_that_measures_it(store):
    deliver(store, facts(*range(12)))
    split(store, Request("facts", requested(store, "facts", counts=(10, 0, 2))))
    assert no(preflight(store, "facts")) == ["validation"]
    path = store.workspace.recipe_file("tiny")
    path.write_text(path.read_text().replace("eval_steps: 50", "eval_steps: null"))
    assert no(preflight(store, "facts")) == []


def test_a_recipe_with_a_fault_is_named_with_its_key(cut):
    cut.workspace.recipe_file("tiny").write_text("base: tiny\ntrain: {epoch: 1}\n")
    found = preflight(cut, "facts")
    assert no(found) == ["recipe"] and "train.epoch" in said(found, "recipe")


def test_a_base_that_is_not_here_is_in_the_way_since_nobody_asked_for_gigabytes(cut, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    path = cut.workspace.recipe_file("tiny")
    path.write_text(path.read_text().replace("base: tiny", "base: nobody/nothing-at-all"))
    found = preflight(cut, "facts")
    assert not found.is_green
    assert said(found, "base").startswith("no: nobody/nothing-at-all is not on this machine")


def test_a_full_disk_is_in_the_way(cut, monkeypatch):
    monkeypatch.setattr(looked.shutil, "disk_usage", lambda _: Usage(100, 99, 1))
    assert no(preflight(cut, "facts")) == ["disk"]


def test_the_recipe_used_last_is_taken_and_a_vanished_one_is_not(cut):
    recipes = cut.workspace.root / "recipes"
    (recipes / "other.yaml").write_text("base: tiny\n")
    assert last_recipe(cut.workspace, "facts") == "tiny"
    trained(cut, "first", "other")
    assert last_recipe(cut.workspace, "facts") == "other"
    assert last_recipe(cut.workspace, "another corpus") == "tiny"
    (recipes / "other.yaml").unlink()
    assert last_recipe(cut.workspace, "facts") == "tiny"


def test_the_gpus_are_read_from_what_the_driver_prints():
    gpus = parsed("0, NVIDIA H200, 92, 18534, 143771\n1, NVIDIA H200, [N/A], 3, 143771\n")
    assert [(gpu.index, gpu.load, gpu.total // 2**30) for gpu in gpus] == [(0, 0.92, 140), (1, 0.0, 140)]
    assert in_words(gpus).splitlines()[0] == "gpu 0 92%  18.1/140 GiB  NVIDIA H200"


def test_without_a_gpu_the_cpu_is_told():
    assert in_words(()).startswith("CPU, ")


def test_a_run_that_was_refused_for_just_this_stands_in_the_way(cut, tmp_path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    version = cut.version("facts")
    run = RunFolder.create(cut.workspace.run_folder("refused"))
    run.facts_file.write_text(json.dumps({"corpus": "facts", "version": version.id, "allowed": []}))
    run.recipe_file.write_text(cut.workspace.recipe_file("tiny").read_text())
    columns = {"record": ["abc"], "split": ["train"], "tokens": [9], "flags": [["double-bos"]]}
    pq.write_table(pa.table(columns), run.xray)
    run.set_state("refused", "the X-ray flags 1 record")
    found = preflight(cut, "facts")
    assert no(found) == ["X-ray"]
    assert "abc (double-bos)" in said(found, "X-ray") and "--allow double-bos" in said(found, "X-ray")
