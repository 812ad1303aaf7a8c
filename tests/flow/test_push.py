"""What was pushed to the Hub loads from there, by tag, as the very same rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exports import an_export, tables
from tests.hub import TOKEN, Hub, running_hub

REPO = "me/quiz"
PUSH = """
import sys
from pathlib import Path
from workbench.publish.hub import push
folder, tag = sys.argv[1:]
report = lambda line: print(line, file=sys.stderr)
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
    """Run code in a process of its own: HF_ENDPOINT counts only before the client library is imported."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        # Whatever would leave this machine goes to a port where nobody answers.
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return done.stdout.strip()


def rows_of(rows: int) -> dict[str, list[dict[str, object]]]:
    return {split: table.to_pylist() for split, table in tables(rows).items() if split != "excluded"}


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
