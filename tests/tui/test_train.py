"""Facts about the screen of runs: it reads run folders, and nothing of a run depends on it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.pilots import Open, Piloted, painted, press, settle
from workbench.errors import OutsideError
from workbench.services.training import train
from workbench.services.training.follow import Curve, log_tail, run_line
from workbench.services.training.preflight import Preflight
from workbench.services.training.train import Begun, Training
from workbench.services.versions.split import Request, requested, split
from workbench.store.store import Store
from workbench.training.runs import RunFolder
from workbench.tui import app as interface
from workbench.tui.desk import Desk
from workbench.tui.screens.corpora import CorporaScreen
from workbench.tui.screens.preflight import PreflightSheet
from workbench.tui.screens.sheets import ErrorSheet
from workbench.tui.screens.train import TrainScreen
from workbench.workspace import Workspace


def losses(run: RunFolder, *steps: int) -> None:
    """Log a loss at each step."""
    with run.metrics_file.open("a", encoding="utf-8") as handle:
        for step in steps:
            handle.write(json.dumps({"step": step, "loss": 4.0 / step, "eta_s": 90.0}) + "\n")


@pytest.fixture
def run(workspace: Workspace) -> RunFolder:
    """A finished run of four logged steps."""
    folder = RunFolder.create(workspace.runs / "towns-v1-tiny-1")
    folder.facts_file.write_text(json.dumps({"corpus": "towns", "version_name": "v1", "created": "2026-01-02"}))
    losses(folder, 1, 2, 4, 8)
    folder.log.write_text("".join(f"line {n}\n" for n in range(60)))
    folder.set_state("finished", step=8, total=8)
    return folder


async def open_runs(pilot: Piloted) -> TrainScreen:
    """Open the runs from the home screen."""
    await settle(pilot)
    await press(pilot, "3")
    assert isinstance(pilot.app.screen, TrainScreen)
    return pilot.app.screen


async def at_towns(pilot: Piloted) -> None:
    """Put the cursor of the home screen on `towns`."""
    await settle(pilot)
    assert isinstance(pilot.app.screen, CorporaScreen)
    pilot.app.screen.go_to("towns")
    await settle(pilot)


def cut(workspace: Workspace) -> None:
    """Cut a version of `towns` that holds a record on every side."""
    with Store(workspace) as store:
        split(store, Request("towns", requested(store, "towns", counts=(8, 2, 2))))


async def look_again(pilot: Piloted, screen: TrainScreen) -> None:
    """Have the run folders looked at now; one look more where one was under way, which may have begun too early."""
    await settle(pilot)
    screen.refresh_data()
    await settle(pilot)


def add_zebra(workspace: Workspace) -> None:
    """Put a recipe of another name beside the tiny one."""
    tiny = workspace.recipe_file("tiny").read_text()
    (workspace.root / "recipes/zebra.yaml").write_text(tiny.replace("name: tiny", "name: zebra"))


async def test_a_run_shows_its_state_steps_loss_and_log(opened: Open, run: RunFolder) -> None:
    app = opened()
    async with app.run_test(size=(120, 36)) as pilot:
        await open_runs(pilot)
        text = painted(app)
        for shown in ("towns-v1-tiny-1", "finished", "step 8/8 100%", "loss 0.5000", "towns@v1", "line 59"):
            assert shown in text
        assert any("\u2800" < char <= "\u28ff" for char in text)


async def test_a_growing_run_is_followed(opened: Open, run: RunFolder) -> None:
    app = opened()
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await open_runs(pilot)
        losses(run, 16)
        run.set_state("finished", step=16, total=16)
        await look_again(pilot, screen)
        assert "step 16/16 100%" in painted(app)
        assert "loss 0.2500" in painted(app)


async def test_without_runs_the_screen_says_how_to_begin(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_runs(pilot)
        assert "and train it with T" in painted(app)
        await press(pilot, "S")
        assert "this run is not running" in painted(app)


async def test_a_run_that_is_being_prepared_shows_what_its_process_says(opened: Open, workspace: Workspace) -> None:
    def start(place: Workspace, training: Training) -> Begun:
        (place.runs / f"{training.corpus}-v1-tiny-1.log").write_text("X-ray: every record\n")
        return Begun(f"{training.corpus}-v1-tiny-1")

    cut(workspace)
    app = opened(start)
    async with app.run_test(size=(120, 36)) as pilot:
        await at_towns(pilot)
        await press(pilot, "T")
        assert "towns-v1-tiny-1" in painted(app)
        assert "starting" in painted(app)
        assert "X-ray: every record" in painted(app)


@pytest.mark.parametrize("keys", [(), ("enter",), ("3",)])
async def test_t_trains_the_newest_version_from_anywhere(
    opened: Open, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    monkeypatch.setattr(interface, "_SECOND_THOUGHTS", 600.0)
    asked: list[Training] = []

    def start(place: Workspace, training: Training) -> Begun:
        asked.append(training)
        return Begun("towns-v1-tiny-1")

    cut(workspace)
    app = opened(start)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await at_towns(pilot)
        await press(pilot, *keys, "T")
        assert asked == [Training("towns", "v1", "tiny")]
        assert isinstance(app.screen, TrainScreen)
        assert app.screen.run_name == "towns-v1-tiny-1"
        assert "takes it back" in painted(app)


async def test_escape_takes_a_training_back_once_and_then_goes_back(
    opened: Open, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interface, "_SECOND_THOUGHTS", 600.0)

    def start(place: Workspace, training: Training) -> Begun:
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
        RunFolder.create(place.run_folder("half"))
        (place.runs / "half.log").write_text("X-ray")
        begun.append(Begun("half", process))
        return begun[0]

    begun: list[Begun] = []
    cut(workspace)
    app = opened(start)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await at_towns(pilot)
        await press(pilot, "T", "escape")
        assert begun[0].process is not None and begun[0].process.stdin is not None
        begun[0].process.stdin.close()
        assert begun[0].process.returncode == -signal.SIGTERM
        assert "half was taken back" in painted(app)
        assert sorted(path.name for path in workspace.runs.iterdir()) == []
        assert isinstance(app.screen, TrainScreen)
        await press(pilot, "escape")
        assert isinstance(app.screen, CorporaScreen)


async def test_what_stands_in_the_way_is_shown_with_its_fix_and_nothing_starts(opened: Open) -> None:
    def start(place: Workspace, training: Training) -> Begun:
        raise AssertionError("nothing may start")

    app = opened(start)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_towns(pilot)
        await press(pilot, "T")
        assert isinstance(app.screen, PreflightSheet)
        assert "NO   version" in painted(app) and "do: run" in painted(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, PreflightSheet)
        await press(pilot, "escape")
        assert isinstance(app.screen, CorporaScreen)


async def test_another_recipe_is_chosen_on_the_sheet(opened: Open, workspace: Workspace) -> None:
    asked: list[Training] = []

    def start(place: Workspace, training: Training) -> Begun:
        asked.append(training)
        return Begun("towns-v1-zebra-1")

    cut(workspace)
    add_zebra(workspace)
    app = opened(start)
    async with app.run_test(size=(100, 30)) as pilot:
        await at_towns(pilot)
        await press(pilot, "3", "p")
        assert "with the recipe tiny" in painted(app)
        await press(pilot, "R")
        assert "with the recipe zebra" in painted(app)
        await press(pilot, "enter")
        assert [training.recipe for training in asked] == ["zebra"]


async def test_a_look_that_fails_says_so_on_the_sheet_and_starts_nothing(
    opened: Open, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(place: Workspace, training: Training) -> Begun:
        raise AssertionError("nothing may start")

    def fault(desk: Desk, corpus: str, version: str = "latest", recipe: str = "") -> Preflight:
        raise faults[recipe]

    faults = {"zebra": OutsideError("the disk is gone", "mount it"), "alpaca-1k": ZeroDivisionError("no such number")}
    cut(workspace)
    add_zebra(workspace)
    app = opened(start)
    async with app.run_test(size=(100, 30)) as pilot:
        await at_towns(pilot)
        await press(pilot, "3", "p")
        monkeypatch.setattr(Desk, "preflight", fault)
        await press(pilot, "R")
        assert "the disk is gone. mount it" in painted(app) and "enter starts" not in painted(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, PreflightSheet)
        await press(pilot, "R")  # the next recipe, although the last one could not be looked at
        assert "with the recipe alpaca-1k" in painted(app)
        assert "a fault of the workbench: ZeroDivisionError: no such number" in painted(app)


async def test_a_stopped_run_is_resumed_and_a_finished_one_is_not(
    opened: Open, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    resumed: list[str] = []
    monkeypatch.setattr(train, "launch", lambda folder, **_: resumed.append(folder.name))
    app = opened()
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await open_runs(pilot)
        await press(pilot, "R")
        assert resumed == [] and "this run is finished" in painted(app)
        run.set_state("stopped", step=4, total=8)
        assert isinstance(app.screen, TrainScreen)
        await look_again(pilot, app.screen)
        await press(pilot, "R")
        assert resumed == ["towns-v1-tiny-1"]


async def test_scale_and_smoothing_are_named_where_they_are_on(opened: Open, run: RunFolder) -> None:
    app = opened()
    async with app.run_test(size=(120, 36)) as pilot:
        await open_runs(pilot)
        assert "log  smooth" not in painted(app)
        await press(pilot, "y", "o")
        assert "log  smooth" in painted(app)
        await press(pilot, "y", "o")
        assert "log  smooth" not in painted(app)


async def test_points_of_validation_stand_on_the_chart(opened: Open, run: RunFolder) -> None:
    with run.metrics_file.open("a") as handle:
        handle.write('{"step": 4, "eval_loss": 2.5}\n{"step": 8, "eval_loss": 2.75}\n')
    app = opened()
    async with app.run_test(size=(120, 36)) as pilot:
        await open_runs(pilot)
        assert "validation 2.7500 at 8" in painted(app) and "best 2.5000 at 4" in painted(app)
        assert "o validation" in painted(app)


async def test_the_recipe_is_edited_in_the_persons_editor_and_checked(
    opened: Open, workspace: Workspace, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []

    def edited(_app: object, path: Path) -> str:
        seen.append(path)
        path.write_text("base: tiny\ntrain: {epochs: -1}\n")
        return path.read_text()

    monkeypatch.setattr("workbench.tui.editor.edited", edited)
    app = opened()
    async with app.run_test(size=(120, 36)) as pilot:
        await open_runs(pilot)
        await press(pilot, "E")
        assert seen == [workspace.recipe_file("tiny")]
        assert isinstance(app.screen, ErrorSheet)
        assert "train.epochs" in painted(app)


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_the_footer_and_the_chart_fit(opened: Open, run: RunFolder, size: tuple[int, int]) -> None:
    app = opened()
    async with app.run_test(size=size) as pilot:
        await open_runs(pilot)
        text = painted(app)
        assert "T Train" in text and "? Keys" in text and "finished" in text and "step 1" in text
        assert "CPU" in text or "gpu" in text
        assert max(len(line) for line in text.splitlines()) == size[0]


async def test_the_cursor_chooses_the_run(opened: Open, run: RunFolder, workspace: Workspace) -> None:
    older = RunFolder.create(workspace.runs / "older")
    older.set_state("failed", "it ran out of memory")
    app = opened()
    async with app.run_test(size=(120, 36)) as pilot:
        await open_runs(pilot)
        assert "it ran out of memory" not in painted(app)
        await press(pilot, "j")
        assert "it ran out of memory" in painted(app)


async def test_the_cursor_begins_on_the_newest_run_that_began_and_refused_ones_are_counted(
    opened: Open, run: RunFolder, workspace: Workspace
) -> None:
    refused = RunFolder.create(workspace.runs / "turned-down")
    refused.facts_file.write_text('{"created": "2999-01-01"}', encoding="utf-8")
    refused.set_state("refused", "the X-ray found a doubled BOS")
    app = opened()
    async with app.run_test(size=(120, 36)) as pilot:
        await open_runs(pilot)
        assert app.screen.chosen.name == run.name and "2, 1 refused" in painted(app)
        await press(pilot, "k")
        assert "a doubled BOS" in painted(app)


async def test_a_damaged_run_folder_is_a_line_of_the_list(opened: Open, run: RunFolder, workspace: Workspace) -> None:
    damaged = RunFolder.create(workspace.runs / "torn")
    damaged.state_file.write_text("{")
    app = opened()
    async with app.run_test(size=(120, 36)) as pilot:
        await open_runs(pilot)
        assert "damaged" in painted(app)
        assert "finished" in painted(app)


async def test_leaving_stops_nothing_and_capital_s_asks_the_run_to_stop(
    opened: Open, run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as child:
        run.set_process(child.pid)
        run.set_state("running")
        app = opened()
        async with app.run_test(size=(120, 36)) as pilot:
            await open_runs(pilot)
            await press(pilot, "q")
        assert child.poll() is None
        assert "still training: towns-v1-tiny-1" in capsys.readouterr().err
        app = opened()
        async with app.run_test(size=(120, 36)) as pilot:
            await open_runs(pilot)
            await press(pilot, "S")
        child.wait()
    assert run.status() == "stopped"


def test_a_curve_reads_on_and_waits_for_a_torn_line(run: RunFolder) -> None:
    curve = Curve(run)
    curve.read_on()
    with run.metrics_file.open("a") as handle:
        handle.write('{"step": 9, "eval_lo')
    curve.read_on()
    assert (list(curve.steps), curve.evaluated) == ([1, 2, 4, 8], None)
    with run.metrics_file.open("a") as handle:
        handle.write('ss": 0.75}\n')
    losses(run, 10)
    curve.read_on()
    assert (list(curve.steps), curve.evaluated) == ([1, 2, 4, 8, 10], (9, 0.75))


def test_a_line_torn_by_a_crash_is_passed_over(run: RunFolder) -> None:
    with run.metrics_file.open("a") as handle:
        handle.write('{"step": 9, "lo\n')
    losses(run, 10)
    curve = Curve(run)
    curve.read_on()
    assert list(curve.steps) == [1, 2, 4, 8, 10]


def test_a_redrawn_progress_bar_is_one_line_of_the_log(run: RunFolder) -> None:
    run.log.write_bytes(b"begin\n 10%|#   |\r 50%|##  |\r\x1b[32m100%|####|\x1b[0m\nend\n")
    assert log_tail(run.log, 5).splitlines() == ["begin", "100%|####|", "end"]


def test_only_the_end_of_a_long_log_is_read(run: RunFolder) -> None:
    run.log.write_text("".join(f"line {n}\n" for n in range(100_000)))
    assert log_tail(run.log, 3).splitlines() == ["line 99997", "line 99998", "line 99999"]


def test_a_run_line_names_corpus_and_version(run: RunFolder) -> None:
    line = run_line(run)
    assert (line.trains, line.step, line.total, line.status) == ("towns@v1", 8, 8, "finished")
