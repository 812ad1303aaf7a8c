"""A worker, or a whole node, dies with the work of a step done and not handed over: the result is the same."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.cli import workbench
from tests.cluster import SHARED, running

pytestmark = pytest.mark.slow
pytest.importorskip("daft", reason="the extra `scale` is not installed: pip install '.[scale]'")
pytest.importorskip("ray", reason="the extra `scale` is not installed: pip install '.[scale]'")
PROGRAM = Path(__file__).parents[1] / "dying.py"
RECORDS = 1_800
CROWD = 300
"""Records that begin alike, more than are compared with each other one by one."""
FROM = {
    **{"ingest": "empty", "build": "declared", "check": "taken", "dedup": "taken", "split": "taken"},
    **{"describe": "cut", "export": "cut"},
}
"""In which state of the workspace a command is asked."""
WORKERS = [
    ("ingest", "_read,_kept"),
    ("check", "_look"),
    ("dedup", "_sign,_meet,_attach,_pair"),
    ("dedup", "_bring,_verify,_compared"),
    ("dedup", "_forest,_large,_small,_lead"),
    ("split", "_lines,_sorted"),
    ("build", "_read,_look,_pair,_small,_sorted"),
    ("describe", "_tallied,of_bucket"),
    ("export", "_tallied,of_bucket,_sizes,_put"),
]
"""Every function that workers run over a group, by the command; of these some workers die one after the other."""
NODES = [
    *(("ingest", "_read"), ("ingest", "_kept"), ("check", "_look"), ("dedup", "_meet"), ("dedup", "_pair")),
    *(("dedup", "_verify"), ("dedup", "_small"), ("dedup", "_lead"), ("split", "_sorted")),
    *(("build", "_lines"), ("describe", "of_bucket"), ("export", "_sizes"), ("export", "_put")),
]
"""A node takes along what its workers made for the next step, too."""


def rows() -> Iterator[dict[str, str]]:
    """Yield questions, a tenth of which are asked a second time with a word changed."""
    chance, held = random.Random(8), list[list[str]]()
    beginning = [f"begin{number}" for number in range(30)]
    for number in range(RECORDS):
        held.append(["".join(chance.choices("abcdefgh", k=6)) for _ in range(30)])
        if number < CROWD:
            held[-1] = [*beginning, str(number)]
        elif number % 10 == 9:
            held[-1] = list(held[chance.randrange(CROWD, number)])
            held[-1][chance.randrange(30)] = "changed"
        yield {"question": " ".join(held[-1]), "answer": f"the answer is number {number // 4}"}


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of workspaces, each further on than the one before."""
    rooms = tmp_path_factory.mktemp("rooms")
    (rooms / "empty").mkdir()
    lines = (json.dumps(row) + "\n" for row in rows())
    (rooms / "empty" / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    asked(rooms / "empty", "init", ".", "--bare")
    asked(shutil.copytree(rooms / "empty", rooms / "taken"), *arguments("ingest"))
    asked(shutil.copytree(rooms / "taken", rooms / "cut"), "split", "big")
    shutil.rmtree(shutil.copytree(rooms / "taken", rooms / "declared") / ".workbench")
    return rooms


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with running() as made:
        yield made


def arguments(command: str) -> list[str]:
    return ["ingest", "rows.jsonl", "--corpus", "big", "--schema", "qa"] if command == "ingest" else [command, "big"]


def asked(room: Path, *command: str) -> Any:
    said = workbench(*command, "--json", cwd=room)
    assert said.code == 0, said.talk
    return said.json


@cache
def alone(rooms: Path, command: str) -> Any:
    """Return what comes of a command in one process."""
    room = shutil.copytree(rooms / FROM[command], rooms / f"alone-{command}")
    return outcome(room, asked(room, *arguments(command)))


def outcome(room: Path, said: Any) -> Any:
    """Return what a command said, with what it left: objects by name, exports to the byte, and nothing else."""
    assert list((room / ".workbench" / "tmp").iterdir()) == []
    exported = {path.relative_to(room).as_posix(): path.read_bytes() for path in room.glob("exports/*/**/*.*")}
    return {**said, "folder": ""}, sorted(os.listdir(room / ".workbench" / "objects")), exported


def outlived(cluster: Any, rooms: Path, command: str, victim: str, steps: str) -> Any:
    """Return what comes of a command on the cluster, in some steps of which a worker or a node dies."""
    room = shutil.copytree(rooms / FROM[command], rooms / f"{victim}-{command}-{steps}")
    dead = room.with_name(f"dead-{room.name}")
    dead.mkdir()
    called = [sys.executable, str(PROGRAM), str(dead), victim, steps, *arguments(command)]
    environment = {**os.environ, "RAY_ADDRESS": cluster.address}
    done = subprocess.run(
        [*called, "--engine", "daft", "--json"], cwd=room, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout
    assert sorted(os.listdir(dead)) == sorted(steps.split(","))
    return outcome(room, json.loads(done.stdout))


@pytest.mark.parametrize(("command", "steps"), WORKERS)
def test_workers_that_die_change_nothing(cluster, rooms, command, steps):
    assert outlived(cluster, rooms, command, "worker", steps) == alone(rooms, command)


@pytest.mark.parametrize(("command", "step"), NODES)
def test_a_node_that_dies_changes_nothing(cluster, rooms, command, step):
    try:
        assert outlived(cluster, rooms, command, "node", step) == alone(rooms, command)
    finally:
        for node in cluster.list_all_nodes():
            if any(node.dead_processes()):
                cluster.remove_node(node, allow_graceful=False)
                cluster.add_node(num_cpus=1, object_store_memory=SHARED)
