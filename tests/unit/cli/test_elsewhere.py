"""A workspace whose objects are kept at an address too, and an ingest on an engine, as a person asks for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli import called
from tests.corpora import facts


def made(folder: Path) -> Path:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in facts(*range(6))))
    return folder


def test_a_workspace_says_where_its_objects_are_kept(tmp_path):
    address = f"file://{tmp_path / 'there'}"
    said = called("init", "w", "--bare", "--objects", address, "--json", cwd=tmp_path)
    assert said.json["objects"] == {"address": address, "sent": 0}
    assert called("ingest", str(made(tmp_path) / "rows.jsonl"), "--corpus", "facts", cwd=tmp_path / "w").code == 0
    assert len(list((tmp_path / "there").glob("*.parquet"))) == 2
    next((tmp_path / "there").glob("*.raw")).unlink()
    damaged = called("verify", cwd=tmp_path / "w")
    assert damaged.code == 1 and f"missing at {address}" in damaged.out + damaged.talk
    again = called("init", "w", "--bare", "--objects", address, cwd=tmp_path)
    assert f"objects: here and at {address}, 1 sent" in again.out
    assert called("verify", cwd=tmp_path / "w").code == 0


def test_a_workspace_without_an_address_says_nothing_of_one(tmp_path):
    assert "objects" not in called("init", "w", "--bare", "--json", cwd=tmp_path).json


def test_an_address_with_a_password_is_refused_and_not_repeated(tmp_path):
    said = called("init", "w", "--bare", "--objects", "sftp://me:very-secret@host/x", cwd=tmp_path)
    assert said.code == 2 and "very-secret" not in said.out + said.talk
    assert not (tmp_path / "w" / ".workbench" / "remote.json").exists()


def test_ingest_says_the_same_on_an_engine(tmp_path):
    pytest.importorskip("daft", reason="the extra `scale` is not installed: pip install '.[scale]'")
    said = []
    for name, more in (("alone", ()), ("spread", ("--engine", "daft", "--workers", "2"))):
        assert called("init", name, "--bare", cwd=tmp_path).code == 0
        file = str(made(tmp_path) / "rows.jsonl")
        said.append(called("ingest", file, "--corpus", "facts", "--json", *more, cwd=tmp_path / name).json)
    assert said[0] == said[1]


def test_workers_without_an_engine_are_refused_at_ingest(tmp_path):
    assert called("init", ".", "--bare", cwd=tmp_path).code == 0
    said = called("ingest", str(made(tmp_path) / "rows.jsonl"), "--corpus", "facts", "--workers", "2", cwd=tmp_path)
    assert said.code == 2 and "--engine daft" in said.talk
