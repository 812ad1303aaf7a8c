"""An application that ends on a bug of ours without showing records, and hands the bug to whoever ran it."""

from __future__ import annotations

from typing import TypeVar

from textual.app import App

R = TypeVar("R")


class Ending(App[R]):
    """An application whose end says whether a person or a bug of ours brought it about."""

    @property
    def fault(self) -> BaseException | None:
        """Return the bug of ours that ended the application; None where a person did."""
        return self._exception

    def _fatal_error(self) -> None:
        """End on a bug of ours: Textual's own page of it shows all local values, and records among them."""
        self._close_messages_no_wait()


def answer_of(app: Ending[R]) -> R | None:
    """Run an application and return its answer; raises the bug of ours that ended it."""
    answer = app.run()
    if app.fault is not None:
        raise app.fault
    return answer
