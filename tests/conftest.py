"""Fixtures that every area uses: an open store in a scratch workspace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpora import scratch
from workbench.store.store import Store
from workbench.workspace import Workspace


@pytest.fixture
def store() -> Iterator[Store]:
    with scratch() as opened:
        yield opened


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "workspace", with_samples=False)
