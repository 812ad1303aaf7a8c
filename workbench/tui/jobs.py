"""Long work as plain state: what runs, how far it is, when it will be done, and whether it was told to end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from workbench.errors import Cancelled
from workbench.services.progress import Stage, counted, span

State = Literal["running", "ending", "done", "failed", "cancelled"]
SIGNS: dict[State, str] = {"running": ">", "ending": "~", "done": "+", "failed": "!", "cancelled": "-"}
"""What stands before a job in a list, so that its state does not hang on a colour."""
_KEPT = 20
"""Jobs that are over and still listed."""


@dataclass
class Job:
    """One piece of long work; its thread writes `stage`, the screens read it."""

    name: str
    corpus: str
    writes: bool
    clock: Callable[[], float]
    started: float
    state: State = "running"
    stage: Stage = field(default_factory=Stage)
    ended: float | None = None
    error: BaseException | None = None

    def report(self, line: str, done: int = 0, total: int = 0) -> None:
        """Note how far the work is; raises Cancelled once the job was told to end. Any thread may call this."""
        if self.state in ("ending", "cancelled"):
            raise Cancelled(f"{self.name} was cancelled", "what was acknowledged before is kept")
        self.stage = self.stage.then(line, done, total, self.clock())

    def cancel(self) -> None:
        """Tell the work to end; it does so at its next word."""
        if self.state == "running":
            self.state = "ending"

    def close(self, error: BaseException | None = None) -> None:
        """Note how the work ended; what was told to end and failed thereby was cancelled."""
        told = self.state == "ending"
        self.state = "done" if error is None else "cancelled" if told or isinstance(error, Cancelled) else "failed"
        self.error = error if self.state == "failed" else None
        self.ended = self.clock()

    @property
    def is_over(self) -> bool:
        """Say whether the work has ended, in whichever way."""
        return self.ended is not None

    @property
    def seconds(self) -> float:
        """Return how long the job has lasted."""
        return (self.clock() if self.ended is None else self.ended) - self.started

    @property
    def seconds_to_go(self) -> float | None:
        """Return the seconds that what it does now still takes at its pace so far; None where nobody can know."""
        return None if self.is_over else self.stage.seconds_to_go(self.clock())

    def in_words(self) -> str:
        """Return the job in one line: its name, what it does, counts, share and time to go."""
        left = self.seconds_to_go
        parts = [self.name, self.stage.line if self.state != "ending" else "ending ...", self.share()]
        parts += [f"{span(left)} to go"] if left is not None else []
        return "  ".join(part for part in parts if part)

    def share(self) -> str:
        """Return how much of its present stage is done, as far as it is known."""
        return counted(self.stage.line, self.stage.done, self.stage.total)


@dataclass
class Jobs:
    """The jobs of one session at the terminal, oldest first."""

    clock: Callable[[], float] = time.monotonic
    jobs: list[Job] = field(default_factory=list)

    def begin(self, name: str, corpus: str = "", *, writes: bool = True) -> Job | None:
        """Return a new job; None where another one writes to the same corpus, since two would undo each other."""
        if writes and self.writing(corpus) is not None:
            return None
        job = Job(name, corpus, writes, self.clock, self.clock())
        over = [old for old in self.jobs if old.is_over]
        forgotten = over[: max(len(over) - _KEPT, 0)]
        self.jobs = [*(old for old in self.jobs if old not in forgotten), job]
        return job

    def going(self) -> list[Job]:
        """Return the jobs that have not ended, newest first."""
        return [job for job in reversed(self.jobs) if not job.is_over]

    def writing(self, corpus: str | None = None) -> Job | None:
        """Return the newest job that writes, of a corpus or of any."""
        return next((job for job in self.going() if job.writes and corpus in (None, job.corpus)), None)

    def in_words(self) -> str:
        """Return the newest job in one line and how many others there are; nothing where none runs."""
        going = self.going()
        if not going:
            return ""
        more = f"  (and {len(going) - 1} more: J)" if len(going) > 1 else ""
        return f"{going[0].in_words()}{more}"
