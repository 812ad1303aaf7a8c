"""Fixtures that every area uses: an open store in a scratch workspace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.corpora import scratch
from workbench.store.store import Store
from workbench.workspace import Workspace

# The same examples every time, so that a run says something about the change and not about its luck; new ones are
# drawn by `make test-long`. No deadline: machines are shared.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("random", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture
def store() -> Iterator[Store]:
    with scratch() as opened:
        yield opened


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "workspace", with_samples=False)
