"""On a real Ray cluster of several nodes the result is the same, and a node or a worker that dies changes nothing."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli import workbench
from tests.cluster import running

pytestmark = pytest.mark.slow
pytest.importorskip("daft", reason="the extra `scale` is not installed: pip install '.[scale]'")
pytest.importorskip("ray", reason="the extra `scale` is not installed: pip install '.[scale]'")
RECORDS = 20_000
AS_EVER = ("-m", "workbench")
IN_ONE_PARTITION = (
    "-c",
    "from workbench.scale import surface; surface._PARTITIONS, surface._SHARING = 1, 2;"
    "import runpy; runpy.run_module('workbench', run_name='__main__', alter_sys=True)",
)
"""How a command is run, as ever or as for a corpus so large that groups of rows share partitions."""
STAGES = {
    "pairing": "comparing signatures",
    "linking": "following what hangs together",
    "choosing": "choosing who stays",
}
"""What is told when some of the stages begin."""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace of questions, a tenth of which are asked a second time with a word changed."""
    room, chance = tmp_path_factory.mktemp("room") / "w", random.Random(8)
    rows: list[dict[str, str]] = []
    for number in range(RECORDS):
        words = ["".join(chance.choices("abcdefgh", k=6)) for _ in range(80)]
        row = {"question": " ".join(words), "answer": f"the answer is number {number}"}
        if number % 10 == 9:
            row = chance.choice(rows)
            row = row | {"question": row["question"].replace(row["question"].split()[chance.randrange(80)], "changed")}
        rows.append(row)
    room.mkdir()
    (room / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert workbench("init", ".", cwd=room).code == 0
    said = workbench("ingest", "rows.jsonl", "--corpus", "big", "--schema", "qa", "--json", cwd=room)
    assert said.code == 0, said.talk
    return room


@pytest.fixture(scope="module")
def alone(room: Path) -> list[Any]:
    """Return what one process says."""
    own = shutil.copytree(room, room.with_name("alone"))
    said = [workbench(verb, "big", "--json", cwd=own).json for verb in ("check", "dedup", "split")]
    assert said[1]["removed"] > 1000
    return said


@pytest.fixture
def cluster() -> Iterator[Any]:
    with running() as made:
        yield made


def asked(
    cluster: Any, verb: str, room: Path, at: Callable[[str], None] = lambda line: None, how: Sequence[str] = AS_EVER
) -> Any:
    """Return what a command says on the cluster; each line it tells on the way is given to `at`."""
    command = [sys.executable, *how, verb, "big", "--engine", "daft", "--json"]
    environment = {**os.environ, "RAY_ADDRESS": cluster.address}
    with (room / "said.json").open("w+", encoding="utf-8") as out:  # a pipe that nobody empties would hold it up
        with subprocess.Popen(command, cwd=room, env=environment, stdout=out, stderr=subprocess.PIPE, text=True) as one:
            assert one.stderr
            for line in one.stderr:
                at(line.strip())
        out.seek(0)
        return json.load(out)


def test_a_cluster_of_two_nodes_says_what_one_process_says(cluster, room, alone):
    own = shutil.copytree(room, room.with_name("spread"))
    assert [asked(cluster, verb, own) for verb in ("check", "dedup", "split")] == alone


def test_groups_that_share_a_partition_are_worked_on_one_by_one(cluster, room, alone):
    own = shutil.copytree(room, room.with_name("shared"))
    assert [asked(cluster, verb, own, how=IN_ONE_PARTITION) for verb in ("check", "dedup", "split")] == alone


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("whole", [True, False], ids=["node", "worker"])
def test_what_dies_in_the_middle_changes_nothing(cluster, room, alone, whole, stage):
    own = shutil.copytree(room, room.with_name(f"dying-{stage}-{whole}"))
    killed: list[str] = []

    def kill(line: str) -> None:
        if line != STAGES[stage] or killed:
            return
        if whole:
            cluster.remove_node(
                next(node for node in cluster.list_all_nodes() if not node.is_head()), allow_graceful=False
            )
        else:
            _kill_worker()
        killed.append(line)

    assert asked(cluster, "dedup", own, kill) == alone[1]
    assert killed


def _kill_worker() -> None:
    """Kill one of the processes that work for the engine, as a lack of memory would."""
    next(filter(_works, psutil.Process().children(recursive=True))).kill()


def _works(process: psutil.Process) -> bool:
    """Say whether a process works for the engine; one that has ended meanwhile does not."""
    with suppress(psutil.NoSuchProcess):
        return "RaySwordfishActor" in " ".join(process.cmdline())
    return False
