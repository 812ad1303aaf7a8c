"""Errors carry what happened, what to do, and the exit code that scripts rely on."""

from __future__ import annotations

import inspect

import pytest

from workbench import errors
from workbench.errors import ExitCode, UsageError, WorkbenchError, unknown

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, WorkbenchError)]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("DataError", 1),
        ("LeakError", 1),
        ("CorruptionError", 1),
        ("RefusedError", 1),
        ("UsageError", 2),
        ("OutsideError", 3),
        ("Cancelled", 130),
    ],
)
def test_each_kind_has_its_exit_code(name, code):
    assert getattr(errors, name).exit_code == code


def test_the_exit_codes_are_those_of_the_contract():
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0, "DATA": 1, "USAGE": 2, "OUTSIDE": 3, "BUG": 70, "INTERRUPTED": 130,
    }  # fmt: skip


@pytest.mark.parametrize("kind", TREE)
def test_an_error_keeps_both_parts(kind):
    error = kind("what", "hint")
    assert (error.what, error.hint, str(error)) == ("what", "hint", "what")
    assert kind("what").hint == ""


@pytest.mark.parametrize("kind", TREE)
def test_the_docstring_draws_every_kind(kind):
    assert kind.__name__ in (errors.__doc__ or "")


def test_an_unknown_name_is_answered_with_the_nearest_and_the_list():
    error = unknown("corpus", "quizz", ["story", "quiz"])
    assert isinstance(error, UsageError)
    assert error.what == "no corpus named 'quizz'"
    assert error.hint == "did you mean 'quiz'? known: quiz, story"
    assert unknown("corpus", "x", []).hint == "known: none yet"
