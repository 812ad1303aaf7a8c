"""How a service tells its progress: one function, given by the front end."""

from __future__ import annotations

from typing import Protocol


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


def counted(line: str, done: int, total: int) -> str:
    """Return the counts that go with a line in words: both, or the share alone where the line holds a count."""
    own = ":" in line
    if not total:
        return f"{done:,}" if done and not own else ""
    share = f"{min(done / total, 1):.0%}"
    return share if own else f"{done:,} of {total:,} ({share})"
