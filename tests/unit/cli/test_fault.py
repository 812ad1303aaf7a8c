"""A bug of ours is told with all that helps to find it, and with no credentials."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from tests.cli import called
from workbench.cli import main
from workbench.errors import ExitCode


def test_the_traceback_of_a_bug_holds_no_credentials(tmp_path, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"quite-a-secret does not open https://me:{'p' * 9}@store.example/")

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "quite-a-secret")
    monkeypatch.setattr(main, "app", broken)
    said = called("log", cwd=tmp_path)
    assert said.code == ExitCode.BUG and said.out == ""
    assert "RuntimeError: *** does not open https://***@store.example/" in said.talk
    assert "quite-a-secret" not in said.talk and "p" * 9 not in said.talk


@pytest.mark.parametrize(
    ("fault", "code"), [(RuntimeError("odd"), 70), (KeyboardInterrupt(), 130), (typer.Exit(130), 130)]
)
def test_a_script_gets_one_object_from_a_bug_and_an_interruption_too(tmp_path, monkeypatch, fault, code):
    def ended(*_: object, **__: object) -> int:
        if isinstance(fault, typer.Exit):
            return fault.exit_code
        raise fault

    monkeypatch.setattr(main, "app", ended)
    said = called("log", "--json", cwd=tmp_path)
    assert said.code == code and said.json["error"]["exit_code"] == code
    assert said.json["error"]["what"] in said.talk and "odd" not in said.out


def test_who_reads_no_further_changes_no_exit_code(tmp_path: Path) -> None:
    """As `2>&1 | head -1` does: both outputs are one pipe whose reader is gone."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "workbench", "init", str(tmp_path / "bench"), "--bare"]
    done = subprocess.run(command, stdout=writing, stderr=writing, check=False)
    os.close(writing)
    assert done.returncode == 0 and (tmp_path / "bench" / ".workbench").is_dir()
