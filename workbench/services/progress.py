"""How a service tells its progress: one function, given by the front end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

_SURE = 1.0
"""Seconds that a stage must have lasted before its end is foretold."""


class Report(Protocol):
    """Takes what is being done, in plain words, and how far it is.

    It raises `workbench.errors.Cancelled` where the person at the keys wants the work to end; a service lets that
    pass, since an exception between two log rows loses nothing.
    """

    def __call__(self, line: str, done: int = 0, total: int = 0) -> None:
        """Tell a line; `done` of `total` are counts of what the line names, and a total of 0 is not known.

        A line may hold its own count after a colon, which then stands in place of both: "reading a.jsonl: 10 rows"
        with a done and a total in bytes. What stands before the colon is the same as long as the stage is.
        """


def silent(line: str, done: int = 0, total: int = 0) -> None:
    """Tell nobody."""


def stage_of(line: str) -> str:
    """Return what a line of progress calls the stage of the work."""
    return line.partition(":")[0]


@dataclass(frozen=True)
class Stage:
    """What was told last: a line, and counts of what the line names; a total of 0 is not known."""

    line: str = ""
    done: int = 0
    total: int = 0
    began: float = 0.0
    """When the stage that the line belongs to was first told of, in seconds of the teller's clock."""
    first: int = 0
    """What was done by then, at a pace that nobody has seen."""

    def then(self, line: str, done: int, total: int, now: float) -> Stage:
        """Return what is told next; as long as the stage is the same and its count grows, it began when it began."""
        same = stage_of(self.line) == stage_of(line) and done >= self.done
        return Stage(line, done, total, *((self.began, self.first) if same else (now, done)))

    def seconds_to_go(self, now: float) -> float | None:
        """Return the seconds that the stage still takes at its pace so far; None where nobody can know."""
        lasted = now - self.began
        if not self.first < self.done <= self.total or lasted < _SURE:
            return None
        return lasted * (self.total - self.done) / (self.done - self.first)


def span(seconds: float) -> str:
    """Return a span of time in whole units that a person reads at a glance."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def counted(line: str, done: int, total: int) -> str:
    """Return the counts that go with a line in words: both, or the share alone where the line holds a count."""
    own = ":" in line
    if not total:
        return f"{done:,}" if done and not own else ""
    share = f"{min(done / total, 1):.0%}"
    return share if own else f"{done:,} of {total:,} ({share})"
