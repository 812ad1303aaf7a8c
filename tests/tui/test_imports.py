"""Facts about what the terminal interface loads: it must be on the screen at once, and torch never is."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "trl", "peft")
READING = "import workbench.services.looking.contents, workbench.tui.screens.train, workbench.services.training.train"
EVALUATED = (
    "import workbench.services.evaluation.comparison, workbench.services.evaluation.playground, "
    "workbench.services.checking.review, "
    "workbench.services.training.trained, workbench.evaluation.compare, workbench.evaluation.differences, "
    "workbench.evaluation.hardest"
)


def loaded(statement: str, names: tuple[str, ...]) -> list[str]:
    """Return which modules a statement loads in a fresh interpreter."""
    code = f"import sys\n{statement}\nprint(*[name for name in {names!r} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_the_first_screen_loads_neither_store_nor_torch() -> None:
    assert loaded("import workbench.tui.app", (*HEAVY, "polars", "pandera", "numpy", "pydantic")) == []


@pytest.mark.parametrize("name", HEAVY)
def test_reading_corpora_and_runs_never_loads_torch(name: str) -> None:
    assert loaded(READING, (name,)) == []


def test_looking_at_evaluations_never_loads_torch() -> None:
    assert loaded(EVALUATED, HEAVY) == []


def test_nothing_below_the_terminal_interface_loads_textual() -> None:
    assert loaded("import workbench.services.training.train, workbench.services.records.editing", ("textual",)) == []
