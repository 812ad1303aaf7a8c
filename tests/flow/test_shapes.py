"""The shapes that scripts rely on: what each curation command prints with --json, on a real workspace."""

from __future__ import annotations

from tests.cli import workbench


def test_shapes_of_the_curation_commands(tmp_path):
    workbench("init", ".", cwd=tmp_path)
    taken = workbench("ingest", "chat", "--json", cwd=tmp_path)
    assert taken.code == 0
    source = taken.json["sources"][0]
    named = {"name", "digest", "reader", "encoding", "read", "kept", "merged", "quarantined"}
    assert named <= set(source) and source["read"] == source["kept"] + source["merged"] + source["quarantined"]
    again = workbench("ingest", "chat", "--json", cwd=tmp_path).json["sources"][0]
    assert (again["kept"], again["merged"]) == (0, source["kept"])
    checked = workbench("check", "chat", "--json", cwd=tmp_path)
    assert checked.code == 1 and {"rule", "severity", "count"} == set(checked.json["issues"][0])
    judged = workbench("dedup", "chat", "--json", cwd=tmp_path).json
    assert {"clusters", "removed", "redundant", "paraphrase", "conflict", "translation"} <= set(judged)
    cut = workbench("split", "chat", "--seed", "42", "--json", cwd=tmp_path).json
    assert set(cut["splits"]) == {"train", "validation", "test", "excluded"} and cut["removed"] == 2
    assert {"exact", "near", "neighbour", "max_jaccard", "unchecked"} <= set(cut["proof"])
    assert workbench("split", "chat", "--json", cwd=tmp_path).json["version"] == cut["version"]
    refused = workbench("split", "chat", "--seed", "7", cwd=tmp_path)
    assert refused.code == 2 and "--fresh" in refused.talk
    assert workbench("verify", "--json", cwd=tmp_path).json["whole"] is True
