"""A sheet that works in threads while it is open, and says what is refused instead of going away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from textual.screen import ModalScreen
from textual.worker import Worker, WorkerState

from workbench.errors import Cancelled
from workbench.services.progress import Report
from workbench.tui.desk import Desk
from workbench.tui.jobs import Job
from workbench.tui.screens.base import ENDED, Talk

T = TypeVar("T")
Answer = TypeVar("Answer")


class WorkingSheet(ModalScreen[Answer]):
    """A sheet over a workspace."""

    def __init__(self, desk: Desk) -> None:
        """Stand at a desk."""
        super().__init__()
        self.desk = desk
        self._then: dict[Worker[Any], Callable[[Any], None]] = {}
        self._watched: Job | None = None

    def in_background(self, work: Callable[[], T], then: Callable[[T], None], group: str = "read") -> None:
        """Run work in a thread, and `then` with its result here; newer work replaces older of its group."""
        worker = self.run_worker(work, group=group, exclusive=True, thread=True, exit_on_error=False)
        self._then[worker] = then

    def watched(self, name: str) -> Report:
        """Return where work tells its progress: it is said on the sheet, with the time to go where that is known.

        The work ends at its next word once the sheet is left, or once other work is watched.
        """
        self._unwatch()
        job = self._watched = Job(name, "", False, time.monotonic, time.monotonic())

        def report(line: str, done: int = 0, total: int = 0) -> None:
            job.report(line, done, total)
            self.post_message(Talk(job.in_words()))

        return report

    def _unwatch(self) -> None:
        if self._watched is not None:
            self._watched.cancel()

    def on_unmount(self) -> None:
        """End what is watched: nobody waits for it any more."""
        self._unwatch()

    def on_talk(self, message: Talk) -> None:
        """Say what a thread says, while it is at it."""
        message.stop()
        if any(not worker.is_finished for worker in self._then):
            self.say(message.line)

    def say(self, line: str) -> None:
        """Say how far the work is."""
        raise AssertionError("a sheet that watches work says how far it is")

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Hand a result on, or say what was refused."""
        if event.state not in ENDED:
            return
        then = self._then.pop(event.worker, None)
        if event.state is WorkerState.SUCCESS and then is not None:
            then(event.worker.result)
        elif (error := event.worker.error) is not None and not isinstance(error, Cancelled):
            self.refuse(error)

    def refuse(self, error: BaseException) -> None:
        """Say what keeps this from being done."""
        raise AssertionError("every sheet says what is refused")
