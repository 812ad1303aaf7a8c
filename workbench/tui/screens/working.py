"""A sheet that works in threads while it is open, and says what is refused instead of going away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from textual.screen import ModalScreen
from textual.worker import Worker, WorkerState

from workbench.errors import WorkbenchError
from workbench.tui.desk import Desk
from workbench.tui.screens.base import ENDED

T = TypeVar("T")
Answer = TypeVar("Answer")


class WorkingSheet(ModalScreen[Answer]):
    """A sheet over a workspace."""

    def __init__(self, desk: Desk) -> None:
        """Stand at a desk."""
        super().__init__()
        self.desk = desk
        self._then: dict[Worker[Any], Callable[[Any], None]] = {}

    def in_background(self, work: Callable[[], T], then: Callable[[T], None], group: str = "read") -> None:
        """Run work in a thread, and `then` with its result here; newer work replaces older of its group."""
        worker = self.run_worker(work, group=group, exclusive=True, thread=True, exit_on_error=False)
        self._then[worker] = then

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Hand a result on, or say what was refused."""
        if event.state not in ENDED:
            return
        then = self._then.pop(event.worker, None)
        if event.state is WorkerState.SUCCESS and then is not None:
            then(event.worker.result)
        elif event.state is WorkerState.ERROR and event.worker.error is not None:
            self.refuse(event.worker.error)

    def refuse(self, error: BaseException) -> None:
        """Say what keeps this from being done."""
        raise AssertionError("every sheet says what is refused")


def refusal(error: BaseException) -> str:
    """Return what an error says, in one line."""
    if isinstance(error, WorkbenchError):
        return f"{error.what}. {error.hint}".rstrip(". ")
    return f"a fault of the workbench: {type(error).__name__}: {error}"
