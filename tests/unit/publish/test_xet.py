"""A push goes through Xet where the Hub offers it, and through Git LFS where that is switched off, with one outcome."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import _xet_progress_reporting

from tests.exports import an_export
from tests.hub import running_hub
from workbench.errors import Cancelled
from workbench.publish.hub import push

pytestmark = pytest.mark.thorough
pytest.importorskip("hf_xet")

REPO = "me/quiz"


@pytest.mark.parametrize("switched_off", [False, True])
def test_the_same_version_arrives_with_and_without_xet(hub, tmp_path, monkeypatch, switched_off):
    # The fixture's own Hub is only there for the environment that it sets.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", switched_off)
    export = an_export(tmp_path / "out")
    with running_hub(cas=None if switched_off else made(tmp_path / "cas")) as server:
        done = push(export, REPO, tag="v1", message="", endpoint=server.url)
        assert push(export, REPO, tag="v1", message="", endpoint=server.url) == done
        assert bool(server.called("GET .*/xet-write-token/")) is not switched_off
        assert bool(server.called("GET .*/xet-read-token/")) is not switched_off
        assert bool(server.called("PUT /lfs/")) is switched_off
        files = server.repositories[REPO].commits[done.commit].files
    sent = {path.relative_to(export).as_posix(): path.read_bytes() for path in export.rglob("*.*")}
    assert {path: body for path, body in files.items() if path != ".gitattributes"} == sent


def test_bytes_are_told_while_xet_sends_and_fetches_and_its_own_bars_stay_away(hub, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    monkeypatch.setattr("workbench.publish.meter._PAUSE", -1)
    told: list[tuple[str, int]] = []

    def report(line: str, done: int = 0, total: int = 0) -> None:
        told.append((line.partition(":")[0], done))

    with running_hub(cas=made(tmp_path / "cas")) as server:
        push(an_export(tmp_path / "out"), REPO, tag="v1", message="", endpoint=server.url, report=report)
    # The library counts a file again when all of it is there: without its counts one line a batch would be told.
    assert len([done for stage, done in told if stage == "sending" and done]) > 1
    assert len([done for stage, done in told if stage == "checking what arrived" and done]) > 5
    assert capfd.readouterr() == ("", "")
    assert _xet_progress_reporting.XetUploadProgressReporter.__module__ == _xet_progress_reporting.__name__


@pytest.mark.parametrize("stage", ["sending", "checking what arrived"])
def test_what_xet_sends_or_fetches_ends_when_the_person_at_the_keys_says_so(hub, tmp_path, monkeypatch, capfd, stage):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    monkeypatch.setattr("workbench.publish.meter._PAUSE", -1)

    def report(line: str, done: int = 0, total: int = 0) -> None:
        if line.startswith(f"{stage}:"):
            raise Cancelled("enough", "")

    with running_hub(cas=made(tmp_path / "cas")) as server:
        with pytest.raises(Cancelled, match="enough"):
            push(an_export(tmp_path / "out"), REPO, tag="v1", message="", endpoint=server.url, report=report)
        assert server.repositories[REPO].tags == {}
    assert capfd.readouterr() == ("", "")


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder
