"""The request to stop: a signal that ends a training between two steps, with a checkpoint."""

from __future__ import annotations

import signal
from types import FrameType


class StopRequest:
    """SIGTERM or SIGINT: before the first step it ends the process, later the loop saves and stops."""

    def __init__(self) -> None:
        """Start without a request."""
        self.requested = False
        self.in_loop = False

    def listen(self) -> None:
        """Take over both signals; only a process's main thread may do this."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        if not self.in_loop:
            raise SystemExit(0)
