"""Facts about the environment of a training process: it sees one GPU unless a launcher deals them out."""

from __future__ import annotations

import pytest

from workbench.training.environment import for_training, one_gpu


@pytest.mark.parametrize(
    ("around", "seen"),
    [
        ({}, "0"),
        ({"CUDA_VISIBLE_DEVICES": "3,5"}, "3"),
        ({"CUDA_VISIBLE_DEVICES": "GPU-8a, GPU-9b"}, "GPU-8a"),
        ({"CUDA_VISIBLE_DEVICES": ""}, ""),
        ({"CUDA_VISIBLE_DEVICES": "3,5", "LOCAL_RANK": "1"}, "3,5"),
    ],
)
def test_a_training_sees_the_first_gpu_in_sight(around: dict[str, str], seen: str) -> None:
    assert for_training(around)["CUDA_VISIBLE_DEVICES"] == seen


def test_a_launcher_decides_about_the_gpus_itself() -> None:
    assert "CUDA_VISIBLE_DEVICES" not in for_training({"LOCAL_RANK": "0"})


def test_everything_else_is_handed_on() -> None:
    assert for_training({"HOME": "/home/ada"})["HOME"] == "/home/ada"


@pytest.mark.parametrize(
    ("around", "seen"),
    [({}, "1"), ({"CUDA_VISIBLE_DEVICES": "3, 5"}, "5"), ({"CUDA_VISIBLE_DEVICES": "3"}, "")],
)
def test_each_of_several_processes_sees_a_gpu_of_its_own(around: dict[str, str], seen: str) -> None:
    assert one_gpu(around, 1) == {"CUDA_VISIBLE_DEVICES": seen}
