"""Every command: help with an example, one JSON object on stdout, exit codes as promised."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from tests.cli import called, workbench
from workbench.cli.main import app

COMMANDS = sorted(command.name for command in app.registered_commands if command.name)
HEAVY = ("torch", "transformers", "numpy", "polars", "pandera", "textual", "datasets", "trl", "pyarrow", "aiohttp")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bare")
    said = workbench("init", ".", "--bare", cwd=folder)
    assert said.code == 0 and "corpora: none yet" in said.out and "workbench ingest FILE" in said.out
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_with_an_example_and_json(name):
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    assert f"workbench {name}" in (command.help or "").split("Example")[-1]
    assert {"--json", "--workspace"} <= {option for parameter in command.params for option in parameter.opts}


def test_the_contracts_verbs_of_this_release_are_there():
    promised = "init ingest check dedup split build save log show edit verify base recipe train runs evaluate generate"
    later = "export push demo diff restore trace describe purge serve"
    assert {*promised.split(), *later.split()} <= set(COMMANDS)


def test_the_command_line_loads_nothing_heavy():
    code = f"import sys, workbench.__main__; print([m for m in {HEAVY!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_a_new_workspace_holds_all_its_folders_and_its_log(bare):
    parts = ("corpora", "schemas", "recipes", "exports", "runs", ".workbench/objects")
    assert all((bare / part).is_dir() for part in parts) and (bare / ".workbench" / "store.db").is_file()


def test_init_takes_its_folder_as_the_option_of_all_commands_too(tmp_path):
    said = called("init", "--bare", "--workspace", "w", "--json", cwd=tmp_path)
    assert said.code == 0 and said.json["workspace"] == str((tmp_path / "w").resolve())
    assert called("init", "w", "--bare", "--workspace", "w", cwd=tmp_path).code == 0
    assert called("init", "v", "--bare", "--workspace", "w", cwd=tmp_path).code == 2


def test_an_unknown_command_is_a_usage_error_with_the_way_to_help(bare):
    said = workbench("frobnicate", cwd=bare)
    assert said.code == 2 and "frobnicate" in said.talk and "--help" in said.talk


def test_a_folder_that_is_no_workspace_says_how_to_make_one(tmp_path):
    said = workbench("check", cwd=tmp_path)
    assert said.code == 2 and "workbench init" in said.talk


def test_without_a_corpus_the_first_step_is_named(bare):
    said = workbench("split", "--json", cwd=bare)
    assert said.code == 2 and "ingest" in said.json["error"]["hint"]


def test_several_corpora_and_none_named_answers_with_the_list(tmp_path):
    assert workbench("init", ".", cwd=tmp_path).code == 0
    said = workbench("check", cwd=tmp_path)
    assert said.code == 2 and "quiz" in said.talk and "story" in said.talk


def test_a_misspelled_corpus_answers_with_the_nearest(tmp_path):
    workbench("init", ".", cwd=tmp_path)
    said = workbench("check", "quizz", cwd=tmp_path)
    assert said.code == 2 and "did you mean 'quiz'" in said.talk


def test_latest_before_the_first_version_says_run_split(tmp_path):
    workbench("init", ".", cwd=tmp_path)
    said = workbench("train", "quiz", cwd=tmp_path)
    assert said.code == 1 and "workbench ingest quiz, then: workbench split quiz" in said.talk
    assert "workbench ingest quiz" in workbench("split", "quiz", cwd=tmp_path).talk
    workbench("ingest", "quiz", cwd=tmp_path)
    said = workbench("export", "quiz@latest", cwd=tmp_path)
    assert said.code == 1 and "workbench split quiz" in said.talk


def test_a_missing_file_and_a_bad_number_are_usage_errors(bare):
    assert workbench("ingest", "nowhere.json", "--corpus", "x", cwd=bare).code == 2
    said = workbench("ingest", "--limit", "many", "--json", cwd=bare)
    assert said.code == 2 and "--limit" in said.json["error"]["what"]


def test_json_is_one_object_even_with_talk_around_it(tmp_path):
    workbench("init", ".", cwd=tmp_path)
    said = workbench("build", "story", "--json", cwd=tmp_path)
    assert json.loads(said.out)["corpus"] == "story" and said.talk
