"""Whatever is typed wrong is answered in the words of the workbench, never in those of the libraries inside."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli import called

INSIDE = re.compile(
    r"Int64|Float64|List\(|Input should be|NoneType|\bpl\.|pydantic|polars|Value error|valid integer|Traceback"
    r"|unicode string|dyn int|as Expr|bug of the workbench"
)
COMMANDS = [
    "split facts --ratios a/b/c", "split facts --ratios -1/1/1", "split facts --ratios 0/0/0",
    "split facts --ratios inf/1/1", "split facts --counts 1.5/2/3", "split facts --counts -1/2/3",
    "split facts --counts 0/0/0", "split facts --counts 2/1/1 --ratios 80/10/10", "split facts --seed x",
    "split facts --strategy other", "split nothere", "check facts --rule nope", "check facts --show -1",
    "check facts --against nothere", "dedup facts --threshold 2", "dedup facts --not-duplicates a b",
    "dedup nothere", "describe nothere", "describe facts@v9", "diff facts@v9", "export facts@v9", "show nothere x",
    "show facts --limit 0", "show facts zzz", "trace nothere", "restore facts", "purge facts", "log facts --limit no",
    "edit facts RECORD --set answer=[1]", "edit facts RECORD --set nope=1",
    "edit facts RECORD --set answer", "edit facts --readmit rows:x", "edit facts --readmit rows.jsonl:7",
    "edit questions RECORD --set correct_option_index=two", "edit questions RECORD --set options=3",
    "edit questions RECORD --set correct_option_index=99999999999999999999999",
    "ingest nothere.json --corpus x", "ingest facts --limit 0", "ingest facts --chunk 5", "ingest facts --split left",
    "ingest facts --where nope=1", "ingest facts --where (((", "ingest facts --where question=3",
    "ingest facts --where question", "ingest facts --map question", "ingest facts --map question={nope}",
    "ingest facts --map nope=question", "ingest facts --reader nope", "ingest facts --encoding nope",
    "train facts --recipe nope", "recipe show nope", "recipe show odd", "check odd", "generate", "frobnicate",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wrong")
    assert called("init", ".", "--bare", cwd=folder).code == 0
    rows = {
        "facts": {"question": "q", "answer": "a"},
        "questions": {"question": "q", "options": ["a", "b"], "correct_option_index": 0},
    }
    for name, row in rows.items():
        (folder / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
        assert called("ingest", f"{name}.jsonl", "--corpus", name, cwd=folder).code == 0
    (folder / "recipes" / "odd.yaml").write_text("base: 3\ntrain: {epochs: x}\nnope: 1\n")
    (folder / "corpora" / "odd").mkdir()
    (folder / "corpora" / "odd" / "corpus.yaml").write_text("schema: qa\nsplit: {ratios: [1, two, 3]}\n")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_input_is_answered_in_words_of_the_workbench(folder, command):
    name = "questions" if "questions" in command else "facts"
    record = called("show", name, "--json", cwd=folder).json["rows"][0]["id"]
    said = called(*command.replace("RECORD", record).split(), cwd=folder)
    assert said.code in (1, 2) and said.out == ""
    assert "error: " in said.talk and not INSIDE.search(said.talk), said.talk


@pytest.mark.parametrize("command", ["describe nothere", "dedup nothere", "split nothere", "describe facts@v9"])
def test_no_work_begins_for_what_is_not_there(folder, command):
    said = called(*command.split(), cwd=folder)
    assert said.talk.startswith("error: ")
