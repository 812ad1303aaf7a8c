"""Run a piece of work in a process of its own, so that whoever asked for it stays quick; its progress comes back.

Parsing holds Python's interpreter lock for long stretches, during which no other thread of a process can draw a
screen. What crosses the pipe is pickled: both ends are this program, and no other has the pipe.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from threading import Event, Lock
from typing import Any, Protocol, TypeVar

from workbench.errors import Cancelled, OutsideError, WorkbenchError
from workbench.services.progress import Report

T = TypeVar("T")
Work = Callable[[Report], T]
"""Takes where to tell its progress; to go to another process it is a `partial` of a module's function."""
NEEDED = ("workbench.services.intake.ingest", "workbench.services.versions.split")
"""What a process imports while it waits for work; it holds most of what any work needs."""
_PAUSE = 0.2
"""Seconds after which a silent process is looked at again, to hear whether the work shall end."""
_PATIENCE = 5.0
"""Seconds that a process told to end has for tidying up, before it is killed: the store survives that."""
IDLE = 900.0
"""Seconds after which a process that has worked, and is not asked again, ends."""
_GENTLE = 5
"""How much a process gives way to the one that draws the screen (`nice`)."""


_WHAT_NOW = {
    "SIGKILL": "most often the system does that where memory runs out: end other programs, or give less at a time",
    "SIGBUS": "a file that it looked at was cut short, or its disk failed: see that the files are whole, and try again",
    "SIGSEGV": "a fault in a compiled library: try again, and report it where it comes back",
    "SIGTERM": "somebody asked it to end: try again",
}
"""What to do about a signal that ended a process."""


class Doing(Protocol):
    """Somewhere to do work: `Here`, or `Apart`."""

    def __call__(self, work: Work[T], report: Report) -> T:
        """Do the work and return its result; what it raises is raised here."""

    def warm(self) -> None:
        """Make ready for work."""

    def close(self) -> None:
        """Let go of what was made ready."""


class Here:
    """Does work in the thread that asks for it."""

    def __call__(self, work: Work[T], report: Report) -> T:
        """Do the work."""
        return work(report)

    def warm(self) -> None:
        """Need nothing."""

    def close(self) -> None:
        """Hold nothing."""


class Apart:
    """Processes for work: one waits with everything imported, so that work begins at once."""

    def __init__(self, needed: Sequence[str] = NEEDED) -> None:
        """Begin without a process; each will import the modules `needed` while it waits."""
        self._needed = needed
        self._waiting: _Process | None = None
        self._lock = Lock()

    def warm(self) -> None:
        """Have a process waiting."""
        with self._lock:
            if self._waiting is None:
                self._waiting = _Process(self._needed)

    def close(self) -> None:
        """End the process that waits."""
        waiting = self._taken()
        if waiting is not None:
            waiting.end()

    def _taken(self) -> _Process | None:
        """Return the process that waits, for one caller alone."""
        with self._lock:
            waiting, self._waiting = self._waiting, None
            return waiting

    def __call__(self, work: Work[T], report: Report) -> T:
        """Do the work in a process and return its result; what it raises is raised here.

        `report` is also called, with what was told last, while the process is silent: where it raises, the process
        is ended, gently at first.
        """
        process = self._taken() or _Process(self._needed)
        try:
            made: T = process.result(work, report)
        finally:
            process.end()
        self.warm()
        return made


class Resident:
    """One process that stays between pieces of work, with all that they have loaded, for example a model.

    Work waits for its turn. Whoever gives up ends the process, and the next piece of work begins in a new one; after
    IDLE seconds without work it ends by itself.
    """

    def __init__(self) -> None:
        """Begin without a process."""
        self._process: _Process | None = None
        self._lock = Lock()
        """Held while the process is used, or ended."""
        self._unwanted = Event()

    def warm(self) -> None:
        """Need nothing: the first piece of work says what is loaded."""

    def close(self) -> None:
        """End the process, and with it what it holds in memory; work that is under way is cancelled."""
        self._unwanted.set()
        with self._lock:
            self._unwanted.clear()
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def __call__(self, work: Work[T], report: Report) -> T:
        """Do the work in the process and return its result; what it raises is raised here."""

        def told(line: str, done: int = 0, total: int = 0) -> None:
            report(line, done, total)
            if self._unwanted.is_set():
                raise Cancelled("the process is wanted for something else", "try again")

        while not self._lock.acquire(timeout=_PAUSE):
            told("waiting for its turn")
        try:
            return self._ready().result(work, told)
        finally:
            if self._process is not None and not self._process.is_waiting:
                self._end()
            self._lock.release()

    def _ready(self) -> _Process:
        """Return the process, a new one where it has ended."""
        if self._process is None or not self._process.is_alive:
            self._end()
            self._process = _Process(())
        return self._process


class _Process:
    """One process that does pieces of work, one after the other."""

    def __init__(self, needed: Sequence[str]) -> None:
        self.is_waiting = True
        """Whether the last piece of work came to its end, be it an error."""
        self._line, far = Pipe()
        command = [sys.executable, "-m", __name__, str(far.fileno()), *needed]
        # What it or a library prints must not land on the screen that the other process draws.
        self._process = subprocess.Popen(
            command,
            pass_fds=(far.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        far.close()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def result(self, work: Work[T], report: Report) -> T:
        self.is_waiting = False
        try:
            self._line.send(work)
            told: tuple[Any, ...] = ("",)
            while True:
                if self._line.poll(_PAUSE):
                    kind, *what = self._line.recv()
                    self.is_waiting = kind != "told"
                    if kind == "made":
                        made: T = what[0]
                        return made
                    if kind == "failed":
                        raise what[0]
                    told = tuple(what)
                report(*told)
        except (EOFError, ConnectionError) as error:
            raise _ended(self._process.wait()) from error

    def end(self) -> None:
        """End the process; one that has done its work has ended already, or is about to."""
        self._line.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _ended(code: int) -> OutsideError:
    """Return the error for a process that ended before its work did: a code below zero is the signal that ended it."""
    if code >= 0:
        return OutsideError(f"the process that did the work ended with exit code {code}", "try again")
    known = {one.value: one.name for one in signal.Signals}
    by = known.get(-code, f"signal {-code}")
    return OutsideError(f"the process that did the work was ended by {by}", _WHAT_NOW.get(by, "try again"))


def main(far: Connection, needed: Sequence[str]) -> None:
    """Do what comes through a pipe, one piece of work after the other, and say what came of each."""
    os.nice(_GENTLE)
    for name in needed:
        importlib.import_module(name)
    _answer(far)
    while far.poll(IDLE):
        _answer(far)


def _answer(far: Connection) -> None:
    work: Work[Any] = far.recv()

    def report(line: str, done: int = 0, total: int = 0) -> None:
        far.send(("told", line, done, total))

    try:
        far.send(("made", work(report)))
    except KeyboardInterrupt:
        far.send(("failed", Cancelled("the work was cancelled", "what was acknowledged before is kept")))
    except WorkbenchError as error:
        far.send(("failed", error))
    except Exception as error:  # our own bugs end where the work was asked for; not every exception can be pickled
        found = RuntimeError(f"{type(error).__name__}: {error}")
        found.add_note(traceback.format_exc())
        far.send(("failed", found))


if __name__ == "__main__":
    # The end of the other process, or its wish to end this one, leaves nobody to tell.
    with suppress(EOFError, ConnectionError, KeyboardInterrupt):
        main(Connection(int(sys.argv[1])), sys.argv[2:])
