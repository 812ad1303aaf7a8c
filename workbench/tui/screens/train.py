"""Runs: where each is, how its loss goes, what it prints and holds; they live in processes of their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import Static

from workbench.errors import OutsideError, WorkbenchError
from workbench.services.looking.column import Column
from workbench.services.progress import span
from workbench.services.training.device import gpus, in_words
from workbench.services.training.follow import Curve, RunLine, log_tail, run_line, starting
from workbench.text import show
from workbench.training.launch import stop
from workbench.training.runs import RunFolder
from workbench.tui.desk import Desk
from workbench.tui.screens.base import SHEET, WorkScreen
from workbench.tui.screens.sheets import ErrorSheet
from workbench.tui.widgets.loss_chart import LossChart
from workbench.tui.widgets.virtual_table import Rows, VirtualTable

if TYPE_CHECKING:
    from workbench.services.publishing.leaving import Wanted

_EVERY = 1.0
"""Seconds between two looks at the run folders."""
_LOG_LINES = 40
_STOP_PATIENCE = 2.0
"""Seconds to wait for a run that was asked to stop; saving a checkpoint may take longer, and goes on."""
_COLUMNS = (Column("", 1), Column("run", 25), Column("state", 9), Column("loss", 8))
_SIGNS = {"running": ">", "starting": ">", "finished": "+", "failed": "!", "lost": "!", "refused": "!", "damaged": "!"}
_COUNTED = {"going": "running", "refused": "refused"}
"""States that the title counts, by the word for them."""
_RESUMABLE = ("stopped", "failed", "lost")
_LOGARITHMIC = "Loss on a logarithmic scale"
_EMPTY = """No run yet.

