"""Facts about the run folder: states, lost processes, torn lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from workbench.errors import CorruptionError, OutsideError, UsageError
from workbench.training.runs import LOST, RunFolder, replace


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder.create(tmp_path / "runs" / "first")
    folder.set_state("prepared")
    return folder


def ended_process() -> tuple[int, float]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        started = psutil.Process(child.pid).create_time()
    return child.pid, started


def test_a_folder_without_a_state_is_no_run(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "half")
    with pytest.raises(UsageError):
        RunFolder.read(tmp_path / "half")
    assert RunFolder.list(tmp_path) == ()


def test_runs_are_listed_by_name(run: RunFolder) -> None:
    second = RunFolder.create(run.path.parent / "a-second")
    second.set_state("prepared")
    assert [found.name for found in RunFolder.list(run.path.parent)] == ["a-second", "first"]
    assert RunFolder.read(second.path) == second


def test_an_existing_folder_is_not_taken_for_a_new_run(run: RunFolder) -> None:
    with pytest.raises(UsageError):
        RunFolder.create(run.path)


def test_running_with_a_living_process_is_running(run: RunFolder) -> None:
    run.set_process(os.getpid())
    run.set_state("running")
    assert run.status() == "running"


def test_running_with_a_dead_process_is_lost(run: RunFolder) -> None:
    pid, started = ended_process()
    run.pid_file.write_text(json.dumps({"pid": pid, "started": started}))
    run.set_state("running")
    assert run.status() == LOST


def test_a_reused_process_id_is_not_taken_for_the_run(run: RunFolder) -> None:
    run.pid_file.write_text(json.dumps({"pid": os.getpid(), "started": 1.0}))
    run.set_state("running")
    assert run.status() == LOST


def test_a_finished_run_stays_finished_when_its_process_is_gone(run: RunFolder) -> None:
    run.set_state("finished")
    assert run.status() == "finished"


def test_a_state_keeps_the_steps_it_does_not_mention(run: RunFolder) -> None:
    run.set_state("running", step=3, total=9)
    run.set_state("failed", "out of memory")
    assert {key: run.state()[key] for key in ("state", "reason", "step", "total")} == {
        "state": "failed",
        "reason": "out of memory",
        "step": 3,
        "total": 9,
    }


def test_replacing_a_state_leaves_no_other_file(run: RunFolder) -> None:
    before = set(run.path.iterdir())
    run.set_state("running")
    assert set(run.path.iterdir()) == before


def test_a_torn_last_line_is_passed_over(run: RunFolder) -> None:
    run.metrics_file.write_text('{"step": 1}\n{"step": 2}\n{"ste')
    assert [line["step"] for line in run.metrics()] == [1, 2]
    assert [line["step"] for line in run.recent_metrics()] == [1, 2]


def test_a_broken_line_in_the_middle_is_corruption(run: RunFolder) -> None:
    run.metrics_file.write_text('{"ste\n{"step": 2}\n')
    with pytest.raises(CorruptionError):
        run.metrics()


def test_a_run_that_logged_nothing_has_no_metrics(run: RunFolder) -> None:
    assert run.metrics() == run.recent_metrics() == ()


def test_the_recent_lines_of_a_long_run_are_its_last_ones(run: RunFolder) -> None:
    run.metrics_file.write_text("".join(f'{{"step": {step}}}\n' for step in range(20_000)))
    recent = [line["step"] for line in run.recent_metrics()]
    assert len(recent) < 20_000
    assert recent == list(range(recent[0], 20_000))


def test_a_file_that_cannot_be_written_is_a_matter_of_the_disk(run: RunFolder) -> None:
    with pytest.raises(OutsideError, match="cannot write"):
        replace(run.path / "absent" / "state.json", b"{}")
    with pytest.raises(OutsideError, match="cannot write"):
        RunFolder.create(run.state_file / "inner")


def test_a_full_disk_leaves_the_old_file_and_no_draft(run: RunFolder) -> None:
    before = sorted(run.path.iterdir())
    (run.path / f".state.json.{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(OutsideError, match="No space left"):
        run.set_state("running")
    assert run.status() == "prepared" and sorted(run.path.iterdir()) == before


def test_a_damaged_state_is_corruption(run: RunFolder) -> None:
    run.state_file.write_text("{")
    with pytest.raises(CorruptionError):
        run.status()


def test_runs_can_be_read_without_torch() -> None:
    code = "import sys, workbench.training.runs, workbench.training.launch; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
