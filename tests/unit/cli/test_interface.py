"""Facts about `workbench` alone: the interface opens on the workspace, or on the folder that has none yet."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from workbench.cli.main import app
from workbench.cli.options import WORKSPACE_VARIABLE
from workbench.workspace import Workspace


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(WORKSPACE_VARIABLE, "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def opened_on(*arguments: str) -> Workspace | Path:
    """Return what the interface is given."""
    places: list[Workspace | Path] = []
    assert CliRunner().invoke(app, arguments, obj=places.append).exit_code == 0
    [place] = places
    return place


def test_in_a_workspace_or_below_it_the_interface_opens_on_it(here, monkeypatch):
    Workspace.create(here / "bench", with_samples=False)
    monkeypatch.chdir(here / "bench" / "corpora")
    place = opened_on()
    assert isinstance(place, Workspace) and place.root == (here / "bench").resolve()


def test_a_slow_link_is_asked_for_few_frames_and_no_animation(here, monkeypatch):
    monkeypatch.setenv("TEXTUAL_FPS", "60")
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "full")
    monkeypatch.setenv("TEXTUAL_SMOOTH_SCROLL", "1")
    opened_on("--slow-link")
    assert int(os.environ["TEXTUAL_FPS"]) <= 10 and os.environ["TEXTUAL_ANIMATIONS"] == "none"


def test_without_one_it_opens_on_the_folder_and_nothing_is_written(here):
    assert opened_on() == Path()
    assert opened_on("--workspace", "later") == Path("later")
    assert not [*here.iterdir()]
