"""Facts about progress on stderr: a line drawn again on a terminal, sparse lines elsewhere, and never on stdout."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from rich.cells import cell_len

from workbench.cli import output
from workbench.cli.commands.train import _told
from workbench.training.launch import Progress


class Screen(io.StringIO):
    """An stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


ERASED = "\x1b[K"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_count", output._Count())


def test_a_pipe_gets_the_first_and_the_last_count_of_a_stage(capsys: pytest.CaptureFixture[str]) -> None:
    for done in range(1, 101):
        output.progress("checking records", done, 100)
    output.progress("judging duplicates")
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "checking records  1 of 100 (1%)",
        "checking records  100 of 100 (100%)",
        "judging duplicates",
    ]
    assert said.out == ""


def test_a_count_says_when_its_stage_will_be_done(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(output.time, "monotonic", lambda: clock[0])
    output.progress("looking into records")
    for clock[0], done in ((20.0, 4), (40.0, 8), (100.0, 20), (101.0, 20)):
        output.progress("looking into records", done, 20)
    output.progress("judging", 1, 20)
    assert capsys.readouterr().err.splitlines() == [
        "looking into records",
        "looking into records  4 of 20 (20%)  1 min 20 s to go",
        "looking into records  8 of 20 (40%)  1 min 0 s to go",
        "looking into records  20 of 20 (100%)",
        "looking into records  20 of 20 (100%)",
        "judging  1 of 20 (5%)",
    ]


def test_a_training_says_when_it_will_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    _told(Progress(step=10, total=100, loss=2.5, eta_seconds=3725.0))
    assert capsys.readouterr().err == "step 10 of 100  loss 2.5000  1 h 2 min to go\n"


def test_a_terminal_gets_one_line_that_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(output.sys, "stderr", screen)
    monkeypatch.setattr(output, "_REDRAWN", 0.0)
    output.progress("reading a.jsonl: 10 rows", 50, 100)
    output.progress("reading a.jsonl: 20 rows", 100, 100)
    output.say("done")
    assert screen.getvalue() == ("\rreading a.jsonl: 10 rows  50%\x1b[K\rreading a.jsonl: 20 rows  100%\x1b[K\ndone\n")


def test_a_name_in_a_line_steers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(output.sys, "stderr", screen)
    output.progress("reading \x1b[2J\nx", 1, 2)
    assert screen.getvalue().count("\x1b") == 1 and "\n" not in screen.getvalue()


@pytest.mark.parametrize("columns", [1, 10, 30, 60])
@pytest.mark.parametrize(
    "name", ["x" * 200, "数据" * 100, "\u202e" * 50], ids=["long", "two columns a letter", "hidden"]
)
def test_a_count_takes_one_row_of_a_terminal_however_narrow(
    monkeypatch: pytest.MonkeyPatch, name: str, columns: int
) -> None:
    screen = Screen()
    monkeypatch.setattr(output.sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", str(columns))
    output.progress(f"reading {name}", 5, 100)
    told = screen.getvalue().removeprefix("\r").removesuffix(ERASED)
    assert cell_len(told) < columns, "behind the last column a terminal begins another row"
    assert columns < 30 or told.endswith("…  5 of 100 (5%)")


def test_the_width_is_that_of_the_terminal_that_talk_goes_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # as of a page, where results go to a file
    monkeypatch.setattr(output.os, "get_terminal_size", lambda descriptor: os.terminal_size(({7: 30}[descriptor], 24)))
    screen = Screen()
    monkeypatch.setattr(screen, "fileno", lambda: 7)
    monkeypatch.setattr(output.sys, "stderr", screen)
    output.progress("reading " + "x" * 100, 5, 100)
    assert len(screen.getvalue().removeprefix("\r").removesuffix(ERASED)) == 29


def test_what_another_thread_says_meanwhile_begins_a_row_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Thread(target=output.say, args=("a worker died",))

    class Interrupted(Screen):
        def write(self, text: str, /) -> int:
            written = super().write(text)
            if text.startswith("\r"):
                other.start()
                other.join(0.2)
            return written

    screen = Interrupted()
    monkeypatch.setattr(output.sys, "stderr", screen)
    output.progress("cutting groups", 1, 2)
    other.join()
    assert screen.getvalue() == f"\rcutting groups  1 of 2 (50%){ERASED}\na worker died\n"


TOLD = """
import sys
from workbench.cli import output
output.progress("reading", 1, 2)
input()
output.progress("judging", 1, 2)
output.say("done")
output.result({"done": True}, [], as_json=True)
"""


def test_work_goes_on_where_nobody_reads_its_talk_any_more() -> None:
    piped = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", TOLD], text=True, **piped) as process:  # type: ignore[call-overload]
        assert process.stderr.readline() == "reading  1 of 2 (50%)\n"
        process.stderr.close()
        process.stdin.write("\n")
        process.stdin.close()
        assert process.stdout.read() == '{"done": true}\n'
    assert process.returncode == 0


def test_a_command_whose_talk_was_closed_keeps_its_exit_code(tmp_path: Path) -> None:
    command = f"exec {sys.executable} -m workbench check nothing --json --workspace {tmp_path} 2>&-"
    done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2 and '"exit_code": 2' in done.stdout
