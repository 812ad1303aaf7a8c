"""The training process: `python -m workbench.training.process RUN_FOLDER [--resume]`.

It needs the run folder and the base alone, so that it also runs on a bare GPU host, and imports neither
polars, pandera nor textual. Whatever happens ends in state.json with one line; the rest is in log.txt.
"""

from __future__ import annotations

import argparse
import os
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType

from workbench.errors import ExitCode, RefusedError, WorkbenchError
from workbench.lm.load import go_offline
from workbench.training import lock
from workbench.training.checkpoints import last_checkpoint, step_of
from workbench.training.environment import one_gpu
from workbench.training.runs import RunFolder
from workbench.training.together import SharedStop, Witness, check_device, processes, rank


class Account:
    """Writes how a training ended, whatever ended it; the exception itself goes on to the log."""

    def __init__(self, run: RunFolder) -> None:
        """Give account of one run."""
        self.run = run

    def __enter__(self) -> Account:
        """Say that this process runs it."""
        self.run.set_process(os.getpid())
        if not self._is_told():
            self.run.set_state("running")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Say how it ended, in one line."""
        if error is not None and self._is_told():
            return
        if isinstance(error, SystemExit):
            self.run.set_state("stopped", "stopped before the first step")
        elif isinstance(error, RefusedError) and last_checkpoint(self.run) is None:
            self.run.set_state("refused", one_line(error))
        elif kind is not None:
            self.run.set_state("failed", f"{one_line(error)}{self._kept()}", code=code_of(error))

    def _is_told(self) -> bool:
        """Say whether another process told its failure: what it does to this one hides no reason."""
        return processes() > 1 and self.run.state()["state"] == "failed"

    def _kept(self) -> str:
        """Say from where the run can go on."""
        step = step_of(last_checkpoint(self.run))
        return f". Step {step} is kept: workbench train --resume {self.run.name}" if step else ""


def one_line(error: BaseException | None) -> str:
    """Return an error as one line: what happened and what to do."""
    if isinstance(error, WorkbenchError):
        return ". ".join(part for part in (error.what, error.hint) if part)
    first = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def code_of(error: BaseException | None) -> int:
    """Return the exit code that the command line has for an error; what a disk refuses is a matter of the outside."""
    if isinstance(error, WorkbenchError):
        return int(error.exit_code)
    return int(ExitCode.OUTSIDE if isinstance(error, OSError) else ExitCode.BUG)


def main(arguments: list[str] | None = None) -> None:
    """Train one prepared run."""
    parser = argparse.ArgumentParser(prog="python -m workbench.training.process", description=__doc__)
    parser.add_argument("run", type=Path, help="a prepared run folder")
    parser.add_argument("--resume", action="store_true", help="go on from the newest whole checkpoint")
    parser.add_argument("--lock", type=int, help="the descriptor of the run's lock, where the starter took it")
    parser.add_argument("--led", action="store_true", help="one of several processes, whose starter holds the lock")
    said = parser.parse_args(arguments)
    go_offline()
    os.environ.update(one_gpu(os.environ))
    run = RunFolder.read(said.run)
    with nullcontext() if said.led else lock.held(run.lock_file, said.lock):
        check_trainable(run, resume=said.resume)
        _train(run, resume=said.resume)


def check_trainable(run: RunFolder, *, resume: bool) -> None:
    """End this process where it was started by hand on a run that must not be trained, or not from its first step.

    Whoever starts one through `training.launch` has been told before, and has written `running`.
    """
    state = run.state()["state"]
    if state in ("refused", "finished"):
        raise SystemExit(f"the run {run.name!r} is {state}: prepare a new run")
    if state in ("stopped", "failed") and not resume:
        raise SystemExit(f"the run {run.name!r} was begun and is {state}: go on with --resume")


def _train(run: RunFolder, *, resume: bool) -> None:
    """Train, alone or as one of several; of these the first gives account of the run."""
    with Account(run if rank() == 0 else Witness(run.path)) as account:
        stop = SharedStop()
        stop.listen()
        # Imported here: the libraries read the environment once, and their failure is the run's failure too.
        from workbench.training.qlora import train

        check_device()
        train(account.run, stop, resume=resume)


if __name__ == "__main__":
    main()
