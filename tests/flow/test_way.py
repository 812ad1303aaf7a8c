"""From a built corpus to a measured adapter, by the commands alone."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest

from tests.cli import workbench


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("room")
    workbench("init", ".", cwd=folder)
    for corpus in ("domain-qa", "story"):
        assert workbench("build", corpus, cwd=folder).code == 0
    assert workbench("base", "build", "tiny", cwd=folder).code == 0
    return folder


def test_a_doubled_bos_is_refused_with_the_record_named_until_it_is_fixed(room):
    first = workbench("show", "story", "--limit", "1", "--json", cwd=room).json["rows"][0]["id"]
    refused = workbench("train", "story", "--recipe", "tiny", "--name", "refused", "--json", cwd=room)
    assert refused.code == 1 and "double-bos" in refused.json["error"]["what"]
    assert "literal-marker" in refused.json["error"]["hint"]
    assert workbench("runs", "refused", "--json", cwd=room).json["state"] == "refused"
    workbench("edit", "story", "--fix", "literal-marker", cwd=room)
    assert workbench("show", "story", first, "--json", cwd=room).json["issues"] == []
    assert workbench("split", "story", "--json", cwd=room).json["name"] == "v2"


@pytest.fixture(scope="module")
def run(room: Path) -> str:
    said = workbench("train", "domain-qa@latest", "--recipe", "tiny", "--set", "train.epochs=3", "--json", cwd=room)
    assert said.code == 0, said.talk
    assert said.json["state"] == "finished" and "step" in said.talk
    return str(said.json["run"])


def test_a_run_is_measured_on_held_out_records(room, run):
    numbers = workbench("evaluate", run, "--json", cwd=room).json
    assert (numbers["run"], numbers["split"]) == (run, "test")
    for which in ("base", "tuned"):
        assert {"perplexity", "bits_per_byte", "em", "f1", "n"} <= set(numbers[which])
    assert numbers["tuned"]["perplexity"] < numbers["base"]["perplexity"] and numbers["tuned"]["n"] == 30
    shown = workbench("runs", run, "--json", cwd=room).json
    assert shown["evaluation"]["tuned"] == numbers["tuned"]


@pytest.mark.slow
def test_base_and_tuned_answer_side_by_side(room, run):
    said = workbench("generate", run, "--prompt", "What is the Kalimo lighthouse built of?", "--json", cwd=room).json
    assert said["answers"][0]["base"] is not None and said["answers"][0]["tuned"] is not None


@pytest.mark.slow
def test_a_detached_run_returns_at_once_and_can_be_stopped_and_resumed(room):
    said = workbench("train", "domain-qa", "--detach", "--name", "left", "--json", cwd=room)
    assert said.code == 0 and said.json["state"] == "running"
    workbench("runs", "left", "--stop", cwd=room)
    state = workbench("runs", "left", "--json", cwd=room).json["state"]
    assert state in ("stopped", "finished")
    if state == "stopped":
        assert workbench("train", "--resume", "left", "--json", cwd=room).json["state"] == "finished"


def test_an_export_loads_as_the_same_rows(room):
    done = workbench("export", "domain-qa@latest", "--json", cwd=room).json
    loaded = datasets.load_dataset(done["folder"], cache_dir=str(room / "cache"))
    assert {side: len(rows) for side, rows in loaded.items()} == done["rows"]
    assert set(loaded["train"].column_names) >= {"question", "answer", "record_id", "source"}


def test_an_address_keeps_a_version_from_the_hub(room):
    said = workbench("push", "domain-qa@latest", "me/qa", "--license", "apache-2.0", "--dry-run", cwd=room)
    assert said.code == 1 and "email" in said.talk and "--fix email" in said.talk


def test_everything_is_in_the_log_and_whole(room, run):
    kinds = [row["kind"] for row in workbench("log", "--limit", "500", "--json", cwd=room).json["rows"]]
    assert {"delivery", "edit", "version", "run", "evaluation"} <= set(kinds)
    assert workbench("verify", "--json", cwd=room).json["faults"] == []
