"""A fact about the whole way: keys alone lead from an empty folder to a trained version, and few of them do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tui.test_pty import PATIENCE, Terminal, terminal
from workbench.store.store import Store
from workbench.store.versions import versions
from workbench.training.runs import RunFolder
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow

START = """
import os, sys
from workbench.__main__ import main
os.chdir(sys.argv[1])
sys.argv = ["workbench"]
main()
"""
ENTER, ESC = "\r", "\x1b"


@dataclass(frozen=True)
class Step:
    """What a person wants, the keys for it, each with what is on the screen afterwards, and how many there may be."""

    wish: str
    keys: tuple[tuple[str, str], ...]
    budget: int


WAY = (
    Step("begin", ((ENTER, "Nothing here yet"),), 1),
    Step("see rows", (("d", "domain-qa is in"), (ENTER, "wrong-language")), 2),
    Step("fix all of one error", (("]", "an e-mail address"), ("F", "Fix email in 1 place?"), (ENTER, "1 edit: u")), 3),
    Step("accept duplicates", (("C", "redundant 1"), ("a", "u takes it back"), (ESC, "Filter")), 10),
    Step("split", (("2", "No version yet"), ("s", "no leak"), (ENTER, "v1")), 3),
    Step("train", (("T", "esc within"),), 1),
)
TRAINED = 600.0
"""Seconds in which the training has ended; the tiny base may have to be built first."""


def walk(screen: Terminal) -> list[str]:
    """Go the way and return the keys that were pressed."""
    pressed = []
    for step in WAY:
        for key, shown in step.keys:
            screen.press(key)
            screen.until(shown, patience=TRAINED)
            pressed.append(key)
    return pressed


def test_keys_alone_lead_from_an_empty_folder_to_a_trained_version(tmp_path: Path) -> None:
    folder = tmp_path / "tuning"
    folder.mkdir()
    with terminal(folder, START) as screen:
        screen.until("no workspace here")
        assert not [*folder.iterdir()]
        pressed = walk(screen)
        screen.until("finished", patience=TRAINED)
        screen.press("q")
        screen.until("\x1b[?1049l")
        assert screen.child.wait(PATIENCE) == 0
    with Store(Workspace(folder)) as store:
        [version] = versions(store.catalogue, "domain-qa")
        kinds = [row.kind for row in store.catalogue.rows("domain-qa")]
    [run] = RunFolder.list(Workspace(folder).runs)
    assert run.status() == "finished" and version.counts["train"] > 200
    assert {"delivery", "edit", "judgement", "version"} <= {*kinds}
    assert [step.wish for step in WAY if len(step.keys) > step.budget] == []
    assert len(pressed) == 13
