"""Facts about who is told of a training: whoever is asked for and installed, and TensorBoard wherever it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.errors import UsageError
from workbench.recipe import Recipe, with_overrides
from workbench.training import reporting
from workbench.training.arguments import arguments
from workbench.training.reporting import point_to, trackers
from workbench.training.runs import RunFolder

PLAIN = Recipe(name="a", base="b")


@pytest.mark.parametrize(
    ("asked", "installed", "told"),
    [
        ("[]", (), []),
        ("[]", ("tensorboard",), ["tensorboard"]),
        ("[wandb]", ("tensorboard", "wandb"), ["wandb", "tensorboard"]),
        ("[tensorboard]", ("tensorboard",), ["tensorboard"]),
    ],
)
def test_trackers_are_those_asked_for_and_tensorboard(asked: str, installed: tuple[str, ...], told: list[str]) -> None:
    recipe = with_overrides(PLAIN, [f"train.report_to={asked}"])
    assert trackers(recipe, installed.__contains__) == told


def test_a_tracker_that_is_not_installed_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        trackers(with_overrides(PLAIN, ["train.report_to=[wandb, mlflow]"]), ("mlflow",).__contains__)
    assert "wandb" in caught.value.what and "mlflow" not in caught.value.what


def test_an_unknown_tracker_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="report_to"):
        with_overrides(PLAIN, ["train.report_to=[notebook]"])


def test_events_lie_in_the_run_folder_unless_another_place_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path)
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "")  # so that it is put back as it was
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR")
    point_to(run)
    assert os.environ["TENSORBOARD_LOGGING_DIR"] == str(run.path / "tensorboard")
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "elsewhere")
    point_to(run)
    assert os.environ["TENSORBOARD_LOGGING_DIR"] == "elsewhere"


def test_the_trackers_of_a_recipe_reach_the_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "find_spec", lambda name: object() if name in ("wandb", "tensorboard") else None)
    told = arguments(with_overrides(PLAIN, ["train.report_to=[wandb]"]), tmp_path).report_to
    assert told == ["wandb", "tensorboard"]
    monkeypatch.setattr(reporting, "find_spec", lambda name: None)
    assert arguments(PLAIN, tmp_path).report_to == []
