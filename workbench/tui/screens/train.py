"""Runs: where each is, how its loss goes, what it prints; they live in processes of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import Static

from workbench.errors import OutsideError
from workbench.services.column import Column
from workbench.services.follow import Curve, RunLine, log_tail, run_line
from workbench.text import show
from workbench.training.launch import stop
from workbench.training.runs import RunFolder
from workbench.tui.desk import Desk
from workbench.tui.screens.base import WorkScreen
from workbench.tui.widgets.loss_chart import LossChart
from workbench.tui.widgets.virtual_table import Rows, VirtualTable

_EVERY = 1.0
"""Seconds between two looks at the run folders."""
_LOG_LINES = 40
_STOP_PATIENCE = 2.0
"""Seconds to wait for a run that was asked to stop; saving a checkpoint may take longer, and goes on."""
_COLUMNS = (
    Column("", 1),
    Column("run", 26),
    Column("state", 9),
    Column("step", 13),
    Column("loss", 8),
    Column("trains", 24),
)
_SIGNS = {"running": ">", "failed": "!", "lost": "!", "refused": "!", "damaged": "!"}
_EMPTY = """No run yet.

Open a corpus, cut a version with s, and train it with T."""


@dataclass(frozen=True)
class Look:
    """What one look at the run folders found."""

    lines: tuple[RunLine, ...]
    curve: Curve | None
    log: str


class TrainScreen(WorkScreen):
    """The runs of a workspace beside the one under the cursor."""

    CSS_PATH = "train.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("S", "stop", "Stop the run"),
        Binding("escape", "back", "Back"),
    ]

    def __init__(self, desk: Desk, run: str = "") -> None:
        """Show all runs with the cursor on one that was just begun, or on the newest."""
        super().__init__(desk)
        self.begun = self.run_name = run
        self.lines: tuple[RunLine, ...] = ()
        self._curves: dict[str, Curve] = {}

    def compose_body(self) -> ComposeResult:
        """Hold the runs, and of one its numbers, chart and log."""
        with Container(id="runs-and-run"):
            yield VirtualTable(Rows(_COLUMNS), note="looking for runs ...", id="runs")
            with Vertical(id="run"):
                yield Static(id="headline", markup=False)
                yield LossChart(id="loss")
                yield Static(id="log", markup=False)

    def on_mount(self) -> None:
        """Look now, and again every second."""
        self.set_title("runs")
        self.query_one("#runs").focus()
        self.set_interval(_EVERY, self.refresh_data)
        self.refresh_data()

    def refresh_data(self) -> None:
        """Look at the run folders, unless a look is under way."""
        if not self.is_busy("look"):
            self.in_background(self._look, self._take, "look")

    def _look(self) -> Look:
        root = self.desk.workspace.runs
        found = {run.name: run_line(run) for run in RunFolder.list(root)}
        lines = _newest_first(found)
        if self.begun and self.begun not in found:
            starting = RunLine(self.begun, "starting", reason="its records are being prepared")
            curve, log = Curve(RunFolder(root / self.begun)), root / f"{self.begun}.log"
            return Look((starting, *lines), curve, log_tail(log, _LOG_LINES))
        if not lines:
            return Look((), None, "")
        run = RunFolder(root / (self.run_name if self.run_name in found else lines[0].name))
        curve = self._curves.setdefault(run.name, Curve(run))
        curve.read_on()
        return Look(lines, curve, log_tail(run.log, _LOG_LINES))

    def _take(self, look: Look) -> None:
        self._draw_runs(look.lines)
        chosen = self.chosen
        if chosen is None or look.curve is None or look.curve.run.name != chosen.name:
            return
        self.query_one("#headline", Static).update(_headline(chosen, look.curve))
        self.query_one(LossChart).set_points(look.curve.steps, look.curve.losses)
        log = self.query_one("#log", Static)
        log.update(Content("\n".join(look.log.splitlines()[-max(log.size.height, 1) :])))

    def _draw_runs(self, lines: tuple[RunLine, ...]) -> None:
        self.set_title("runs", f"{len(lines)}")
        if lines == self.lines and lines:
            return
        self.lines = lines
        names = [line.name for line in lines]
        row = names.index(self.run_name) if self.run_name in names else 0
        self.run_name = names[row] if names else ""
        self.query_one("#runs", VirtualTable).set_source(
            Rows(_COLUMNS, [_cells(x) for x in lines]), cursor=row, note=_EMPTY
        )

    @property
    def chosen(self) -> RunLine | None:
        """Return the run under the cursor."""
        return next((line for line in self.lines if line.name == self.run_name), None)

    @on(VirtualTable.Moved, "#runs")
    def _choose(self, event: VirtualTable.Moved) -> None:
        if event.row < len(self.lines) and self.lines[event.row].name != self.run_name:
            self.run_name = self.lines[event.row].name
            self.refresh_data()

    def action_stop(self) -> None:
        """Ask the run under the cursor to save a checkpoint and end."""
        if self.chosen is None or self.chosen.status != "running":
            self.tell("this run is not running")
            return
        name = self.chosen.name
        self.change(f"asking {name} to stop", lambda: self._stop(name), self.tell)

    def _stop(self, name: str) -> str:
        try:
            state = stop(RunFolder(self.desk.workspace.run_folder(name)), timeout=_STOP_PATIENCE)
        except OutsideError:
            return f"{name} was asked to stop: it saves a checkpoint first"
        return f"{name} is {state}"


def _newest_first(found: dict[str, RunLine]) -> tuple[RunLine, ...]:
    return tuple(sorted(found.values(), key=lambda line: (line.created, line.name), reverse=True))


def _cells(line: RunLine) -> tuple[object, ...]:
    loss = "" if line.loss is None else f"{line.loss:.4f}"
    step = f"{line.step:,}/{line.total:,}" if line.total else ""
    return _SIGNS.get(line.status, ""), line.name, line.status, step, loss, line.trains


def _headline(line: RunLine, curve: Curve) -> Content:
    """Return one run's numbers in a line, and why it ended."""
    share = f" {line.step / line.total:.0%}" if line.total else ""
    parts = [f"step {line.step:,}/{line.total:,}{share}"] if line.total else []
    parts += [f"loss {line.loss:.4f}"] if line.loss is not None else []
    parts += [f"validation {curve.evaluated[1]:.4f} at {curve.evaluated[0]:,}"] if curve.evaluated else []
    parts += [f"{_duration(line.eta_seconds)} to go"] if line.eta_seconds and line.status == "running" else []
    reason = f"\n{show(line.reason, limit=400)}" if line.reason else ""
    return Content.assemble(
        (show(line.name), "bold"), f"  {line.status}  ", "   ".join(parts), (reason, "$text-warning")
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
