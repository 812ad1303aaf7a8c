"""The demo that a newcomer runs first, from an empty folder to its last line."""

from __future__ import annotations

import pytest

from tests.cli import workbench

pytestmark = pytest.mark.slow


def test_the_demo_keeps_every_promise_and_says_where_to_look(tmp_path):
    said = workbench("demo", "shown", cwd=tmp_path)
    assert said.code == 0, said.talk
    assert "Every promise was kept." in said.out
    assert list((tmp_path / "shown" / "exports").glob("*/README.md"))
