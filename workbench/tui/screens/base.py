"""What all screens share: work off the event loop, errors as a sheet, cutting and training a corpus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static
from textual.worker import Worker, WorkerState

from workbench.text import show
from workbench.tui.desk import Desk
from workbench.tui.screens.sheets import ErrorSheet, VersionSheet

T = TypeVar("T")
CHANGE = "change"
"""Group of the workers that write; they are never cancelled and never overlap."""


class Talk(Message):
    """A line about work in progress, from a thread."""

    def __init__(self, line: str) -> None:
        """Carry the line."""
        self.line = line
        super().__init__()


class WorkScreen(Screen[None]):
    """A screen over a workspace."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", show=False)]

    def __init__(self, desk: Desk) -> None:
        """Stand at a desk."""
        super().__init__()
        self.desk = desk
        self._then: dict[Worker[Any], Callable[[Any], None]] = {}

    def compose(self) -> ComposeResult:
        """Frame the screen's own widgets with a title, a line of talk and the keys."""
        yield Static(id="title", markup=False)
        with Vertical(id="body"):
            yield from self.compose_body()
        yield Static(id="talk", markup=False)
        yield Footer(show_command_palette=False)

    def compose_body(self) -> ComposeResult:
        """Yield the screen's own widgets."""
        raise AssertionError("every screen has a body")

    def set_title(self, place: str, detail: str = "") -> None:
        """Say where one is and what is shown."""
        where = show(self.desk.workspace.root.name)
        self.query_one("#title", Static).update(
            Content.assemble((f" {where}", "$foreground-muted"), (f" > {show(place)}", "bold"), f"  {show(detail)}")
        )

    def talk(self, line: str) -> None:
        """Show one line above the keys."""
        self.query_one("#talk", Static).update(Content(f" {show(line)}" if line else ""))

    def on_talk(self, message: Talk) -> None:
        """Show what a thread says."""
        self.talk(message.line)

    def report(self, line: str) -> None:
        """Show one line; any thread may call this."""
        self.post_message(Talk(line))

    def tell(self, line: str) -> None:
        """Show a short notice."""
        self.notify(show(line), markup=False, timeout=4)

    def in_background(self, work: Callable[[], T], then: Callable[[T], None], group: str = "read") -> None:
        """Run work in a thread, and `then` with its result here; newer reading replaces older of its group."""
        exclusive = group != CHANGE
        worker = self.run_worker(work, group=group, exclusive=exclusive, thread=True, exit_on_error=False)
        self._then[worker] = then

    def is_busy(self, group: str) -> bool:
        """Say whether work of a group is under way."""
        return any(worker.group == group and not worker.is_finished for worker in self._then)

    def change(self, line: str, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Run work that writes; refused while other such work is under way."""
        if self.is_busy(CHANGE):
            self.tell("one moment: the last change is still being made")
            return
        self.talk(line)
        self.in_background(work, then, CHANGE)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Hand a result on, or show what went wrong."""
        if not event.worker.is_finished:
            return
        then = self._then.pop(event.worker, None)
        if event.worker.group == CHANGE:
            self.talk("")
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.app.push_screen(ErrorSheet(event.worker.error))
        elif event.state is WorkerState.SUCCESS and then is not None:
            then(event.worker.result)

    def action_back(self) -> None:
        """Go to the screen before this one."""
        self.app.pop_screen()

    def cut(self, corpus: str) -> None:
        """Cut a version of a corpus and show its counts and proof."""
        self.change(f"splitting {corpus}", lambda: self.desk.cut(corpus, self.report), self._show_version)

    def _show_version(self, made: tuple[Any, bool]) -> None:
        version, new = made
        self.app.push_screen(VersionSheet(version, new=new))
        self.refresh_data()

    def train(self, corpus: str) -> None:
        """Train the newest version of a corpus and go to its run."""
        self.change(f"preparing a training of {corpus}", lambda: self.desk.train(corpus), self.show_runs)

    def show_runs(self, run: str = "") -> None:
        """Go to the runs, with the cursor on one."""
        from workbench.tui.screens.train import TrainScreen

        self.app.push_screen(TrainScreen(self.desk, run))

    def refresh_data(self) -> None:
        """Read again what this screen shows."""
