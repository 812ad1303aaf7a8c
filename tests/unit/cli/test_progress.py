"""Facts about progress on stderr: a line drawn again on a terminal, sparse lines elsewhere, and never on stdout."""

from __future__ import annotations

import io

import pytest

from workbench.cli import output


class Screen(io.StringIO):
    """An stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


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
