"""Killed at any moment, the store is whole, nothing acknowledged is lost, and the next command works."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys

import pytest

from tests.corpora import CORPUS, cut, deliver, facts, ids, rows_of, scratch, state
from tests.faults.writers import PATIENCE, ROOT, Writers
from workbench.services.records.editing import edit
from workbench.services.verify import verify
from workbench.store.store import Store
from workbench.store.versions import versions

_INGESTER = """
import sys
from pathlib import Path
from tests.corpora import deliver, facts
from workbench.store.store import Store
from workbench.workspace import Workspace
with Store(Workspace(Path(sys.argv[1]))) as store:
    for number in range(int(sys.argv[2]), int(sys.argv[2]) + 1000):
        made = deliver(store, facts(*range(20), *range(1000, 1001 + number)), file="more.jsonl")
        print(number, flush=True)
"""


def after_a_while(draw: random.Random) -> None:
    """Let a random part of what the processes do next happen: the moment of the cut is what is drawn."""
    select.select([], [], [], draw.uniform(0, 0.15))


def killed_together(store: Store, number: int, draw: random.Random) -> Writers:
    """Let two editors and a versioner write at once, and kill all three after a random number of answers."""
    writers = Writers(store.workspace.root, number * 10_000)
    writers.ready()
    answers = draw.randrange(1, 40)
    for name in writers.processes:
        writers.ask(name, 4)
    for _ in range(answers):
        words = writers.hear()
        if words[0] == "edit":
            writers.ask(words[2])
        else:
            writers.ask("versioner")
            writers.ask("one")
    after_a_while(draw)
    writers.kill()
    wrong = writers.wrong()
    writers.close()
    assert wrong == [""] * 3, wrong
    return writers


def check_edits(store: Store, writers: Writers) -> None:
    """Every acknowledged edit, or a later one of the same writer, is what its record says."""
    said = dict(state(store).records.select("id", "answer").iter_rows())
    for record, (name, number) in writers.edits().items():
        who, last = said[record].split()
        assert who == name and int(last) >= number


def check_versions(store: Store, acknowledged: dict[str, str]) -> None:
    """Every acknowledged version resolves, with the content that it had when it was first looked at."""
    for version in versions(store.catalogue, CORPUS):
        content = rows_of(store, version).sort("id").write_json()
        assert acknowledged.setdefault(version.id, content) == content


def survives(rounds: int, seed: int) -> int:
    """Kill so many times; return how many edits and versions were acknowledged."""
    draw, contents, count = random.Random(seed), {}, 0
    with scratch() as store:
        deliver(store, facts(*range(20)))
        cut(store)
        for number in range(1, rounds + 1):
            writers = killed_together(store, number, draw)
            assert verify(store) == []
            check_edits(store, writers)
            check_versions(store, contents)
            assert set(writers.versions()) <= contents.keys()
            count += len(writers.edits()) + len(writers.versions())
            assert edit(store, CORPUS, ids(store)[0], {"answer": f"one {number * 10_000 + 9_999}"}) == 1
            cut(store)
    return count


def test_killed_writers_lose_nothing():
    assert survives(3, seed=1) > 0


@pytest.mark.slow
def test_killed_writers_lose_nothing_fifteen_times():
    assert survives(15, seed=2) > 50


def killed_at_ingest(store: Store, start: int, draw: random.Random) -> int:
    """Kill an ingesting process at a random moment behind its first answer; return the last number it said."""
    command = [sys.executable, "-c", _INGESTER, str(store.workspace.root), str(start)]
    env = {**os.environ, "POLARS_MAX_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=env) as writer:
        assert writer.stdout is not None and writer.stderr is not None
        assert select.select([writer.stdout], [], [], PATIENCE)[0], "it never answered"
        first = writer.stdout.readline()
        after_a_while(draw)
        writer.send_signal(signal.SIGKILL)
        said, wrong = first + writer.stdout.read(), writer.stderr.read().decode()
    assert (writer.returncode, wrong) == (-signal.SIGKILL, "")
    return int(said[: said.rfind(b"\n")].split()[-1])


def survives_ingest(rounds: int, seed: int) -> None:
    draw = random.Random(seed)
    with scratch() as store:
        for number in range(rounds):
            last = killed_at_ingest(store, number * 3, draw)
            assert verify(store) == []
            assert {fact["question"] for fact in facts(*range(20), *range(1000, 1001 + last))} <= set(
                state(store).records["question"]
            )
            deliver(store, facts(*range(20), *range(1000, 1005 + number)), file="next.jsonl")
            assert verify(store) == []
            assert len(ids(store)) == len(set(ids(store))) == 25 + number


def test_a_killed_ingest_loses_nothing():
    survives_ingest(2, seed=1)


@pytest.mark.slow
def test_a_killed_ingest_loses_nothing_fifteen_times():
    survives_ingest(15, seed=2)
