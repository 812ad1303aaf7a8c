"""Killed at any moment, the store is whole, no acknowledged edit is lost, and the next command works."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpora import cut, deliver, facts, ids, scratch, state
from workbench.services.records import edit
from workbench.services.verify import verify

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import sys
from pathlib import Path
from tests.corpora import cut, deliver, facts, ids
from workbench.services.records import edit
from workbench.store.store import Store
from workbench.workspace import Workspace
root, job, start = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = Store(Workspace(root))
records = ids(store)
print("ready", flush=True)
for number in range(start, start + 1000):
    if job == "ingest":
        deliver(store, facts(*range(20), *range(1000, 1001 + number)), file=f"{job}.jsonl")
    else:
        record = records[number % len(records)]
        edit(store, "facts", record, {"answer": f"said {number}"})
        print(record, number, flush=True)
        if job == "split":
            cut(store)
"""


def killed(root: Path, job: str, start: int, delay: float) -> dict[str, int]:
    """Run a writer, kill it so many seconds after its first answer, and return its acknowledged edits."""
    command = [sys.executable, "-c", WRITER, str(root), job, str(start)]
    env = {**os.environ, "POLARS_MAX_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=env) as writer:
        assert writer.stdout is not None and writer.stderr is not None
        ready = writer.stdout.readline()
        select.select([], [], [], delay)
        writer.send_signal(signal.SIGKILL)
        said, wrong = writer.stdout.read().decode(), writer.stderr.read().decode()
    assert ready == b"ready\n", wrong
    assert (writer.returncode, wrong) == (-signal.SIGKILL, "")
    whole = said[: said.rfind("\n") + 1].splitlines()
    return {record: int(number) for record, number in (line.split() for line in whole)}


def survives(job: str, rounds: int, seed: int) -> None:
    draw = random.Random(seed)
    with scratch() as store:
        deliver(store, facts(*range(20)))
        cut(store)
        for number in range(rounds):
            acknowledged = killed(store.workspace.root, job, number * 1000, draw.uniform(0.0, 0.4))
            assert verify(store) == []
            said = dict(state(store).records.select("id", "answer").iter_rows())
            for record, least in acknowledged.items():
                assert int(said[record].removeprefix("said ")) >= least
            assert edit(store, "facts", ids(store)[0], {"answer": f"said {number * 1000 + 999}"}) == 1
            cut(store)
            deliver(store, facts(*range(20), *range(1000, 1005 + number)), file="next.jsonl")
            assert verify(store) == []
            assert len(ids(store)) == len(set(ids(store)))


@pytest.mark.parametrize("job", ["ingest", "edit", "split"])
def test_a_killed_writer_loses_nothing(job):
    survives(job, 2, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize(("job", "rounds"), [("ingest", 13), ("edit", 13), ("split", 14)])
def test_a_killed_writer_loses_nothing_forty_times(job, rounds):
    survives(job, rounds, seed=2)
