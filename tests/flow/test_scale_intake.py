"""A file that a cluster's workers take in is the delivery of one process, whatever dies on the way."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli import workbench
from tests.cluster import running

pytestmark = pytest.mark.slow
pytest.importorskip("daft", reason="the extra `scale` is not installed: pip install '.[scale]'")
pytest.importorskip("ray", reason="the extra `scale` is not installed: pip install '.[scale]'")
RECORDS = 100_000


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of nine parts; every thousandth line of it is torn."""
    file, chance = tmp_path_factory.mktemp("raw") / "rows.jsonl", random.Random(8)
    words = ["".join(chance.choices("abcdefgh", k=6)) for _ in range(5_000)]
    with file.open("w", encoding="utf-8") as out:
        for number in range(RECORDS):
            row = {"question": " ".join(chance.choices(words, k=90)), "answer": f"number {number}"}
            out.write(json.dumps(row)[: 20 if number % 1000 == 999 else None] + "\n")
    return file


@pytest.fixture(scope="module")
def alone(rows: Path) -> tuple[Any, set[str]]:
    """Return what one process says of the file, and the names of the objects that it keeps."""
    room = workspace(rows.with_name("alone"))
    said = workbench("ingest", str(rows), "--corpus", "big", "--schema", "qa", "--json", cwd=room)
    assert said.json["sources"][0]["quarantined"] == RECORDS // 1000
    return said.json, kept(room)


def workspace(room: Path) -> Path:
    room.mkdir()
    assert workbench("init", ".", "--bare", cwd=room).code == 0
    return room


def kept(room: Path) -> set[str]:
    assert list((room / ".workbench" / "tmp").iterdir()) == []
    return set(os.listdir(room / ".workbench" / "objects"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Start a cluster for all tests here: the one that removes a node comes last."""
    with running() as made:
        yield made


def taken_in(rows: Path, room: Path, cluster: Any, at: Callable[[str], None] = lambda line: None) -> Any:
    """Return what an ingest on the cluster says; each line it tells on the way is given to `at`."""
    command = [sys.executable, "-m", "workbench", "ingest", str(rows), "--corpus", "big", "--schema", "qa"]
    environment = {**os.environ, "RAY_ADDRESS": cluster.address}
    with (room / "said.json").open("w+", encoding="utf-8") as out:  # a pipe that nobody empties would hold it up
        whole = [*command, "--engine", "daft", "--json"]
        with subprocess.Popen(whole, cwd=room, env=environment, stdout=out, stderr=subprocess.PIPE, text=True) as one:
            assert one.stderr
            for line in one.stderr:
                at(line.strip())
        out.seek(0)
        return json.load(out)


@pytest.mark.parametrize("dies", ["nothing", "process", "node"])
def test_what_dies_in_the_middle_of_an_ingest_changes_nothing(cluster, rows, alone, dies):
    room, killed = workspace(rows.with_name(f"dying-{dies}")), list[str]()

    def kill(line: str) -> None:
        if killed or not line.startswith("reading rows.jsonl: "):
            return
        killed.append(line)
        if dies == "node":
            victim = next(node for node in cluster.list_all_nodes() if not node.is_head())
            cluster.remove_node(victim, allow_graceful=False)
        if dies == "process":
            _reading_process().kill()

    assert (taken_in(rows, room, cluster, kill), kept(room)) == alone
    assert killed


def _reading_process() -> psutil.Process:
    """Return a process that reads parts for a worker."""
    mine = set(psutil.Process().children(recursive=True))
    # What has ended since, or only waits to be taken note of, has no command line here and raises nothing.
    there = psutil.process_iter(["cmdline"])
    found = (each for each in there if "workbench.services.apart" in " ".join(each.info["cmdline"] or ()))
    return next(process for process in found if process in mine)
