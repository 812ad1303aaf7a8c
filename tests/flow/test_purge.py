"""`workbench purge`: nothing of a text is shown, nothing is done unasked, and what is left over is named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli import Said, workbench
from tests.corpora import facts

SECRET = "hf_" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("purge")
    assert workbench("init", "w", "--bare", cwd=folder).code == 0
    rows = [*facts(1, 2), {"question": "the key", "answer": SECRET}]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert workbench("ingest", "facts", "../rows.jsonl", "--schema", "qa", cwd=folder / "w").code == 0
    return folder / "w"


def purge(workspace: Path, *arguments: str, stdin: str) -> Said:
    command = [sys.executable, "-m", "workbench", "purge", *arguments]
    done = subprocess.run(command, cwd=workspace, input=stdin, capture_output=True, text=True, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("arguments", [(), ("--secrets", "--text", "-"), ("--field", "answer"), ("a1b2",)])
def test_it_must_be_clear_what_is_to_be_purged(workspace, arguments):
    said = workbench("purge", "facts", *arguments, cwd=workspace)
    assert said.code == 2 and "--secrets" in said.talk


def test_a_text_on_the_command_line_is_refused(workspace):
    said = workbench("purge", "facts", "--text", "some text", cwd=workspace)
    assert said.code == 2 and "history" in said.talk


def test_unasked_nothing_is_done_then_all_of_it_and_the_text_is_never_shown(workspace):
    unasked = purge(workspace, "facts", "--text", "-", "--json", stdin=SECRET + "\n")
    refused = purge(workspace, "facts", "--secrets", stdin="n\n")
    assert (unasked.code, refused.code) == (2, 2)
    assert "1 record" in refused.talk and "rows.jsonl" in refused.talk
    done = purge(workspace, "facts", "--text", "-", "--yes", "--json", stdin=SECRET + "\n")
    assert done.code == 0 and done.json["texts"][0]["length"] == len(SECRET) and done.json["still"] == []
    assert all(SECRET not in said.out + said.talk for said in (unasked, refused, done))
    again = purge(workspace, "facts", "--secrets", stdin="")
    assert again.code == 0 and "nothing in the store" in again.talk
    assert workbench("verify", cwd=workspace).code == 0
