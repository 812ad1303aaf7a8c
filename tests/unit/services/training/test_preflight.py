"""Facts about the pre-flight: what stands in the way is named with its fix, and what does not is no obstacle."""

from __future__ import annotations

import json
import os
from collections import namedtuple
from dataclasses import replace
from typing import Any

import pytest

from tests.bases import write_base
from tests.corpora import deliver, facts
from tests.plants import plants
from workbench.errors import UsageError
from workbench.services.records.editing import edit
from workbench.services.training import machine_checks, train
from workbench.services.training import preflight as looked
from workbench.services.training.device import Gpu, in_sight, in_words, parsed
from workbench.services.training.preflight import Preflight, Wish, last_recipe, preflight, with_xray
from workbench.services.versions.split import Request, requested, split
from workbench.store.store import Store
from workbench.training import together
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


@plants("no-version")
def test_without_a_version_nothing_else_is_looked_at(store):
    deliver(store, facts(*range(4)))
    found = preflight(store, "facts")
    assert no(found) == ["version"] and len(found.checks) == 1
    assert "workbench split" in said(found, "version")


@plants("edits-after-version")
def test_edits_after_the_version_are_worth_a_look_and_no_obstacle(cut):
    record = cut.state(cut.corpus("facts")).records["id"][0]
    edit(cut, "facts", record, {"answer": "another one"})
    found = preflight(cut, "facts")
    assert found.is_green and said(found, "edits").startswith("look: ")


@plants("no-validation")
def test_an_empty_validation_split_is_in_the_way_only_of_a_recipe_that_measures_it(store):
    deliver(store, facts(*range(12)))
    split(store, Request("facts", requested(store, "facts", counts=(10, 0, 2))))
    assert no(preflight(store, "facts")) == ["validation"]
    path = store.workspace.recipe_file("tiny")
    path.write_text(path.read_text().replace("eval_steps: 50", "eval_steps: null"))
    assert no(preflight(store, "facts")) == []


@plants("recipe-fault")
def test_a_recipe_with_a_fault_is_named_with_its_key(cut):
    cut.workspace.recipe_file("tiny").write_text("base: tiny\ntrain: {epoch: 1}\n")
    found = preflight(cut, "facts")
    assert no(found) == ["recipe"] and "train.epoch" in said(found, "recipe")


