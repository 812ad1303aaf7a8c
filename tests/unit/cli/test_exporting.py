"""`workbench export` says what it wrote, in words and as one object, and what belongs together."""

from __future__ import annotations

import pytest

from tests.cli import called
from tests.corpora import CORPUS, cut, deliver, facts


@pytest.fixture
def room(store):
    deliver(store, facts(*range(20)))
    cut(store)
    return store.workspace.root


@pytest.mark.parametrize(
    "words", [["--stub", "axolotl"], ["--recipe", "tiny"], ["--set", "train.epochs=1"]], ids=lambda words: words[0]
)
def test_a_stub_and_its_recipe_go_together(words, store):
    said = called("export", *words, cwd=store.workspace.root)
    assert said.code == 2 and "--stub axolotl --recipe tiny" in said.talk


def test_an_export_tells_its_files_its_rows_and_what_is_lost(room):
    words = ("--format", "messages", "--stub", "llama-factory", "--recipe", "tiny")
    told = called("export", CORPUS, *words, "--json", cwd=room).json
    assert told["files"] == [
        "train.jsonl",
        "validation.jsonl",
        "test.jsonl",
        "dataset_info.json",
        "llama-factory.yaml",
        "README.md",
        "curation.json",
    ]
    assert sum(told["rows"].values()) == 20 and "cannot be told apart" in told["note"]
    said = called("export", CORPUS, *words, cwd=room)
    assert "already there, unchanged" in said.out and "mind: question, context" in said.out


def test_an_unknown_format_is_answered_with_the_nearest(room):
    said = called("export", CORPUS, "--format", "sharegtp", cwd=room)
    assert said.code == 2 and "did you mean 'sharegpt'" in said.talk
