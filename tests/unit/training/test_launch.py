"""Facts about starting a run: once at a time, startable after a failure, and no stranger is ever stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from workbench.errors import OutsideError, UsageError
from workbench.training import launch as launching
from workbench.training import lock, together
from workbench.training.launch import launch, stop
from workbench.training.runs import LOST, RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder.create(tmp_path / "first")
    folder.set_state("prepared")
    return folder


@pytest.fixture
def sleeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An interpreter that trains nothing and waits."""
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nexec sleep 300\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    yield script
    for child in launching._CHILDREN:
        child.kill()
        child.wait()
    launching._CHILDREN.clear()


@pytest.mark.usefixtures("sleeper")
def test_of_two_starts_at_once_one_trains_and_one_is_told(run: RunFolder) -> None:
    def start(_: int) -> int | str:
        try:
            return launch(run)
        except UsageError as error:
            return error.what

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(start, range(4)))
    refused = [what for what in said if isinstance(what, str)]
    assert len(refused) == 3 and all("is running already" in what for what in refused)
    assert len(launching._CHILDREN) == 1


@pytest.mark.usefixtures("sleeper")
def test_the_process_holds_the_lock_for_its_whole_life(run: RunFolder) -> None:
    pid = launch(run)
    assert lock.is_held(run.lock_file)
    run.pid_file.unlink()
    assert run.status() == "running"
    os.kill(pid, signal.SIGKILL)
    launching._CHILDREN[0].wait()
    assert not lock.is_held(run.lock_file)
    assert run.status() == LOST


@pytest.mark.usefixtures("sleeper")
def test_more_gpus_than_there_are_start_nothing(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "gpus_in_sight", lambda: 1)
    with pytest.raises(UsageError, match="2 GPUs were asked for and this machine shows 1"):
        launch(run, gpus=2)
    assert launching._CHILDREN == [] and run.status() == "prepared" and not run.lock_file.exists()


@pytest.mark.usefixtures("sleeper")
def test_several_gpus_are_dealt_by_a_launcher_that_holds_the_lock(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "gpus_in_sight", lambda: 2)
    launch(run, gpus=2)
    said = list(map(str, launching._CHILDREN[0].args))
    assert "torch.distributed.run" in said and said[-1] == "--led" and said[said.index("--nproc-per-node") + 1] == "2"
    assert lock.is_held(run.lock_file)


def test_a_run_whose_process_does_not_start_can_be_started_again(
    run: RunFolder, sleeper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(sleeper.parent / "absent"))
    with pytest.raises(OutsideError, match="does not start"):
        launch(run)
    assert run.status() == "prepared" and run.process() is None
    monkeypatch.setattr(sys, "executable", str(sleeper))
    assert launch(run) == launching._CHILDREN[0].pid


@pytest.mark.usefixtures("sleeper")
def test_the_id_of_an_earlier_process_is_gone_before_a_new_one_starts(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.set_process(os.getpid())
    named: list[psutil.Process | None] = []
    started = launching._started

    def watched(run: RunFolder, descriptor: int, command: list[str], gpus: int) -> subprocess.Popen[bytes]:
        named.append(run.process())
        return started(run, descriptor, command, gpus)

    monkeypatch.setattr(launching, "_started", watched)
    pid = launch(run)
    assert named == [None]
    assert json.loads(run.pid_file.read_text())["pid"] == pid


def test_stopping_a_run_that_has_no_process_yet_signals_nobody(run: RunFolder) -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    try:
        with lock.held(run.lock_file):
            run.set_state("running")
            assert run.status() == "running"
            with pytest.raises(UsageError):
                stop(run, timeout=0)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received == []


def test_looking_whether_a_lock_is_held_never_stands_in_the_way_of_a_reader(run: RunFolder) -> None:
    assert not lock.is_held(run.lock_file)
    with lock.held(run.lock_file):
        assert lock.is_held(run.lock_file) and lock.is_held(run.lock_file)
        with pytest.raises(UsageError, match="is running already"):
            lock.take(run.lock_file)
    assert not lock.is_held(run.lock_file)
