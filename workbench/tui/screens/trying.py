"""A sheet whose first enter looks at what would come of it, and whose second one does it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Generic, TypeVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, Static

from workbench.services.progress import Report
from workbench.text import show
from workbench.tui.desk import Desk
from workbench.tui.screens.sheets import refusal
from workbench.tui.screens.working import WorkingSheet
from workbench.tui.widgets.word_diff import Piece

Asked = TypeVar("Asked")
Seen = TypeVar("Seen")
KEYS = "enter looks, enter again does it   tab next   esc leaves"


class TryingSheet(WorkingSheet["Asked | None"], Generic[Asked, Seen]):
    """Answers with what is asked once that was looked at, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,enter", "go", "Look, then do it", id="publish.go"),
        Binding("escape", "leave", "Leave", id="publish.leave"),
    ]
    nothing = "nothing was written or sent"
    """What is said of a look that failed."""

    def __init__(self, desk: Desk) -> None:
        """Begin with nothing looked at."""
        super().__init__(desk)
        self.seen: Seen | None = None
        self._looked_at: Asked | None = None
        """What `seen` shows."""

    def read(self) -> Asked:
        """Return what is asked now."""
        raise AssertionError("every sheet asks for something")

    def missing(self, asked: Asked) -> str:
        """Return what has to be said before one can look; empty where all is there."""
        return ""

    def tried(self, asked: Asked, report: Report) -> Seen:
        """Return what would come of it; called in a thread."""
        raise AssertionError("every sheet can look")

    def outcome(self, seen: Seen) -> Iterator[Piece]:
        """Yield what would come of it."""
        raise AssertionError("every sheet shows what it saw")

    def promise(self, asked: Asked, seen: Seen) -> str:
        """Return what the next enter does."""
        raise AssertionError("every sheet says what it does")

    def settled(self, asked: Asked, seen: Seen) -> Asked:
        """Return the answer: what is asked, with what the look has found out."""
        return asked

    def action_go(self) -> None:
        """Look at what would come of it; asked for the same again, answer with it."""
        asked = self.read()
        if missing := self.missing(asked):
            self.say(missing)
        elif self.seen is None or asked != self._looked_at:
            self._look(asked)
        else:
            self.dismiss(self.settled(asked, self.seen))

    @on(Input.Submitted)
    @on(events.Click, "#keys")
    def _submit(self) -> None:
        self.action_go()

    def _look(self, asked: Asked) -> None:
        self.seen = None
        self.say("looking ...   esc leaves")
        report = self.watched("looking")
        self.in_background(lambda: self.tried(asked, report), lambda seen: self._take(asked, seen), "trial")

    def _take(self, asked: Asked, seen: Seen) -> None:
        if asked == self.read():
            self.seen, self._looked_at = seen, asked
            self.query_one("#seen", Static).update(Content.assemble(*self.outcome(seen)))
            self.say(self.promise(asked, seen))

    def refuse(self, error: BaseException) -> None:
        """Say why nothing can come of it."""
        self.seen = None
        self.query_one("#seen", Static).update(
            Content.assemble((f"! {show(refusal(error), limit=900)}", "$text-error"))
        )
        self.say(self.nothing)

    def say(self, line: str) -> None:
        """Say what was done, or can be."""
        self.query_one("#keys", Static).update(Content.assemble((show(line, limit=300), "$text-accent")))

    def action_leave(self) -> None:
        """Take the sheet away; nothing came of it."""
        self.dismiss(None)
