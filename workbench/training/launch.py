"""Start a training in a process of its own, follow it from its folder, stop it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from workbench.errors import OutsideError, RefusedError, UsageError
from workbench.training import lock
from workbench.training.environment import for_training
from workbench.training.runs import ENDED, LOST, RunFolder, replace
from workbench.training.together import check_gpus

_PAUSE = 0.2
"""Seconds between two looks at a run folder."""

_CHILDREN: list[subprocess.Popen[bytes]] = []
"""Trainings started by this process, held so that the interpreter does not complain about dropping them."""


@dataclass(frozen=True)
class Progress:
    """Where a run is: optimizer steps done and in all, the last training loss, seconds to go."""

    step: int
    total: int
    loss: float | None
    eta_seconds: float | None


def launch(run: RunFolder, *, resume: bool = False, gpus: int = 1) -> int:
    """Start the training process of a prepared run, or its launcher on several GPUs, and return its id.

    It outlives this process. On several GPUs every process holds the whole base, or where the recipe shares it a part,
    and learns its share of the rows of each step; the rows of a step, their order and the seed stay what they are on
    one. Where an epoch's rows do not come out even, its last step learns some of the beginning again.

    Raises UsageError where the run is going already, has finished, or was begun and `resume` is not said, and where
    there are fewer GPUs.
    """
    check_gpus(gpus)
    # Taken before anything is read or written: of two that start a run at once, one gets it.
    descriptor = lock.take(run.lock_file)
    try:
        _check_startable(run, resume=resume)
        # The id of an earlier process must not be taken for this one's; until it has one, the lock says it lives.
        run.pid_file.unlink(missing_ok=True)
        with _kept_where_it_fails(run):
            run.set_state("running")
            child = _started(run, descriptor, _command(run, descriptor, gpus, resume=resume), gpus)
    finally:
        os.close(descriptor)
    _CHILDREN.append(child)
    run.set_process(child.pid)
    return child.pid


def _command(run: RunFolder, descriptor: int, gpus: int, *, resume: bool) -> list[str]:
    training = ["-m", "workbench.training.process", str(run.path.resolve()), *(["--resume"] if resume else [])]
    if gpus == 1:
        return [sys.executable, *training, "--lock", str(descriptor)]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(gpus)]
    return [sys.executable, *launcher, *training, "--led"]


def _started(run: RunFolder, descriptor: int, command: list[str], gpus: int) -> subprocess.Popen[bytes]:
    """Start the process, which inherits the lock and holds it until it ends, however it ends."""
    with run.log.open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=for_training(os.environ, gpus),
            pass_fds=(descriptor,),
        )


@contextmanager
def _kept_where_it_fails(run: RunFolder) -> Iterator[None]:
    """Put the state back where the process does not start, so that the run can be started again."""
    before = run.state_file.read_bytes()
    try:
        yield
    except OSError as error:
        replace(run.state_file, before)
        hint = "free memory, or end other processes, and start the run again"
        raise OutsideError(f"the training process does not start: {error.strerror or error}", hint) from error


def _check_startable(run: RunFolder, *, resume: bool) -> None:
    # Whoever asks holds the lock, so a run said to be going is one whose process is gone.
    said = str(run.state()["state"])
    status = LOST if said == "running" and run.process() is None else said
    if status == "refused":
        raise RefusedError(f"the run {run.name!r} was refused: {run.state()['reason']}", "prepare a new run")
    if status == "finished":
        raise UsageError(f"the run {run.name!r} has finished", "start a new run to train again")
    if status == "running":
        raise UsageError(f"the run {run.name!r} is running already", "follow it with `workbench runs`")
    if status != "prepared" and not resume:
        raise UsageError(f"the run {run.name!r} was begun and is {status}", "go on with `--resume`")


def look(run: RunFolder) -> Progress:
    """Return where a run is now."""
    state = run.state()
    trained = [line for line in run.recent_metrics() if "loss" in line]
    last = trained[-1] if trained else {}
    step = max(int(state.get("step", 0)), int(last.get("step", 0)))
    return Progress(step, int(state.get("total", 0)), last.get("loss"), last.get("eta_s"))


def follow(run: RunFolder, report: Callable[[Progress], None]) -> str:
    """Report every change until the run ends, and return how: finished, stopped, failed, refused or lost.

    Only reads the folder: ending this ends nothing. Raises UsageError for a run that was never started.
    """
    if run.status() == "prepared":
        raise UsageError(f"the run {run.name!r} was not started", "start it with `workbench train`")
    seen: Progress | None = None
    while True:
        status, now = run.status(), look(run)
        if now != seen:
            report(now)
            seen = now
        if status in ENDED:
            return status
        time.sleep(_PAUSE)


def stop(run: RunFolder, *, timeout: float = 120.0) -> str:
    """Ask a run to save a checkpoint and end, wait for it, and return its state.

    Raises OutsideError where it has not ended after `timeout` seconds; it was asked and may still end.
    """
    process = _process(run, timeout)
    if process is None or run.status() != "running":
        raise UsageError(f"the run {run.name!r} is {run.status()}", "only a running run can be stopped")
    try:
        process.terminate()
        process.wait(timeout)
    except psutil.NoSuchProcess:
        pass
    except psutil.TimeoutExpired as error:
        hint = f"look into {str(run.log)!r}; kill -9 {process.pid} loses the steps since the last checkpoint"
        raise OutsideError(f"the run {run.name!r} did not end within {timeout:g} s", hint) from error
    if run.status() == LOST:
        # It was asked so early that it did not listen yet; there is nothing of it to lose.
        run.set_state("stopped", "stopped while starting")
    return run.status()


def _process(run: RunFolder, timeout: float) -> psutil.Process | None:
    """Return the training process, waiting for its id where it was started only just now."""
    end = time.monotonic() + timeout
    while (process := run.process()) is None and run.status() == "running" and time.monotonic() < end:
        time.sleep(_PAUSE)
    return process
