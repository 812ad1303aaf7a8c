"""The commands around versions, as a script meets them: one JSON object, exit codes, and what a person reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli import called as workbench
from tests.corpora import long_fact, near


def split_folder(folder: Path) -> Path:
    """Make a workspace whose corpus `facts` has one version and, behind it, an edit and a drop."""
    assert workbench("init", ".", "--bare", cwd=folder).code == 0
    rows = [long_fact(i) for i in range(20)] + [near(long_fact(i), "again") for i in range(10)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert workbench("ingest", "rows.jsonl", "--corpus", "facts", "--schema", "qa", cwd=folder).code == 0
    assert workbench("split", "facts", "--seed", "42", cwd=folder).code == 0
    listed = workbench("show", "facts", "--json", cwd=folder).json["rows"]
    assert workbench("edit", "facts", listed[0]["id"], "--set", "answer=\x1b]0;x\x07mended", cwd=folder).code == 0
    assert workbench("edit", "facts", listed[1]["id"], "--drop", cwd=folder).code == 0
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return split_folder(tmp_path_factory.mktemp("versions"))


def test_a_diff_names_counts_records_fields_and_words(folder):
    said = workbench("diff", "facts@now", "--json", cwd=folder)
    assert said.code == 0
    assert said.json["counts"] == {"added": 0, "removed": 1, "edited": 1, "moved": 0}
    edited = said.json["records"]["edited"]
    assert edited["total"] == 1 and "{+" in edited["records"][0]["fields"]["answer"]
    assert said.json["tokens"]["value"] is None and said.json["tokens"]["reason"]
    assert (said.json["from"]["name"], said.json["to"]) == ("v1", {"name": "now", "version": None})
    read = workbench("diff", "facts@v1", "@now", cwd=folder)
    assert "1 removed, 1 edited" in read.out and "\x1b" not in read.out
    assert workbench("diff", "facts@v1", "--json", cwd=folder).code == 2
    assert workbench("diff", "facts@v1", "other@v1", cwd=folder).code == 2


def test_a_list_that_is_cut_says_how_many_there_are(folder):
    said = workbench("diff", "facts@now", "--limit", "0", "--json", cwd=folder).json
    assert said["records"]["edited"] == {"total": 1, "records": []}
    assert "... and 1 more edited" in workbench("diff", "facts@now", "--limit", "0", cwd=folder).out


def test_a_shuffle_that_leaks_ends_with_one_and_makes_no_version(folder):
    said = workbench("split", "facts", "--strategy", "random", "--json", cwd=folder)
    assert said.code == 1
    assert said.json["version"] is None and said.json["proof"]["near"] > 0
    assert set(said.json["splits"]) == {"train", "validation", "test", "excluded"}
    assert "for comparison only" in workbench("split", "facts", "--strategy", "random", cwd=folder).out
    rows = workbench("log", "facts", "--json", cwd=folder).json["rows"]
    assert sum(row["kind"] == "version" for row in rows) == 1


def test_a_tag_and_a_note_name_a_version_for_every_command(folder):
    said = workbench("log", "facts@v1", "--tag", "baseline", "--note", "as sent", "--json", cwd=folder)
    assert (said.json["tags"], said.json["notes"]) == (["baseline"], ["as sent"])
    about = workbench("log", "facts@baseline", "--json", cwd=folder).json["rows"]
    assert {row["kind"] for row in about} == {"version", "ref", "note"}
    assert "baseline; as sent" in workbench("log", "facts", cwd=folder).out
    assert workbench("log", "facts@v1", "--tag", "v9", cwd=folder).code == 2
    assert workbench("diff", "facts@baseline", "now", "--json", cwd=folder).json["from"]["name"] == "v1"


def test_a_trace_shows_hostile_text_safely(folder):
    record = workbench("diff", "facts@now", "--json", cwd=folder).json["records"]["edited"]["records"][0]["record"]
    read = workbench("trace", record[:12], cwd=folder)
    assert read.code == 0 and "\x1b" not in read.out and "v1" in read.out
    found = workbench("trace", record, "--json", cwd=folder).json
    assert (found["kind"], found["versions"][0]["name"]) == ("record", "v1")
    assert workbench("trace", "rows.jsonl", "--json", cwd=folder).json["kind"] == "file"
    assert workbench("trace", "nothing-of-this-name", cwd=folder).code == 2
    assert workbench("trace", "facts", record, "--json", cwd=folder).json == found
    assert workbench("trace", record, "--corpus", "facts", "--json", cwd=folder).json == found
    assert workbench("trace", "fact", record, "--json", cwd=folder).code == 2


def test_restoring_asks_shows_what_it_does_and_can_be_taken_back(tmp_path):
    folder = split_folder(tmp_path)
    assert workbench("restore", "facts", "--yes", cwd=folder).code == 2
    asked = workbench("restore", "facts@v1", cwd=folder)
    assert asked.code == 2 and "--yes" in asked.talk and "bring back" in asked.talk
    done = workbench("restore", "facts@v1", "--yes", "--json", cwd=folder).json
    assert done["counts"] == {"edited": 1, "returned": 1, "dropped": 0, "heirs": 0, "lost": 0, "edits": 2}
    assert workbench("restore", "facts@v1", "--yes", "--json", cwd=folder).json["counts"]["edits"] == 0
    assert workbench("diff", "facts@now", "--json", cwd=folder).json["counts"]["edited"] == 0


def test_forgetting_what_was_tested_is_said_aloud(tmp_path):
    folder = split_folder(tmp_path)
    kept = workbench("split", "facts", "--fresh", "--seed", "7", "--json", cwd=folder)
    assert kept.code == 0 and set(kept.json["strata"]) == set()
    assert kept.json["report"]["splits"]["train"]["got"] == kept.json["splits"]["train"]
    freed = workbench("split", "facts", "--fresh", "--seed", "8", "--forget-tested", cwd=folder)
    assert freed.code == 0 and "records that an earlier version tested and that train now" in freed.out


@pytest.mark.parametrize("flag", [("--fresh",), ("--note", "x"), ("--forget-tested",)])
def test_a_shuffle_refuses_what_only_a_version_can_have(folder, flag):
    said = workbench("split", "facts", "--strategy", "random", *flag, cwd=folder)
    assert said.code == 2 and "makes no version" in said.talk
