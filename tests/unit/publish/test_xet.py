"""A push goes through Xet where the Hub offers it, and through Git LFS where that is switched off, with one outcome."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.exports import an_export
from tests.hub import running_hub
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


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder
