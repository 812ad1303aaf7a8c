"""A fact about training: it goes on when the terminal interface is killed or hung up, and opening shows it again."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.pilots import declare, rows
from tests.tui.test_pty import PATIENCE, terminal
from workbench.services.intake.ingest import Order, ingest
from workbench.services.versions.split import Request, requested, split
from workbench.store.store import Store
from workbench.training.launch import stop
from workbench.training.runs import RunFolder
from workbench.workspace import Workspace

TRAINER = """
import json, os, signal, sys, time
from pathlib import Path
from workbench.training import lock
from workbench.training.runs import RunFolder
run = RunFolder(Path(sys.argv[1]))
RunFolder.create(run.path)
run.facts_file.write_text(json.dumps({"corpus": "towns", "version_name": "v1", "created": "2026-01-02"}))
with lock.held(run.lock_file):
    run.set_process(os.getpid())
    run.set_state("running", step=0, total=10_000)
    def end(*_):
        run.set_state("stopped")
        sys.exit(0)
    signal.signal(signal.SIGTERM, end)
    for step in range(1, 10_000):
        with run.metrics_file.open("a") as file:
            file.write(json.dumps({"step": step, "loss": 4.0 / step, "eta_s": 60.0}) + chr(10))
        time.sleep(0.1)
"""
START = f"""
import subprocess, sys
from pathlib import Path
from workbench.services.training.train import Begun
from workbench.tui.app import WorkbenchApp
from workbench.tui.desk import Desk
from workbench.workspace import Workspace

def start(workspace, training):
    command = [sys.executable, "-c", {TRAINER!r}, str(workspace.run_folder("lasting"))]
    null = subprocess.DEVNULL
    return Begun("lasting", subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True))

WorkbenchApp(Desk(Workspace(Path(sys.argv[1])), start)).run()
"""


@pytest.fixture
def towns(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace with a version of `towns` and no other corpus; what trains in it ends with the test."""
    workspace = Workspace.create(tmp_path / "bench", with_samples=False)
    declare(workspace, "towns", [json.dumps(row) for row in rows()])
    with Store(workspace) as store:
        ingest(store, Order("towns"))
        split(store, Request("towns", requested(store, "towns", counts=(8, 2, 2))))
    yield workspace
    for run in RunFolder.list(workspace.runs):
        if run.is_alive():
            stop(run)


def steps(run: RunFolder) -> int:
    """Return how many steps a run has logged."""
    return len(run.metrics_file.read_bytes().splitlines()) if run.metrics_file.is_file() else 0


def wait_for(run: RunFolder, more: int) -> None:
    """Wait until a run has logged more steps than that."""
    deadline = time.monotonic() + 60
    while steps(run) <= more:
        assert time.monotonic() < deadline, "the run goes no further"
        time.sleep(0.05)


@pytest.mark.parametrize("way", ["kill -9", "hang-up"])
def test_a_training_outlives_the_terminal_interface_and_is_shown_again(towns: Workspace, way: str) -> None:
    run = RunFolder(towns.run_folder("lasting"))
    with terminal(towns, START) as screen:
        screen.until("towns")
        screen.press("T")
        screen.until("lasting")
        wait_for(run, 0)
        if way == "kill -9":
            screen.child.kill()
        else:
            os.killpg(screen.child.pid, signal.SIGHUP)  # as the kernel does to all that a terminal ran
        screen.child.wait(PATIENCE)
    assert run.status() == "running"
    wait_for(run, steps(run) + 3)
    with terminal(towns, START) as screen:
        screen.until("towns")
        screen.press("3")
        screen.until("lasting")
        screen.until("running")
        screen.press("q")
        screen.until("\x1b[?1049l")
    assert run.status() == "running"