Cut a version of a corpus (2, then s), and train it with T."""


@dataclass(frozen=True)
class Look:
    """What one look at the run folders found."""

    lines: tuple[RunLine, ...]
    curve: Curve | None
    log: str
    devices: str


class TrainScreen(WorkScreen):
    """The runs of a workspace beside the one under the cursor."""

    CSS_PATH = "train.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("T", "train", "Train", id="train.now", tooltip="Train now, with the recipe used last"),
        Binding("S", "stop", "Stop", id="train.stop", tooltip="Save a checkpoint of the run and end it"),
        Binding("R", "resume", "Resume", id="train.resume", tooltip="Go on from the run's last checkpoint"),
        Binding("p", "preflight", "Pre-flight", id="train.preflight", tooltip="See every check; choose a recipe"),
        Binding("P", "publish", "Push", id="train.publish", tooltip="Push the run's adapter to the Hub"),
        Binding("o", "smooth", "Smooth", id="train.smooth", tooltip="Means of neighbouring losses"),
        Binding("y", "logarithmic", "Log scale", show=False, id="train.log-scale", tooltip=_LOGARITHMIC),
        Binding("X", "xray", "X-ray: what the run trains", show=False, id="train.xray"),
        Binding("E", "recipe", "Recipe", show=False, id="train.recipe", tooltip="Edit the recipe in $EDITOR"),
    ]

    def __init__(self, desk: Desk, run: str = "", corpus: str = "") -> None:
        """Show all runs with the cursor on one that was just begun, or on the newest."""
        super().__init__(desk, corpus)
        self.begun = self.run_name = run
        self.lines: tuple[RunLine, ...] = ()
        self._curves: dict[str, Curve] = {}

    def compose_body(self) -> ComposeResult:
        """Hold the runs and the devices, and of one run its numbers, chart and log."""
        with Container(id="runs-and-run"):
            with Vertical(id="left"):
                yield VirtualTable(Rows(_COLUMNS), note="looking for runs ...", id="runs")
                yield Static(id="devices", markup=False)
            with Vertical(id="run"):
                yield Static(id="headline", markup=False)
                yield LossChart(id="loss")
                yield Static(id="log", markup=False)

    def on_mount(self) -> None:
        """Look now, and again every second."""
        self.set_title("runs")
        self.query_one("#runs").focus()
        self.set_interval(_EVERY, self._look_again)
        self.refresh_data()

    def on_screen_resume(self) -> None:
        """Look at once where another screen lay over this one."""
        if self.is_mounted:
            self.refresh_data()

    def go_to(self, place: str) -> None:
        """Put the cursor on a run, which may not be there yet."""
        self.begun = self.run_name = place
        self.lines = ()
        if self.is_mounted:
            self.refresh_data()

    def chosen_corpus(self) -> str:
        """Return the corpus one came from, else the one that the chosen run trains."""
        return self.corpus or (self.chosen.trains.partition("@")[0] if self.chosen else "")

    def _look_again(self) -> None:
        if self.is_current:
            self.refresh_data()

    def refresh_data(self) -> None:
        """Look at the run folders, unless a look is under way."""
        if not self.is_busy("look"):
            self.in_background(self._look, self._take, "look")

    def _look(self) -> Look:
        root = self.desk.workspace.runs
        found = {run.name: run_line(run) for run in RunFolder.list(root)}
        lines = _newest_first(found)
        devices = gpus()
        if self.begun and self.begun not in found:
            line = starting(root, self.begun, is_preparing=self._is_preparing())
            log = log_tail(root / f"{self.begun}.log", _LOG_LINES)
            return Look((line, *lines), Curve(RunFolder(root / self.begun)), log, in_words(devices))
        if not lines:
            return Look((), None, "", in_words(devices))
        run = RunFolder(root / (self.run_name if self.run_name in found else lines[_newest(lines)].name))
        curve = self._curves.setdefault(run.name, Curve(run))
        curve.read_on()
        process = run.process() if found[run.name].status == "running" else None
        return Look(lines, curve, log_tail(run.log, _LOG_LINES), in_words(devices, process))

    def _is_preparing(self) -> bool:
        """Say whether the run that was begun is still being prepared, as far as this process can know."""
        begun = self.app.begun
        return begun is None or begun.name != self.begun or begun.process is None or begun.is_preparing()

    def _take(self, look: Look) -> None:
        self._draw_runs(look.lines)
        self.query_one("#run").display = bool(look.lines)
        self.query_one("#devices", Static).update(Content(show(look.devices, lines=True)))
        chosen = self.chosen
        if chosen is None or look.curve is None or look.curve.run.name != chosen.name:
            return
        curve = look.curve
        self.query_one("#headline", Static).update(_headline(chosen, curve))
        self.query_one(LossChart).set_points(curve.steps, curve.losses, curve.evaluations)
        self.call_after_refresh(self._draw_log, look.log)  # the lines above have taken their room by then

    def _draw_log(self, text: str) -> None:
        log = self.query_one("#log", Static)
        log.update(Content("\n".join(text.splitlines()[-max(log.size.height, 1) :])))

    def _draw_runs(self, lines: tuple[RunLine, ...]) -> None:
        counts = {word: sum(line.status == status for line in lines) for word, status in _COUNTED.items()}
        said = ", ".join([f"{len(lines):,}", *(f"{count:,} {word}" for word, count in counts.items() if count)])
        trains = f"  T trains {self.chosen_corpus()}" if self.chosen_corpus() else ""
        self.set_title("runs", said + trains)
        if lines == self.lines and lines:
            return
        self.lines = lines
        names = [line.name for line in lines]
        row = names.index(self.run_name) if self.run_name in names else _newest(lines)
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

    def action_back(self) -> None:
        """Take back a training that was only just begun; else go back."""
        begun = self.app.withdrawable()
        if begun is None:
            super().action_back()
            return
        self.begun = ""
        self.change(
            f"taking back {begun.name}", lambda: self.desk.withdraw(begun), lambda _: self._withdrawn(begun.name)
        )

    def _withdrawn(self, name: str) -> None:
        self.tell(f"{name} was taken back")
        self.refresh_data()

    def action_stop(self) -> None:
        """Ask the run under the cursor to save a checkpoint and end."""
        if self.chosen is None or self.chosen.status != "running":
            self.tell("this run is not running")
            return
        name = self.chosen.name
        self.change(f"asking {name} to stop", lambda: self._stop(name), self._told)

    def _stop(self, name: str) -> str:
        try:
            state = stop(RunFolder(self.desk.workspace.run_folder(name)), timeout=_STOP_PATIENCE)
        except OutsideError:
            return f"{name} was asked to stop: it saves a checkpoint first"
        return f"{name} is {state}: R goes on with it"

    def action_resume(self) -> None:
        """Go on with the run under the cursor from its last checkpoint."""
        if self.chosen is None or self.chosen.status not in _RESUMABLE:
            status = self.chosen.status if self.chosen else "not there"
            self.tell(f"this run is {status}: only one that was stopped, failed or lost goes on")
            return
        name = self.chosen.name
        self.change(f"resuming {name}", lambda: self.desk.resume(name), lambda _: self._told(f"{name} goes on"))

    def _told(self, line: str) -> None:
        self.tell(line)
        self.refresh_data()

    def action_publish(self) -> None:
        """Push the adapter of the run under the cursor to the Hub, after a look at what leaves."""
        if self.chosen is None or self.chosen.status != "finished":
            self.tell(f"this run is {self.chosen.status if self.chosen else 'not there'}: push one that has finished")
            return
        from workbench.tui.screens.publish import AdapterSheet

        chosen = self.chosen
        self.app.push_screen(AdapterSheet(self.desk, chosen.name), lambda wanted: self._publish(chosen, wanted))

    def _publish(self, run: RunLine, wanted: Wanted | None) -> None:
        from workbench.services.publishing.leaving import leave_adapter

        if wanted is not None:
            work = partial(leave_adapter, self.desk.workspace, run.name, wanted)
            corpus = run.trains.partition("@")[0]
            self.begin(f"push {run.name}", lambda report: self.desk.apart(work, report), self.tell, corpus=corpus)

    def action_logarithmic(self) -> None:
        """Draw the loss on a logarithmic scale, or on a plain one again."""
        chart = self.query_one(LossChart)
        chart.is_logarithmic = not chart.is_logarithmic
        chart.draw()

    def action_smooth(self) -> None:
        """Draw the mean of neighbouring losses, or each loss again."""
        chart = self.query_one(LossChart)
        chart.is_smoothed = not chart.is_smoothed
        chart.draw()

    def action_xray(self) -> None:
        """Show what the run under the cursor trains, token by token."""
        from workbench.tui.screens.xray import XrayScreen

        corpus = self.chosen.trains.partition("@")[0] if self.chosen else ""
        if corpus and self.chosen:
            self.app.push_screen(XrayScreen(self.desk, corpus, run=self.chosen.name))
        else:
            self.tell("no run here")

    def action_recipe(self) -> None:
        """Open the recipe that T would use in the person's editor."""
        corpus = self.chosen_corpus()
        self.in_background(lambda: self.desk.recipe_file(corpus), self._edit_recipe, SHEET)

    def _edit_recipe(self, path: Path) -> None:
        from workbench.tui.editor import edited

        try:
            edited(self.app, path)
        except WorkbenchError as error:
            self.app.push_screen(ErrorSheet(error))
        else:
            self.in_background(lambda: self.desk.recipe(path), lambda said: self.tell(f"{said}: the next T uses it"))


