"""The same commands on an engine: the same issues, judgements and version as this process finds by itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli import called

pytest.importorskip("daft", reason="the extra `scale` is not installed: pip install '.[scale]'")
CORPORA = ("domain-qa", "quiz", "novel-chunks")


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two workspaces of the same sources: each keeps what it found, so each is asked in one way."""
    made = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("spread")
    for room in made:
        assert called("init", ".", cwd=room).code == 0
        for corpus in CORPORA:
            assert called("ingest", "--corpus", corpus, "--json", cwd=room).code == 0
    return made


def both(rooms: tuple[Path, Path], *arguments: str) -> tuple[Any, Any]:
    alone = called(*arguments, "--json", cwd=rooms[0])
    spread = called(*arguments, "--engine", "daft", "--workers", "2", "--json", cwd=rooms[1])
    assert spread.code == alone.code, spread.talk
    return alone.json, spread.json


@pytest.mark.parametrize("corpus", CORPORA)
def test_check_dedup_and_split_say_the_same_on_an_engine(rooms, corpus):
    for command in ("check", "dedup", "split"):
        alone, spread = both(rooms, command, corpus)
        assert alone == spread, command
    assert alone["version"]


def test_workers_without_an_engine_are_refused(rooms):
    said = called("check", "quiz", "--workers", "2", cwd=rooms[0])
    assert said.code == 2 and "--engine daft" in said.talk


def test_a_random_split_is_not_for_an_engine(rooms):
    said = called("split", "quiz", "--strategy", "random", "--engine", "daft", cwd=rooms[0])
    assert said.code == 2 and "leave --engine out" in said.talk


def test_an_interrupted_engine_ends_with_the_code_of_the_contract(rooms):
    look = (
        "import os, signal, sys, time\nfrom workbench.__main__ import main\nfrom workbench.scale import issues\n"
        "def long(rows, schema):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    end = time.monotonic() + 5\n"
        "    while time.monotonic() < end: pass\n"
        "issues.record_issues = long\n"
        "sys.argv = ['workbench', 'check', 'domain-qa', '--engine', 'daft', '--workers', '2', '--json']\n"
        "main()"
    )
    shutil.rmtree(rooms[1] / ".workbench" / "cache")
    said = subprocess.run([sys.executable, "-c", look], cwd=rooms[1], capture_output=True, text=True)
    assert said.returncode == 130, said.stderr
    assert "interrupted" in said.stderr
    assert not list((rooms[1] / ".workbench" / "tmp").iterdir())


def test_without_the_option_no_engine_is_loaded(rooms):
    look = (
        "import sys; from workbench.__main__ import main\n"
        "sys.argv = ['workbench', 'check', 'quiz']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted({'daft', 'ray'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", look], cwd=rooms[0], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "[]"
