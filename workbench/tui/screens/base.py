"""What all screens share: the modes, work off the event loop, jobs, errors as a sheet, cutting and training."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from workbench.services.progress import Report
from workbench.text import show
from workbench.tui.desk import Desk
from workbench.tui.modes import MODES
from workbench.tui.screens.sheets import ErrorSheet, VersionSheet, refusal
from workbench.tui.widgets.key_bar import KeyBar
from workbench.tui.widgets.title_line import Title, TitleLine
from workbench.tui.widgets.virtual_table import VirtualTable

if TYPE_CHECKING:
    from workbench.services.training.preflight import Preflight
    from workbench.services.training.train import Begun
    from workbench.tui.app import WorkbenchApp

T = TypeVar("T")
CHANGE = "change"
"""Group of the workers that write; they are never cancelled and never overlap."""
SHEET = "sheet"
"""Group of the workers that read what a sheet shows; what is typed meanwhile is meant for the sheet, and waits."""

ENDED = (WorkerState.SUCCESS, WorkerState.ERROR, WorkerState.CANCELLED)
"""What the last message of a worker says; the worker itself may have ended while an earlier message is read."""


class Talk(Message):
    """A line about work in progress, from a thread."""

    def __init__(self, line: str) -> None:
        """Carry the line."""
        self.line = line
        super().__init__()


class WorkScreen(Screen[None]):
    """A screen over a workspace."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(mode.binding for mode in MODES.values()),
        Binding("T", "train", "Train now", show=False, id="train.now"),
        Binding("Q", "review", "Review queue", show=False, id="review.queue"),
        Binding("f5", "reread", "Read again", show=False, id="reread"),
        Binding("escape", "back", "Back", show=False, id="back"),
    ]
    app: WorkbenchApp

    def __init__(self, desk: Desk, corpus: str = "") -> None:
        """Stand at a desk, before one corpus or none."""
        super().__init__()
        self.desk = desk
        self.corpus = corpus
        self._then: dict[Worker[Any], Callable[[Any], None]] = {}
        self._change = self._said = ""
        self.seen: int | None = None
        """The last of the application's changes that this screen knows of; None before it was shown."""

    def compose(self) -> ComposeResult:
        """Frame the screen's own widgets with a title, a line of talk and the keys."""
        yield TitleLine(id="title")
        with Vertical(id="body"):
            yield from self.compose_body()
        yield Static(id="talk", markup=False)
        yield KeyBar()

    def compose_body(self) -> ComposeResult:
        """Yield the screen's own widgets."""
        raise AssertionError("every screen has a body")

    def set_title(self, place: str, detail: str = "") -> None:
        """Say where one is and what is shown."""
        workspace = self.desk.workspace.root.name
        self.query_one(TitleLine).title = Title(show(workspace), show(place), show(detail))

    def chosen_corpus(self) -> str:
        """Return the corpus that modes and training are about: the screen's, or the one under the cursor."""
        return self.corpus

    def chosen_version(self) -> str:
        """Return the name of the version that training is about."""
        return "latest"

    def talk(self, line: str) -> None:
        """Show one line above the keys; without one, the jobs that run are named there."""
        self._change = line
        self.show_jobs()

    def show_jobs(self) -> None:
        """Show a change of this screen, else what was said last, else the newest job with its count and time to go."""
        line = self._change or self.app.notice or self.app.jobs.in_words()
        if line == self._said:
            return
        for widget in self.query("#talk").results(Static):  # none before the screen is composed
            is_higher_or_lower = self._lines_of(line) != self._lines_of(self._said)
            widget.update(Content(f" {show(line)}" if line else ""), layout=is_higher_or_lower)
            self._said = line

    def _lines_of(self, said: str) -> int:
        """Return how many lines of the screen a text takes, about; what does not change that needs no new layout."""
        return -(-(cell_len(said) + bool(said)) // max(self.size.width, 1))

    def on_talk(self, message: Talk) -> None:
        """Show what a thread says, while it is at it."""
        if self.is_busy(CHANGE):
            self.talk(message.line)

    def report(self, line: str, done: int = 0, total: int = 0) -> None:
        """Show one line; any thread may call this."""
        share = f"  {done:,} of {total:,}" if total else ""
        self.post_message(Talk(f"{line}{share}"))

    def tell(self, line: str) -> None:
        """Show a short notice."""
        self.app.tell(line)

    def in_background(self, work: Callable[[], T], then: Callable[[T], None], group: str = "read") -> None:
        """Run work in a thread, and `then` with its result here; newer reading replaces older of its group."""
        exclusive = group != CHANGE
        if exclusive:  # an older one may have ended, with its result still on the way here
            self._then = {older: what for older, what in self._then.items() if older.group != group}
        worker = self.run_worker(work, group=group, exclusive=exclusive, thread=True, exit_on_error=False)
        self._then[worker] = then
        if group in (SHEET, CHANGE):
            self.app.hold_keys(worker)

    def is_busy(self, group: str) -> bool:
        """Say whether work of a group is under way."""
        return any(worker.group == group and not worker.is_finished for worker in self._then)

    def change(self, line: str, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Run short work that writes; refused while other such work of this screen is under way."""
        if self.is_busy(CHANGE):
            self.tell("one moment: the last change is still being made")
            return
        self.talk(line)
        self.in_background(work, then, CHANGE)

    def begin(
        self,
        name: str,
        work: Callable[[Report], T],
        then: Callable[[T], None],
        *,
        corpus: str | None = None,
        writes: bool = True,
    ) -> bool:
        """Run long work as a job that outlives this screen; `then` gets its result if the screen is still there.

        `corpus` is the one the job writes to, by default this screen's; where another job writes to it, nothing
        begins, the person is told, and False is returned.
        """
        return self.app.begin(self, name, work, then, corpus=self.corpus if corpus is None else corpus, writes=writes)

    async def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Hand a result on, or show what went wrong."""
        if event.state not in ENDED:
            return
        then = self._then.pop(event.worker, None)
        if event.worker.group == CHANGE:
            self.talk("")
            self.app.changed(self)
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.app.push_screen(ErrorSheet(event.worker.error))
            if event.worker.group != CHANGE:
                self.give_up(refusal(event.worker.error))
        elif event.state is WorkerState.SUCCESS and then is not None:
            then(event.worker.result)
        await self.app.release_keys(event.worker)

    def on_screen_resume(self) -> None:
        """Read again what was changed while another screen lay over this one."""
        self.show_jobs()
        self.catch_up()

    def catch_up(self) -> None:
        """Read again what was written from another screen since this one read."""
        if self.seen not in (None, self.app.changes):
            self.refresh_data()
        self.seen = self.app.changes

    def refresh_data(self) -> None:
        """Read again what this screen shows."""

    def action_reread(self) -> None:
        """Read again, as after something outside went wrong."""
        self.refresh_data()

    def give_up(self, why: str) -> None:
        """Say in every list that still promises rows why none come."""
        for table in self.query(VirtualTable):
            table.give_up(show(f"{why}\n\nF5 tries again.", limit=600, lines=True))

    def go_to(self, place: str) -> None:
        """Put the cursor on one thing of this screen, named as its services name it."""

    def action_back(self) -> None:
        """Go to the screen before this one."""
        self.app.pop_screen()

    def action_mode(self, name: str) -> None:
        """Show one of the main screens of the corpus."""
        corpus = self.chosen_corpus()
        if corpus or not MODES[name].needs_corpus:
            self.app.show_mode(name, corpus)
        else:
            self.tell("first choose a corpus: go to the list with esc, then enter")

    def action_review(self) -> None:
        """Show the records of the corpus to look at first."""
        corpus = self.chosen_corpus()
        if not corpus:
            self.tell("first choose a corpus: go to the list with esc, then enter")
            return
        from workbench.tui.screens.review import ReviewScreen

        self.app.push_screen(ReviewScreen(self.desk, corpus))

    def show_runs(self, run: str = "") -> None:
        """Go to the runs, with the cursor on one."""
        self.app.show_mode("train", self.chosen_corpus(), run)

    def cut(self, corpus: str) -> None:
        """Cut a version of a corpus and show its counts and proof."""
        self.begin(f"split {corpus}", lambda report: self.desk.cut(corpus, report), self._cut_done, corpus=corpus)

    def _cut_done(self, made: tuple[Any, bool]) -> None:
        version, new = made
        self.app.push_screen(VersionSheet(version, new=new))
        self.refresh_data()

    def action_train(self) -> None:
        """Train the version that this screen is about."""
        self._look_before_training(self._flown)

    def action_preflight(self) -> None:
        """Show the pre-flight, also where nothing is in the way: another recipe can be chosen there."""
        self._look_before_training(self._show_preflight)

    def _look_before_training(self, then: Callable[[Preflight], None]) -> None:
        corpus, version = self.chosen_corpus(), self.chosen_version()
        if corpus:
            self.in_background(lambda: self.desk.preflight(corpus, version), then, "preflight")
        else:
            self.tell("first choose a corpus to train on")

    def _flown(self, flight: Preflight) -> None:
        if flight.is_green:
            self.train(flight)
        else:
            self._show_preflight(flight)

    def _show_preflight(self, flight: Preflight) -> None:
        from workbench.tui.screens.preflight import PreflightSheet

        self.app.push_screen(PreflightSheet(self.desk, flight), lambda chosen: self.train(chosen) if chosen else None)

    def train(self, flight: Preflight) -> None:
        """Start a training, go to its run, and leave some seconds to think again."""
        line = f"starting a training of {flight.corpus}@{flight.version} with {flight.recipe}"
        self.change(line, lambda: self.desk.train(flight), self._begun)

    def _begun(self, begun: Begun) -> None:
        self.app.may_withdraw(begun)
        self.show_runs(begun.name)
