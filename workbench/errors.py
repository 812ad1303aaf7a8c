"""Every error a person can cause, with the exit code that scripts rely on.

WorkbenchError                 what happened, and a hint that says what to do next
├── DataError          exit 1  a record, a proof or a stored object is not as it must be
│   ├── LeakError              a split whose proof found a leak
│   ├── CorruptionError        the store disagrees with its own hashes
│   └── RefusedError           training was refused by the X-ray or the pre-flight
├── UsageError         exit 2  the request cannot be understood or does not fit the workspace
├── OutsideError       exit 3  network, Hub, device or disk
└── Cancelled          exit 130  the person at the keys ended the work
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line."""

    OK = 0
    DATA = 1
    USAGE = 2
    OUTSIDE = 3
    BUG = 70
    INTERRUPTED = 130


class WorkbenchError(Exception):
    """Base of all expected errors: `what` happened, `hint` says what to do next."""

    exit_code = ExitCode.DATA

    def __init__(self, what: str, hint: str = "") -> None:
        """Keep both parts; the front end decides how to show them."""
        super().__init__(what)
        self.what = what
        self.hint = hint


class DataError(WorkbenchError):
    """The data is not as it must be."""


class LeakError(DataError):
    """A split's proof found records of one group in two splits."""


class CorruptionError(DataError):
    """A stored object or log row disagrees with its hash."""


class RefusedError(DataError):
    """Training was refused before it started."""


class UsageError(WorkbenchError):
    """The request cannot be understood or does not fit this workspace."""

    exit_code = ExitCode.USAGE


class OutsideError(WorkbenchError):
    """Network, Hub, device or disk failed."""

    exit_code = ExitCode.OUTSIDE


class Cancelled(WorkbenchError):
    """The person at the keys ended the work; what was acknowledged before is kept."""

    exit_code = ExitCode.INTERRUPTED


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Build the error for an unknown name: it answers with the nearest name and the full list."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return UsageError(f"no {kind} named {name!r}", f"{guess}known: {', '.join(names) or 'none yet'}")
