"""What was pushed to the Hub loads from there, by tag, as the very same rows, and comes back by a pull."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import workbench
from tests.exports import an_export, tables
from tests.hub import TOKEN, Hub, running_hub

REPO = "me/quiz"
PUSH = """
import sys
from pathlib import Path
from workbench.publish.hub import push
folder, tag = sys.argv[1:]
report = lambda line, done=0, total=0: print(line, file=sys.stderr)
print(push(Path(folder), "me/quiz", tag=tag, message=tag, report=report).commit)
"""
LOAD = """
import json, sys
from datasets import load_dataset
loaded = load_dataset("me/quiz", revision=sys.argv[1])
print(json.dumps({split: rows.to_list() for split, rows in loaded.items()}))
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as server:
        yield server


def run(hub: Hub, home: Path, code: str, *arguments: str) -> str:
    """Run code in a process of its own: HF_ENDPOINT counts only before the client library is imported.

    A Hub that has Xet is talked to by Xet.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": "1" if hub.state.cas is None else "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        # Whatever would leave this machine goes to a port where nobody answers.
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1,localhost",
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return done.stdout.strip()


def rows_of(rows: int) -> dict[str, list[dict[str, object]]]:
    return {split: table.to_pylist() for split, table in tables(rows).items() if split != "excluded"}


@pytest.mark.slow
def test_two_versions_pushed_through_xet_load_by_their_tags(tmp_path):
    (tmp_path / "cas").mkdir()
    with running_hub(cas=tmp_path / "cas") as hub:
        test_two_versions_are_pushed_and_each_loads_by_its_tag(hub, tmp_path)
        assert hub.called("GET .*/xet-write-token/") and hub.called("GET .*/xet-read-token/")
        assert not hub.called("PUT /lfs/")


@pytest.mark.slow
def test_two_versions_are_pushed_and_each_loads_by_its_tag(hub, tmp_path):
    first, second = an_export(tmp_path / "one"), an_export(tmp_path / "two", rows=9, version="ffff")
    commits = [
        run(hub, tmp_path / "home", PUSH, str(first), "v1"),
        run(hub, tmp_path / "home", PUSH, str(second), "v2"),
    ]
    assert hub.repositories[REPO].tags == dict(zip(("v1", "v2"), commits, strict=True))
    assert json.loads(run(hub, tmp_path / "home", LOAD, "v1")) == rows_of(6)
    assert json.loads(run(hub, tmp_path / "home", LOAD, "v2")) == rows_of(9)
    assert json.loads(run(hub, tmp_path / "home", LOAD, "main")) == rows_of(9)


@pytest.mark.slow
def test_the_command_pushes_once_and_answers_the_same_again(tmp_path):
    workbench("init", ".", cwd=tmp_path)
    workbench("build", "novel", cwd=tmp_path)
    with running_hub() as hub:
        there = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
        dry = workbench("push", "novel@latest", "org/novel", "--dry-run", "--json", cwd=tmp_path, environment=there)
        assert dry.code == 0 and {"README.md", "curation.json"} <= {file["path"] for file in dry.json["files"]}
        assert not hub.repositories
        first = workbench("push", "novel@latest", "org/novel", "--yes", "--json", cwd=tmp_path, environment=there)
        assert first.code == 0, first.talk
        assert set(first.json) == {"repo", "commit", "tag", "url"} and first.json["tag"] == "v1"
        again = workbench("push", "novel@latest", "org/novel", "--yes", "--json", cwd=tmp_path, environment=there)
        assert again.json["commit"] == first.json["commit"]
        assert TOKEN not in first.out + first.talk
        pulled = workbench("pull", "org/novel@v1", "--corpus", "back", "--json", cwd=tmp_path, environment=there)
        assert pulled.code == 0, pulled.talk
        assert pulled.json["verified"]["here"] and pulled.json["commit"] == first.json["commit"]
        assert TOKEN not in pulled.out + pulled.talk
        again = workbench("pull", "org/novel", "--corpus", "back", "--json", cwd=tmp_path, environment=there)
        assert {source["kept"] for source in again.json["sources"]} == {0}
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    kinds = [row["kind"] for row in workbench("log", "novel", "--json", cwd=tmp_path).json["rows"]]
    assert "publication" in kinds


def test_the_command_without_token_network_or_licence_says_what_to_do(tmp_path):
    workbench("init", ".", cwd=tmp_path)
    workbench("build", "novel", cwd=tmp_path)
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path), "HF_TOKEN": ""}
    said = workbench("push", "novel", "org/novel", "--yes", cwd=tmp_path, environment=nowhere)
    assert said.code == 3 and "error: " in said.talk
    own = tmp_path / "corpora" / "novel" / "corpus.yaml"
    own.write_text(own.read_text().replace("license: apache-2.0\n", ""))
    said = workbench("push", "novel", "org/novel", "--yes", cwd=tmp_path, environment=nowhere)
    assert said.code == 2 and "--license" in said.talk
