"""The jobs drawer: what runs and ran in this session, how far it is, and the key that ends one."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from workbench.errors import WorkbenchError
from workbench.services.looking.column import Column
from workbench.services.progress import span
from workbench.text import show
from workbench.tui.jobs import SIGNS, Job, Jobs
from workbench.tui.widgets.virtual_table import Rows, VirtualTable

_EVERY = 0.25
"""Seconds between two looks at the jobs."""
_COLUMNS = (Column("", 1), Column("job", 24), Column("state", 10), Column("done", 18), Column("took", 12))
_EMPTY = "No long work in this session. Trainings are processes of their own: 3 shows them."
_KEYS = "x cancels the chosen job   esc closes"


class JobsDrawer(ModalScreen[None]):
    """The jobs of this session, newest first, over whatever screen one is on."""

    CSS_PATH = "jobs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "cancel", "Cancel the job", id="jobs.cancel"),
        Binding("escape,J,q", "close", "Close", key_display="esc", id="jobs.close"),
    ]

    def __init__(self, jobs: Jobs) -> None:
        """Show some jobs."""
        super().__init__()
        self.jobs = jobs
        self.shown: list[Job] = []

    def compose(self) -> ComposeResult:
        """Hold the list, and what the chosen job says."""
        with Vertical(id="drawer"):
            yield VirtualTable(Rows(_COLUMNS), note=_EMPTY, id="jobs")
            yield Static(id="said", markup=False)
            yield Static(Content(_KEYS), id="jobs-keys", markup=False)

    def on_mount(self) -> None:
        """Look now, and again four times a second."""
        self.query_one("#jobs").focus()
        self.set_interval(_EVERY, self.show_jobs)
        self.show_jobs()

    def show_jobs(self) -> None:
        """Draw what has changed; the cursor stays on its job."""
        table = self.query_one("#jobs", VirtualTable)
        chosen = self.chosen
        self.shown = list(reversed(self.jobs.jobs))
        row = self.shown.index(chosen) if chosen in self.shown else 0
        table.set_source(Rows(_COLUMNS, [_cells(job) for job in self.shown]), cursor=row, note=_EMPTY)
        self._say()

    @property
    def chosen(self) -> Job | None:
        """Return the job under the cursor."""
        row = self.query_one("#jobs", VirtualTable).cursor
        return self.shown[row] if row < len(self.shown) else None

    @on(VirtualTable.Moved, "#jobs")
    def _say(self) -> None:
        self.query_one("#said", Static).update(Content(show(_said(self.chosen), lines=True) if self.chosen else ""))

    def action_cancel(self) -> None:
        """Tell the job under the cursor to end."""
        if self.chosen is not None:
            self.chosen.cancel()
            self.show_jobs()

    def action_close(self) -> None:
        """Take the drawer away."""
        self.dismiss()


def _cells(job: Job) -> tuple[object, ...]:
    return SIGNS[job.state], job.name, job.state, job.share(), span(job.seconds)


def _said(job: Job | None) -> str:
    """Return what a job says: where it is, or how it failed."""
    if job is None:
        return ""
    if isinstance(job.error, WorkbenchError):
        return f"{job.error.what}\n{job.error.hint}"
    return f"{type(job.error).__name__}: {job.error}" if job.error else job.in_words()
