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

from workbench.errors import WorkbenchError
from workbench.lm.load import go_offline
from workbench.training import lock
from workbench.training.checkpoints import last_checkpoint, step_of
from workbench.training.environment import one_gpu
from workbench.training.runs import RunFolder
from workbench.training.together import SharedStop, Witness, check_device, rank


class Account:
    """Writes how a training ended, whatever ended it; the exception itself goes on to the log."""

    def __init__(self, run: RunFolder) -> None:
        """Give account of one run."""
        self.run = run

    def __enter__(self) -> Account:
        """Say that this process runs it."""
        self.run.set_process(os.getpid())
        self.run.set_state("running")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Say how it ended, in one line."""
        if isinstance(error, SystemExit):
            self.run.set_state("stopped", "stopped before the first step")
        elif kind is not None:
            self.run.set_state("failed", f"{one_line(error)}{self._kept()}")

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
        _train(run, resume=said.resume)


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
