"""Facts about screens that have nothing to show: none of them promises for ever, each says which key goes on."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.tui.pilots import Open, open_records, painted, press, settle
from workbench.errors import Cancelled, OutsideError
from workbench.services.training import trained
from workbench.services.versions.split import Request, requested, split
from workbench.store.store import Store
from workbench.training.runs import RunFolder
from workbench.tui.app import WorkbenchApp
from workbench.tui.desk import Desk
from workbench.tui.screens import review
from workbench.tui.screens.sheets import refusal
from workbench.workspace import Workspace

PROMISE = re.compile(r"(looking|reading|comparing|counting|ranking)[\w ]* \.\.\.")


def empty(workspace: Workspace) -> Workspace:
    """Return a workspace without a corpus."""
    return Workspace.create(workspace.root.parent / "empty", with_samples=False)


def as_it_is(workspace: Workspace) -> Workspace:
    """Return the workspace whose first corpus has records and no version, and whose last one is only declared."""
    return workspace


def with_failed_run(workspace: Workspace) -> Workspace:
    """Return the workspace with a version and a run that failed."""
    RunFolder.create(workspace.runs / "first").set_state("failed", "no memory left")
    with Store(workspace) as store:
        split(store, Request("towns", requested(store, "towns")))
    return workspace


HOME = ("1", "2", "3", "4", "Q", "J")
CORPUS = ("C", "X", "Q", "2", "s", "3", "4")
"""Keys after which something else stands on the screen; each is left with as many esc as it takes."""
STATES = (
    pytest.param(empty, "", HOME, id="empty workspace"),
    pytest.param(as_it_is, "waiting", HOME, id="only declared"),
    pytest.param(as_it_is, "towns", CORPUS, id="no version"),
    pytest.param(with_failed_run, "towns", ("X", "3", "4"), id="failed run"),
)


@pytest.fixture(autouse=True)
def nothing_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every X-ray be there and hold nothing, else a base would be built."""
    monkeypatch.setattr(trained, "is_kept", lambda *_: True)
    monkeypatch.setattr(trained, "counts", lambda *_: ())


@pytest.mark.parametrize(("made", "corpus", "keys"), STATES)
async def test_no_screen_promises_for_ever(
    workspace: Workspace,
    made: Callable[[Workspace], Workspace],
    corpus: str,
    keys: tuple[str, ...],
) -> None:
    app = WorkbenchApp(Desk(made(workspace)))
    async with app.run_test(size=(80, 24)) as pilot:
        if corpus == "towns":
            await open_records(pilot)
        else:
            await press(pilot, "end")
        for key in keys:
            await press(pilot, key)
            text = painted(app)
            assert not PROMISE.search(text), f"after {key}:\n{text}"
            await press(pilot, "escape")


async def test_without_a_version_the_x_ray_says_which_keys_make_one(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_records(pilot)
        await press(pilot, "X")
        text = painted(app)
        assert "no version yet" in text and "2 goes to the versions" in text
        await press(pilot, "2", "s", "enter", "1", "X")
        assert "no version yet" not in painted(app)


@pytest.mark.parametrize("key", ["1", "2", "4", "Q"])
async def test_what_cannot_be_read_is_told_on_the_screen_and_f5_reads_again(
    opened: Open, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    app = opened()
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        with monkeypatch.context() as broken:
            broken.setattr(Store, "__init__", refuse)
            await press(pilot, key, "escape")
            text = painted(app)
            assert "the disk is gone" in text and "F5 tries again" in text and not PROMISE.search(text)
        await press(pilot, "f5")
        assert "the disk is gone" not in painted(app)


def refuse(*_: object) -> None:
    """Stand for a store that cannot be opened."""
    raise OutsideError("the disk is gone", "plug it in")


async def test_a_look_that_was_cancelled_says_so_in_place_of_the_promise(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(*_: object) -> None:
        raise Cancelled("ended", "")

    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_records(pilot)
        with monkeypatch.context() as ended:
            ended.setattr(review, "_ranked", cancelled)
            await press(pilot, "Q")
            assert "review towns was cancelled." in painted(app) and not PROMISE.search(painted(app))
        await press(pilot, "f5")
        assert "ask for a look" in painted(app) and "was cancelled" not in painted(app)


async def test_a_notice_lies_over_no_row_and_the_newest_takes_the_place_of_those_before(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "f", "u")
        *rows, said, keys = painted(app).splitlines()
        assert said.strip() == "no change is left to take back" and "? Keys" in keys
        assert not any("nothing is wrong" in row for row in rows)
        await press(pilot, "G")
        assert screen.table.region.bottom <= screen.query_one("#talk").region.y


def test_what_a_list_says_of_a_fault_tells_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_PASSWORD", "correct-horse-battery")
    assert refusal(ValueError("login correct-horse-battery is wrong")).endswith("ValueError: login *** is wrong")
