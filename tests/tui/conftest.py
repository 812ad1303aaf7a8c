"""A small workspace with every kind of trouble in it, and the application on top of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tui.pilots import Open, take_in
from workbench.store.store import Store
from workbench.tui.app import WorkbenchApp
from workbench.tui.desk import Desk, StartTraining
from workbench.workspace import Workspace


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with `hostile` and `towns`, ingested, and `waiting`, only declared."""
    root: Path = tmp_path_factory.mktemp("filled") / "bench"
    workspace = Workspace.create(root, with_samples=False)
    with Store(workspace) as store:
        take_in(store)
    return root


@pytest.fixture
def workspace(filled: Path, tmp_path: Path) -> Workspace:
    """A copy of the filled workspace."""
    return Workspace(Path(shutil.copytree(filled, tmp_path / "bench")))


@pytest.fixture
def opened(workspace: Workspace) -> Open:
    """Make the application on the workspace."""

    def make(start: StartTraining | None = None) -> WorkbenchApp:
        return WorkbenchApp(Desk(workspace, start) if start else Desk(workspace))

    return make
