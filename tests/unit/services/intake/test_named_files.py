"""Files are found however a person names them, and what is no file is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UsageError
from workbench.services.intake.named_files import completed, completions, named_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a b.csv", "it's.txt", "one.jsonl", "two.jsonl", ".hidden", "data/three.jsonl", "data/.git/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("one.jsonl", ["one.jsonl"]),
        ("  ./one.jsonl \n", ["one.jsonl"]),
        ("a b.csv", ["a b.csv"]),
        ("'a b.csv'", ["a b.csv"]),
        ('"a b.csv" one.jsonl', ["a b.csv", "one.jsonl"]),
        ("a\\ b.csv", ["a b.csv"]),
        ("it's.txt", ["it's.txt"]),
        ("*.jsonl", ["one.jsonl", "two.jsonl"]),
        ("**/*.jsonl", ["one.jsonl", "three.jsonl", "two.jsonl"]),
        ("one.jsonl\ntwo.jsonl\none.jsonl", ["one.jsonl", "two.jsonl"]),
        ("data", ["three.jsonl"]),
        (".", ["a b.csv", "it's.txt", "one.jsonl", "two.jsonl"]),
    ],
)
def test_typed_and_pasted_names_are_found(folder, typed, names):
    assert sorted(path.name for path in named_files(typed, folder)) == names


def test_a_dropped_address_is_a_path(folder):
    assert named_files(f"file://{folder}/a%20b.csv", Path("/")) == (folder / "a b.csv",)
    assert named_files(f"file://localhost{folder}/one.jsonl\r\n", Path("/")) == (folder / "one.jsonl",)


def test_the_home_folder_is_found(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert named_files("~/one.jsonl", Path("/")) == (folder / "one.jsonl",)
    assert completions("~/on", Path("/")) == ["~/one.jsonl"]


def test_a_saved_arrow_folder_is_one_thing(folder):
    (folder / "data" / "state.json").write_text("{}")
    assert named_files("data", folder) == (folder / "data",)


@pytest.mark.parametrize(
    "typed", ["", "  \n ", "nothere", "*.parquet", "data/.git/nope", "~nobody-at-all/x", "x" * 9000]
)
def test_what_is_no_file_is_said(folder, typed):
    with pytest.raises(UsageError):
        named_files(typed, folder)


def test_two_stars_beside_letters_are_one_star(folder):
    assert named_files("tw**.jsonl", folder) == named_files("tw*.jsonl", folder) == (folder / "two.jsonl",)
    with pytest.raises(UsageError):
        named_files("nothere**", folder)


@given(st.text(max_size=60))
def test_no_pasted_text_breaks_it(text):
    try:
        assert all(path.exists() for path in named_files(text, Path("/nonexistent")))
    except UsageError as error:
        assert error.what


def test_completions_go_on_from_what_is_typed(folder):
    assert completions("", folder) == ["a b.csv", "data/", "it's.txt", "one.jsonl", "two.jsonl"]
    assert completions("T", folder) == ["two.jsonl"]
    assert completions("data/", folder) == ["data/three.jsonl"]
    assert completions(".h", folder) == [".hidden"]
    assert completions("nothere/x", folder) == []


def test_a_path_is_completed_as_far_as_all_agree(folder):
    (folder / "one.json").write_text("x")
    assert completed("o", folder) == "one.json"
    assert completed("da", folder) == "data/"
    assert completed("zzz", folder) == "zzz"
