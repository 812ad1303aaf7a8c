"""An engine on this machine; where the extra `scale` is not installed, these tests say so and are skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.scale.engine import Engine
from workbench.scale.surface import connected


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def engine(tmp_path: Path, told: list[str]) -> Engine:
    pytest.importorskip("daft", reason="the extra `scale` is not installed: pip install '.[scale]'")
    connected(None, 2)
    return Engine(tmp_path, lambda line, done=0, total=0: told.append(f"{line} {done}/{total}" if total else line))
