"""Facts about a bug of ours in the interface: who started it is told, and no record is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App

from workbench.tui import app as interface
from workbench.tui.app import WorkbenchApp
from workbench.tui.begin import BeginApp
from workbench.tui.screens.corpora import CorporaScreen
from workbench.workspace import Workspace


def test_a_bug_ends_the_interface_and_is_raised_without_a_page_of_local_values(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(screen: CorporaScreen) -> None:
        record = "what somebody wrote"
        raise RuntimeError(f"{len(record)} characters")

    monkeypatch.setattr(CorporaScreen, "on_mount", broken)
    monkeypatch.setattr(WorkbenchApp, "run", lambda app: App.run(app, headless=True))
    with pytest.raises(RuntimeError, match="19 characters"):
        interface.run(workspace)
    assert "what somebody wrote" not in "".join(capfd.readouterr())


def test_a_bug_before_there_is_a_workspace_is_raised_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(_app: BeginApp) -> None:
        held = "what stands in the folder"
        raise RuntimeError(f"{len(held)} characters")

    monkeypatch.setattr(BeginApp, "on_mount", broken, raising=False)
    monkeypatch.setattr(BeginApp, "run", lambda app: App.run(app, headless=True))
    with pytest.raises(RuntimeError, match="25 characters"):
        interface.run(tmp_path)
    assert "what stands in the folder" not in "".join(capfd.readouterr())