def _newest_first(found: dict[str, RunLine]) -> tuple[RunLine, ...]:
    return tuple(sorted(found.values(), key=lambda line: (line.created, line.name), reverse=True))


def _newest(lines: tuple[RunLine, ...]) -> int:
    """Return the place of the newest run that began; of the newest one where all were refused."""
    return next((place for place, line in enumerate(lines) if line.status != "refused"), 0)


def _cells(line: RunLine) -> tuple[object, ...]:
    loss = "" if line.loss is None else f"{line.loss:.4f}"
    return _SIGNS.get(line.status, ""), line.name, line.status, loss


def _headline(line: RunLine, curve: Curve) -> Content:
    """Return what one run is, its numbers, its validation losses, and why it ended, a line each."""
    share = f" {line.step / line.total:.0%}" if line.total else ""
    parts = [f"step {line.step:,}/{line.total:,}{share}"] if line.total else []
    parts += [f"loss {line.loss:.4f}"] if line.loss is not None else []
    if line.eta_seconds and line.status == "running":
        parts.append(f"{span(line.eta_seconds)} to go")
    measured = [f"validation {curve.evaluated[1]:.4f} at {curve.evaluated[0]:,}"] if curve.evaluated else []
    measured += [f"best {curve.best[1]:.4f} at {curve.best[0]:,}"] if curve.best else []
    below = ["   ".join(parts), "   ".join(measured)]
    reason = f"\n{show(line.reason, limit=400)}" if line.reason else ""
    numbers = "".join(f"\n{text}" for text in below if text)
    return Content.assemble(
        (show(line.name), "bold"), f"  {line.status}  {show(line.trains)}", numbers, (reason, "$text-warning")
    )
