"""The terminal application: it opens on the corpora of a workspace, and holds the jobs and the screens of a corpus."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from rich.text import Text
from textual import constants
from textual.binding import Binding, BindingType
from textual.theme import BUILTIN_THEMES
from textual.timer import Timer
from textual.worker import Worker, WorkerState

from workbench.errors import Cancelled, UsageError, unknown
from workbench.services.apart import Apart, Resident
from workbench.services.progress import Report, span
from workbench.text import show
from workbench.tui.begin import BeginApp
from workbench.tui.desk import Desk
from workbench.tui.ending import answer_of
from workbench.tui.in_order import InOrder
from workbench.tui.jobs import Job, Jobs
from workbench.tui.modes import MODES
from workbench.tui.offers import Offer, offers
from workbench.tui.screens.base import ENDED, WorkScreen
from workbench.tui.screens.corpora import CorporaScreen
from workbench.tui.screens.sheets import ErrorSheet, KeySheet, refusal
from workbench.workspace import Workspace

if TYPE_CHECKING:
    from workbench.services.training.train import Begun

T = TypeVar("T")
_JOB = "job"
"""Group of the workers that run jobs."""
_SETTLED = 1.0
"""Seconds after which the first screen stands, and a process for work may be made ready."""
_SECOND_THOUGHTS = 5.0
"""Seconds in which esc takes a training back."""
_HERE = Path(__file__).parent
_SAID = 4.0
"""Seconds for which a notice is shown."""
_EVERY = 0.25 if constants.MAX_FPS > 10 else 1.0
"""Seconds between two looks at the jobs; a slow link is asked for by fewer frames."""


def run(place: Workspace | Path) -> None:
    """Run the terminal interface until the user quits; trainings started from it go on.

    In a folder that is no workspace it asks first whether to make one. Raises UsageError for a theme, named in the
    environment, that there is none of, and on a bug of ours what ended the interface.
    """
    if constants.DEFAULT_THEME not in BUILTIN_THEMES:
        raise unknown("theme", constants.DEFAULT_THEME, BUILTIN_THEMES)
    workspace = place if isinstance(place, Workspace) else answer_of(BeginApp(place))
    if workspace is None:
        return
    desk = Desk(workspace, apart=Apart(), models=Resident())
    try:
        answer_of(WorkbenchApp(desk))
    finally:
        desk.apart.close()
        desk.models.close()


class WorkbenchApp(InOrder[None]):
    """The workbench in a terminal."""

    # Whole paths, since a subclass may stand elsewhere; a default screen's own style sheet is not loaded with it.
    CSS_PATH: ClassVar[list[str | PurePath]] = [_HERE / "app.tcss", _HERE / "screens/corpora.tcss"]
    TITLE = "workbench"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as App declares it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("J", "jobs", "Jobs", show=False, id="jobs"),
        Binding("question_mark,f1", "keys", "Keys", id="help"),
        Binding("ctrl+p", "palette", "Palette: every action by its name", show=False, id="palette"),
        Binding("q", "app.leave", "Quit", show=False, id="quit"),
    ]

    def __init__(self, desk: Desk) -> None:
        """Stand at a desk."""
        super().__init__()
        self.desk = desk
        self.jobs = Jobs()
        self.changes = 0
        """How often anything was written from here; screens compare it to know whether to read again."""
        self.notice = ""
        """What was said last, while it is shown: one line above the keys, that lies over no row."""
        self._silence: Timer | None = None
        self._begun: Begun | None = None
        self._until = 0.0
        self._then: dict[Worker[Any], tuple[Job, WorkScreen, Callable[[Any], None]]] = {}
        self._kept: dict[tuple[str, str], WorkScreen] = {}

    def get_default_screen(self) -> CorporaScreen:
        """Open on the corpora."""
        return CorporaScreen(self.desk)

    def on_mount(self) -> None:
        """Look at the jobs now and then."""
        self.set_interval(_EVERY, self._show_jobs)
        self.set_timer(_SETTLED, self.desk.apart.warm)
        self.run_worker(self._take_keymap, thread=True, exit_on_error=False)

    def _take_keymap(self) -> None:
        """Bind the person's own keys; where something is wrong with them, say so and keep ours."""
        from workbench.tui.keymap import keys_file, load_keymap

        try:
            self.call_from_thread(self.set_keymap, load_keymap(keys_file()))
        except UsageError as error:
            said = f"Your keys are not used. {error.what}. {error.hint}"
            self.call_from_thread(
                self.notify, show(said, limit=400), title="keys", severity="warning", markup=False, timeout=12
            )

    def changed(self, by: WorkScreen) -> None:
        """Note that a screen wrote something: the one that is shown, and others once they are, read again."""
        self.changes += 1
        by.seen = self.changes  # it knows what it did
        if self._shown is not None:
            self._shown.catch_up()

    def begin(
        self,
        screen: WorkScreen,
        name: str,
        work: Callable[[Report], T],
        then: Callable[[T], None],
        *,
        corpus: str,
        writes: bool,
    ) -> bool:
        """Run work as a job in a thread; see `WorkScreen.begin`."""
        job = self.jobs.begin(name, corpus, writes=writes)
        if job is None:
            other = self.jobs.writing(corpus)
            screen.tell(f"one moment: {other.name if other else corpus} is under way; J shows it")
            return False
        worker = self.run_worker(lambda: work(job.report), group=_JOB, thread=True, exit_on_error=False)
        self._then[worker] = (job, screen, then)
        self._show_jobs()
        return True

    @property
    def _shown(self) -> WorkScreen | None:
        """Return the screen that is shown; none under a sheet, and none before the first and after the last."""
        top = self.screen_stack[-1] if self.screen_stack else None
        return top if isinstance(top, WorkScreen) else None

    def _work_screens(self) -> list[WorkScreen]:
        """Return the screens that are no sheets, the one that is seen last."""
        return [screen for screen in self.screen_stack if isinstance(screen, WorkScreen)]

    def _show_jobs(self) -> None:
        for screen in self._work_screens()[-1:]:
            screen.show_jobs()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Hand a job's result to the screen that began it, or show what went wrong wherever one is."""
        if event.state not in ENDED or event.worker not in self._then:
            return
        job, screen, then = self._then.pop(event.worker)
        job.close(_end_of(event, job.name))
        if job.writes:
            self.changed(screen)
        self._show_jobs()
        if job.state != "done" and screen.is_attached:
            screen.give_up(f"{job.name} was cancelled." if job.error is None else refusal(job.error))
        if job.error is not None:
            self.push_screen(ErrorSheet(job.error))
        elif job.state == "cancelled":
            self.tell(f"{job.name}: cancelled; what was acknowledged before is kept")
        elif screen.is_attached:
            then(event.worker.result)
        else:
            self.tell(f"{job.name}: done after {span(job.seconds)}")

    def tell(self, line: str) -> None:
        """Say something for some seconds above the keys of the screen, in place of what was said before."""
        if self._silence is not None:
            self._silence.stop()
        self.notice = line
        self._silence = self.set_timer(_SAID, self._fall_silent)
        self._show_jobs()

    def _fall_silent(self) -> None:
        self.notice = ""
        self._show_jobs()

    def may_withdraw(self, begun: Begun) -> None:
        """Let esc on the run take a training back for a few seconds."""
        self._begun, self._until = begun, time.monotonic() + _SECOND_THOUGHTS
        line = f"{begun.name} starts; esc within {_SECOND_THOUGHTS:g} s takes it back"
        self.notify(show(line), markup=False, timeout=_SECOND_THOUGHTS)

    @property
    def begun(self) -> Begun | None:
        """Return the training that was begun last from here."""
        return self._begun

    def withdrawable(self) -> Begun | None:
        """Return the training that esc takes back, once."""
        begun, self._until = (self._begun if time.monotonic() < self._until else None), 0.0
        return begun

    def show_mode(self, mode: str, corpus: str, run: str = "") -> None:
        """Show one of the screens of a corpus above the list of corpora; each stands as it was left."""
        screen = self._mode(mode, corpus)
        if run:
            screen.go_to(run)
        if screen is self.screen:
            return
        while len(self.screen_stack) > 2:
            self.pop_screen()
        if len(self.screen_stack) == 2:
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    def _mode(self, mode: str, corpus: str) -> WorkScreen:
        for key in [key for key in self._kept if key[1] != corpus]:
            self._forget(key)
        if (mode, corpus) not in self._kept:
            self._kept[mode, corpus] = screen = MODES[mode].make(self.desk, corpus)
            self.install_screen(screen, f"{mode} {corpus}")
        return self._kept[mode, corpus]

    def _forget(self, key: tuple[str, str]) -> None:
        screen = self._kept.pop(key)
        self.uninstall_screen(screen)
        if screen.is_attached and screen not in self.screen_stack:
            screen.remove()

    def action_jobs(self) -> None:
        """Show the jobs."""
        from workbench.tui.screens.jobs import JobsDrawer

        self.push_screen(JobsDrawer(self.jobs))

    def action_keys(self) -> None:
        """Show every key that works here."""
        self.push_screen(KeySheet(offers(self.screen)))

    def action_palette(self) -> None:
        """Offer every action by its name."""
        from workbench.tui.screens.palette import Palette

        self.push_screen(Palette(offers(self.screen)), self._do)

    async def _do(self, offer: Offer | None) -> None:
        if offer is not None:
            await self.run_action(offer.action, offer.node)

    async def action_quit(self) -> None:
        """Quit in the same way as by our own key."""
        self.action_leave()

    def action_leave(self) -> None:
        """Quit; ask first where a job writes."""
        from workbench.tui.screens.confirm import ConfirmSheet

        writing = self.jobs.writing()
        if writing is None:
            self._leave()
        elif not isinstance(self.screen, ConfirmSheet):
            after = "Quitting cancels it. What was acknowledged is kept, and trainings go on."
            sheet = ConfirmSheet(f"{writing.name} is under way. Quit all the same?", after=after)
            self.push_screen(sheet, lambda yes: self._leave() if yes else None)

    def _leave(self) -> None:
        """Quit, and say which trainings go on."""
        from workbench.training.runs import RunFolder

        for job in self.jobs.going():
            job.cancel()
        going = [run.name for run in RunFolder.list(self.desk.workspace.runs) if run.is_alive()]
        said = Text(f"still training: {show(', '.join(going))}; see: workbench runs") if going else None
        self.exit(message=said)


def _end_of(event: Worker.StateChanged, name: str) -> BaseException | None:
    """Return what ended a job's worker; None where it came to its end by itself."""
    if event.state is WorkerState.CANCELLED:
        return Cancelled(f"{name} was cancelled", "what was acknowledged before is kept")
    return event.worker.error if event.state is WorkerState.ERROR else None
