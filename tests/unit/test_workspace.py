"""A workspace builds every path, and no name leaves it."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from workbench.errors import OutsideError, UsageError
from workbench.workspace import Workspace, safe_name, samples, sweep, write_text

BAD_NAMES = ["", ".", "..", "../x", "a/b", "/etc", "a\\b", ".hidden", "-x", "a b", "a\n", "a\x00", "x" * 101, "é"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_could_leave_its_folder_is_refused(workspace, name):
    for build in (workspace.corpus_folder, workspace.run_folder, workspace.export_folder):
        with pytest.raises(UsageError):
            build(name)
    for find in (workspace.schema_file, workspace.recipe_file):
        with pytest.raises(UsageError):
            find(name)


@pytest.mark.parametrize("name", ["a", "A-1_b.c", "x" * 100, "0"])
def test_a_plain_name_is_kept(name):
    assert safe_name("corpus", name) == name


def test_a_folder_that_is_no_workspace_is_refused(tmp_path):
    for refuse in (Workspace, Workspace.find):
        with pytest.raises(UsageError, match="no workspace"):
            refuse(tmp_path / "nowhere")


def test_the_nearest_workspace_above_is_found(workspace):
    inner = workspace.root / "corpora" / "deep" / "er"
    inner.mkdir(parents=True)
    assert Workspace.find(inner).root == workspace.root


def test_making_a_workspace_again_keeps_what_is_there(workspace):
    kept = workspace.root / "schemas" / "qa.yaml"
    kept.write_text("mine")
    Workspace.create(workspace.root)
    assert kept.read_text() == "mine"


def test_samples_come_along_only_where_wanted(tmp_path):
    assert Workspace.create(tmp_path / "bare", with_samples=False).corpora() == []
    full = Workspace.create(tmp_path / "full")
    assert {path.name for path in (full.root / "corpora").iterdir()} >= {"quiz", "novel"}
    assert "qa" in full.named("schemas")


def test_the_own_schema_comes_before_the_packages(workspace):
    assert workspace.schema_file("qa").parent == workspace.root / "schemas"
    workspace.schema_file("qa").unlink()
    assert workspace.schema_file("qa").parent == samples() / "schemas"


def test_an_unknown_schema_is_answered_with_the_nearest(workspace):
    with pytest.raises(UsageError) as caught:
        workspace.schema_file("prosa")
    assert "did you mean 'prose'?" in caught.value.hint


def test_the_store_is_closed_to_other_users(workspace):
    assert workspace.hidden.stat().st_mode & 0o077 == 0
    assert workspace.objects.stat().st_mode & 0o077 == 0


def test_a_path_inside_is_written_relative_and_one_outside_absolute(workspace, tmp_path):
    inside = workspace.root / "corpora" / "a.txt"
    inside.touch()
    assert workspace.relative(inside) == "corpora/a.txt"
    assert workspace.relative(tmp_path / "b.txt") == str(tmp_path / "b.txt")


def test_a_written_text_replaces_the_old_one_whole(tmp_path):
    write_text(tmp_path / "file", "old")
    write_text(tmp_path / "file", "é")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "é"
    assert os.listdir(tmp_path) == ["file"]


def test_a_text_that_cannot_be_written_is_one_clear_error_and_leaves_no_draft(tmp_path):
    with pytest.raises(OutsideError, match="cannot write"):
        write_text(tmp_path / "missing" / "file", "text")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "inner").touch()
    with pytest.raises(OutsideError):
        write_text(tmp_path / "taken", "text")
    assert sorted(os.listdir(tmp_path)) == ["taken"]


def test_finding_does_not_make_a_store(workspace: Workspace):
    shutil.rmtree(workspace.root / ".workbench")  # as it comes from git
    Workspace.find(Path(workspace.root))
    assert not (workspace.root / ".workbench").exists()


@pytest.mark.parametrize(
    ("name", "hours", "stays"),
    [
        ("0" * 32, 0.9, True),
        ("0" * 32, 1.1, False),
        (f"{'0' * 32}-3.arrow", 23, True),
        (f"{'0' * 32}-rejects-3.arrow", 23, True),
        (f"{'0' * 32}-3.arrow", 25, False),
        (f"name.{'0' * 32}", 1.1, False),
        ("rows.jsonl", 25, True),
    ],
)
def test_drafts_are_swept_when_nobody_can_need_them_any_more(tmp_path, name, hours, stays):
    path = tmp_path / name
    path.touch()
    long_ago = time.time() - hours * 3600
    os.utime(path, (long_ago, long_ago))
    sweep(tmp_path)
    assert path.exists() == stays
