"""`train --preflight` as a script and a person meet it: every check, the X-ray in numbers, and nothing is trained."""

from __future__ import annotations

import json

import pytest

from tests.bases import write_base
from tests.cli import called as workbench
from tests.corpora import cut, deliver, facts
from workbench.store.store import Store

LOOK = ("train", "facts", "--recipe", "small", "--preflight")


@pytest.fixture
def ready(store: Store) -> Store:
    """A version, a small base and a recipe on it."""
    deliver(store, facts(*range(20)))
    cut(store)
    write_base(store.workspace.root / "small", ["some words to begin with"] * 5)
    text = "base: small\ntrain: {max_length: 512, eval_steps: null}\n"
    (store.workspace.root / "recipes" / "small.yaml").write_text(text)
    return store


def test_a_look_gives_every_check_and_the_xray_and_trains_nothing(ready):
    said = workbench(*LOOK, "--json", cwd=ready.workspace.root)
    assert said.code == 0, said.talk
    found = said.json
    assert (found["corpus"], found["version"], found["recipe"], found["green"]) == ("facts", "v1", "small", True)
    assert {"name", "verdict", "code", "said", "fix"} == found["checks"][0].keys()
    assert found["xray"]["records"] == 20 and found["xray"]["flags"] == {}
    assert list(ready.workspace.runs.iterdir()) == []


def test_what_stands_in_the_way_ends_with_one_and_says_what_to_do(ready):
    said = workbench(*LOOK, "--set", "lora.target_modules=[query]", cwd=ready.workspace.root)
    assert said.code == 1
    place = next(i for i, line in enumerate(said.out.splitlines()) if line.startswith("no    adapter"))
    assert "target-absent: " in said.out.splitlines()[place + 1]
    assert "20 records" in said.out


def test_a_corpus_without_a_version_is_a_finding_with_its_fix(store):
    deliver(store, facts(*range(20)))
    said = workbench("train", "facts", "--preflight", "--json", cwd=store.workspace.root)
    (check,) = said.json["checks"]
    assert (said.code, check["code"], said.json["green"]) == (1, "no-version", False)
    assert "workbench split facts" in check["fix"]


def test_a_training_that_is_in_the_way_of_itself_is_refused_before_anything_is_written(ready):
    said = workbench(
        "train", "facts", "--recipe", "small", "--set", "lora.target_modules=[query]", cwd=ready.workspace.root
    )
    assert said.code == 1 and "target-absent" in said.talk
    assert list(ready.workspace.runs.iterdir()) == []


def test_a_tracker_that_is_not_installed_is_refused_by_name(ready):
    said = workbench(
        "train", "facts", "--recipe", "small", "--set", "train.report_to=[clearml]", cwd=ready.workspace.root
    )
    assert said.code == 2 and "pip install clearml" in said.talk


@pytest.mark.parametrize(
    "asked",
    [["--set", "train.epochs=2"], ["--plan", "full"], ["--preflight"], ["--name", "new"], ["--recipe", "tiny"]],
)
def test_a_resumed_run_takes_nothing_that_would_change_it(ready, asked):
    said = workbench("train", "--resume", "any", *asked, cwd=ready.workspace.root)
    assert said.code == 2 and f"not with {asked[0]}" in said.talk


def test_the_look_counts_the_gpus_that_are_asked_for(ready, monkeypatch):
    monkeypatch.setattr("workbench.training.together.gpus_in_sight", lambda: 1)
    found = workbench(*LOOK, "--gpus", "3", "--json", cwd=ready.workspace.root)
    assert found.code == 1 and {"gpus-absent", "rows-uneven"} <= {check["code"] for check in found.json["checks"]}


def test_a_base_that_is_stored_quantised_is_refused_before_anything_is_written(ready):
    path = ready.workspace.root / "small" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"quantization_config": {"quant_method": "awq"}}))
    said = workbench("train", "facts", "--recipe", "small", cwd=ready.workspace.root)
    assert said.code == 1 and "stored-otherwise" in said.talk
    assert list(ready.workspace.runs.iterdir()) == []
