"""Facts about the screen of runs: it reads run folders, and nothing of a run depends on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.pilots import Open, Piloted, painted, press, settle
from workbench.services.follow import Curve, log_tail, run_line
from workbench.training.runs import RunFolder
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
    await press(pilot, "t")
    assert isinstance(pilot.app.screen, TrainScreen)
    return pilot.app.screen


async def look_again(pilot: Piloted, screen: TrainScreen) -> None:
    """Have the run folders looked at now."""
    screen.refresh_data()
    await settle(pilot)


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
        assert "train it with T" in painted(app)
        await press(pilot, "S")
        assert "this run is not running" in painted(app)


async def test_a_run_that_is_being_prepared_shows_what_its_process_says(opened: Open, workspace: Workspace) -> None:
    def start(place: Workspace, corpus: str) -> Path:
        (place.runs / f"{corpus}-v1-tiny-1.log").write_text("X-ray: every record\n")
        return place.run_folder(f"{corpus}-v1-tiny-1")

    app = opened(start)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "T")
        assert "hostile-v1-tiny-1" in painted(app)
        assert "starting" in painted(app)
        assert "X-ray: every record" in painted(app)


async def test_the_cursor_chooses_the_run(opened: Open, run: RunFolder, workspace: Workspace) -> None:
    older = RunFolder.create(workspace.runs / "older")
    older.set_state("failed", "it ran out of memory")
    app = opened()
    async with app.run_test(size=(120, 36)) as pilot:
        await open_runs(pilot)
        assert "it ran out of memory" not in painted(app)
        await press(pilot, "j")
        assert "it ran out of memory" in painted(app)


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
    assert (curve.steps, curve.evaluated) == ([1, 2, 4, 8], None)
    with run.metrics_file.open("a") as handle:
        handle.write('ss": 0.75}\n')
    losses(run, 10)
    curve.read_on()
    assert (curve.steps, curve.evaluated) == ([1, 2, 4, 8, 10], (9, 0.75))


def test_a_line_torn_by_a_crash_is_passed_over(run: RunFolder) -> None:
    with run.metrics_file.open("a") as handle:
        handle.write('{"step": 9, "lo\n')
    losses(run, 10)
    curve = Curve(run)
    curve.read_on()
    assert curve.steps == [1, 2, 4, 8, 10]


def test_a_redrawn_progress_bar_is_one_line_of_the_log(run: RunFolder) -> None:
    run.log.write_bytes(b"begin\n 10%|#   |\r 50%|##  |\r\x1b[32m100%|####|\x1b[0m\nend\n")
    assert log_tail(run.log, 5).splitlines() == ["begin", "100%|####|", "end"]


def test_only_the_end_of_a_long_log_is_read(run: RunFolder) -> None:
    run.log.write_text("".join(f"line {n}\n" for n in range(100_000)))
    assert log_tail(run.log, 3).splitlines() == ["line 99997", "line 99998", "line 99999"]


def test_a_run_line_names_corpus_and_version(run: RunFolder) -> None:
    line = run_line(run)
    assert (line.trains, line.step, line.total, line.status) == ("towns@v1", 8, 8, "finished")
