"""Every code of X-ray, pre-flight and probe: with what to do, with a test that plants it, and in the documentation."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from workbench.lm.xray import FIXES, FLAGS
from workbench.services.training.checks import CHECKS, REMEDIES
from workbench.training import probe

ROOT = Path(__file__).parents[2]
CODES = {**FLAGS, **CHECKS, **probe.PROBES}
FIX = {**FIXES, **REMEDIES, **probe.REMEDIES}


def planted() -> set[str]:
    """Return the codes that tests say they plant, read from their sources."""
    found: set[str] = set()
    for path in sorted((ROOT / "tests" / "unit").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "plants":
                found |= {part.value for part in node.args if isinstance(part, ast.Constant)}
    return found


def test_every_code_has_a_test_that_plants_it():
    assert planted() == CODES.keys()


def test_no_code_stands_for_two_things():
    assert len(CODES) == len(FLAGS) + len(CHECKS) + len(probe.PROBES)


def test_every_code_says_what_to_do():
    assert FIX.keys() == CODES.keys() and all(FIX.values())


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_stands_in_the_documentation_with_its_meaning_and_fix(code):
    row = f"| `{code}` | {CODES[code]} | {FIX[code]} |"
    assert row in (ROOT / "docs" / "preflight.md").read_text(encoding="utf-8")