@plants("base-absent")
def test_a_base_that_is_not_here_is_in_the_way_since_nobody_asked_for_gigabytes(cut, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    path = cut.workspace.recipe_file("tiny")
    path.write_text(path.read_text().replace("base: tiny", "base: nobody/nothing-at-all"))
    found = preflight(cut, "facts")
    assert not found.is_green
    assert said(found, "base").startswith("no: nobody/nothing-at-all is not on this machine")


@plants("disk-full")
def test_a_full_disk_is_in_the_way(cut, monkeypatch):
    monkeypatch.setattr(machine_checks.shutil, "disk_usage", lambda _: Usage(100, 99, 1))
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


@pytest.mark.parametrize(
    ("visible", "shown"),
    [(None, [0, 1, 2]), ("2,0", [2, 0]), ("1", [1]), ("", []), ("-1", []), ("0,7,1", [0]), ("GPU-3f1a", [0, 1, 2])],
)
def test_only_the_gpus_in_sight_count_in_their_order(visible, shown):
    cards = tuple(Gpu(index, "card", 0.0, 0, 24 * 2**30) for index in range(3))
    assert [gpu.index for gpu in in_sight(cards, visible)] == shown


def test_without_a_gpu_the_cpu_is_told():
    assert in_words(()).startswith("CPU, ")


def codes(found: Preflight) -> list[str]:
    """Return the codes of all that is not fine."""
    return [check.code for check in found.checks if check.verdict != "ok"]


def changed(store: Store, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    """Have the store answer with a version that differs in some fields."""
    version = replace(store.version("facts"), **fields)
    monkeypatch.setattr(store, "version", lambda *_: version)


@plants("no-train-split")
def test_a_version_without_a_train_split_is_in_the_way(cut, monkeypatch):
    changed(cut, monkeypatch, counts={"test": 20, "validation": 3})
    assert codes(preflight(cut, "facts")) == ["no-train-split"]


@plants("leak")
def test_a_leak_between_splits_is_in_the_way(cut, monkeypatch):
    changed(cut, monkeypatch, proof=cut.version("facts").proof | {"near": 2})
    found = preflight(cut, "facts")
    assert codes(found) == ["leak"] and "2 leaks" in said(found, "proof")


@plants("no-gpu")
def test_a_larger_base_without_a_gpu_is_worth_a_look(cut, monkeypatch):
    monkeypatch.setattr(looked, "gpus", lambda: ())
    small(cut)
    assert codes(preflight(cut, "facts", recipe="small")) == ["no-gpu"]


def have_gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Have the machine show so many GPUs."""
    cards = tuple(Gpu(index, "card", 0.0, 0, 24 * 2**30) for index in range(count))
    monkeypatch.setattr(looked, "gpus", lambda: cards)
    monkeypatch.setattr(together, "gpus_in_sight", lambda: count)


@plants("gpus-absent")
def test_more_gpus_than_there_are_stand_in_the_way(cut, monkeypatch):
    small(cut)
    have_gpus(monkeypatch, 2)
    found = preflight(cut, "facts", recipe="small", wish=Wish(gpus=4))
    assert codes(found) == ["gpus-absent"] and "4 GPUs were asked for and this machine shows 2" in said(found, "device")
    assert preflight(cut, "facts", recipe="small", wish=Wish(gpus=2)).is_green


@plants("rows-uneven")
def test_gpus_that_cannot_share_the_rows_of_a_step_stand_in_the_way(cut, monkeypatch):
    small(cut)
    have_gpus(monkeypatch, 3)
    found = preflight(cut, "facts", recipe="small", wish=Wish(("train.batch_size=8",), gpus=3))
    assert codes(found) == ["rows-uneven"] and "8 rows of a step" in said(found, "rows")
    even = preflight(cut, "facts", recipe="small", wish=Wish(("train.batch_size=6",), gpus=3))
    assert even.is_green and "6 rows a step, 2 on each of 3 GPUs" in said(even, "rows")


@plants("tracker-absent")
def test_a_tracker_that_is_not_installed_stands_in_the_way(cut):
    found = preflight(cut, "facts", wish=Wish(("train.report_to=[clearml]",)))
    assert codes(found) == ["tracker-absent"] and "pip install clearml" in said(found, "trackers")
    assert "metrics.jsonl" in said(preflight(cut, "facts"), "trackers")


@plants("other-run")
def test_another_run_on_the_device_is_worth_a_look(cut):
    run = trained(cut, "other", "tiny")
    run.set_process(os.getpid())
    run.set_state("running")
    found = preflight(cut, "facts")
    assert codes(found) == ["other-run"] and "other is going" in said(found, "other runs")


def small(store: Store) -> None:
    """Write a base and a recipe on it."""
    write_base(store.workspace.root / "small", ["some words to begin with"] * 5)
    text = "base: small\ntrain: {max_length: 512, eval_steps: null}\n"
    (store.workspace.root / "recipes" / "small.yaml").write_text(text)


@plants("xray-refuses")
def test_what_the_xray_flags_stands_in_the_way_until_it_is_allowed_by_name(store, monkeypatch):
    monkeypatch.setattr(looked, "gpus", lambda: ())
    deliver(store, [*facts(*range(19)), {"question": "<s>Where?", "answer": "here"}])
    split(store, Request("facts", requested(store, "facts", counts=(14, 3, 3))))
    small(store)
    assert "xray-refuses" not in codes(preflight(store, "facts", recipe="small"))
    found, numbers = with_xray(store, "facts", "latest", "small", Wish())
    assert "xray-refuses" in codes(found) and numbers is not None and numbers["flags"]["double-bos"] == 1
    assert "--allow double-bos" in said(found, "X-ray") and "--fix literal-marker" in said(found, "X-ray")
    let = Wish(allow=("double-bos", "literal-mark"))
    assert "xray-refuses" not in codes(preflight(store, "facts", recipe="small", wish=let))
    assert with_xray(store, "facts", "v9", "small", Wish())[1] is None


def test_an_override_counts_in_the_look_as_it_will_in_the_training(cut, monkeypatch):
    monkeypatch.setattr(looked, "gpus", lambda: ())
    small(cut)
    wish = Wish(("lora.target_modules=[query]",))
    assert "target-absent" in codes(preflight(cut, "facts", recipe="small", wish=wish))


def test_an_xray_that_cannot_be_made_is_said_and_never_a_green_look(cut, monkeypatch):
    monkeypatch.setattr(looked, "gpus", lambda: ())
    small(cut)
    (cut.workspace.root / "small" / "tokenizer.json").unlink()
    with pytest.raises(UsageError, match=r"tokenizer\.json|no tokenizer"):
        with_xray(cut, "facts", "latest", "small", Wish())


def test_a_name_that_is_no_flag_is_refused_before_anything_is_looked_at():
    with pytest.raises(UsageError, match="double_bos"):
        Wish(allow=("double_bos",))


def test_a_damaged_run_and_one_of_an_older_form_stand_in_no_way(cut):
    trained(cut, "torn", "tiny").facts_file.write_text("{")
    trained(cut, "older", "tiny").recipe_file.write_text("name: tiny\nbase: tiny\nforgotten: 1\n")
    assert last_recipe(cut.workspace, "facts") == "tiny"
    assert preflight(cut, "facts").is_green


def test_a_flag_that_there_is_none_of_is_refused_before_a_base_is_built(cut, monkeypatch):
    monkeypatch.setattr(train.bases, "located", lambda *_: pytest.fail("a base was looked for"))
    with pytest.raises(UsageError, match="no flag named 'nosuch'"):
        train.start(cut, train.Training("facts", allow=("nosuch",)))
