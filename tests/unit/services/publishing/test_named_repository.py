"""Facts about the names of repositories: what is here is never taken for something on the Hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.services.publishing.named_repository import NamedRepository, named_repository


@pytest.mark.parametrize(
    ("text", "repo", "revision"),
    [
        ("me/quiz", "me/quiz", None),
        (" me/quiz@v3 ", "me/quiz", "v3"),
        ("me/quiz.v2@refs/convert/parquet", "me/quiz.v2", "refs/convert/parquet"),
        ("hf://datasets/me/quiz@v3", "me/quiz", "v3"),
        ("https://huggingface.co/datasets/me/quiz", "me/quiz", None),
        ("https://huggingface.co/datasets/me/quiz/tree/main/", "me/quiz", "main"),
        ("https://huggingface.co/datasets/me/quiz/tree/refs%2Fconvert%2Fparquet", "me/quiz", "refs/convert/parquet"),
    ],
)
def test_a_repository_is_known_by_its_name_and_by_its_address(
    tmp_path: Path, text: str, repo: str, revision: str | None
) -> None:
    assert named_repository(text, tmp_path) == NamedRepository(repo, revision)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quiz",
        "quiz.jsonl",
        "/me/quiz",
        "./me/quiz",
        "~/quiz",
        "me/quiz/rows",
        "me/*.csv",
        "me/q z",
        "file:///me/quiz",
        "hf://me/datasets/quiz",
        "https://huggingface.co/me/quiz",
    ],
)
def test_what_is_written_as_a_path_is_one(tmp_path: Path, text: str) -> None:
    assert named_repository(text, tmp_path) is None


def test_an_address_elsewhere_is_none_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "https://hub.example.org/datasets/me/quiz/tree/v3"
    assert named_repository(address, tmp_path) is None
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example.org/")
    assert named_repository(address, tmp_path) == NamedRepository("me/quiz", "v3")


def test_a_folder_that_is_here_comes_first(tmp_path: Path) -> None:
    (tmp_path / "me").mkdir()
    assert named_repository("me/quiz", tmp_path) is None
    assert named_repository("hf://datasets/me/quiz", tmp_path) == NamedRepository("me/quiz")
    assert str(NamedRepository("me/quiz", "v3")) == "me/quiz@v3"
