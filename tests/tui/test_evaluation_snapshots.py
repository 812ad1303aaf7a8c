"""Facts about how the screens of evaluation look, kept and agreed on as `test_snapshots.py` says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tui.pilots import Piloted, painted, press, settle, take_in, until
from tests.tui.scored import measured_run
from tests.tui.test_snapshots import IS_UPDATE, MIDDLE, NARROW, WIDE, colours, text_of
from workbench.services.training import trained
from workbench.services.training.trained import Counted
from workbench.services.training.xray import Token, XrayRow
from workbench.store import catalogue
from workbench.store.store import Store
from workbench.tui.app import WorkbenchApp
from workbench.tui.desk import Desk
from workbench.tui.screens import compare
from workbench.workspace import Workspace

KEPT = Path(__file__).parent.parent / "data" / "snapshots-evaluation"


@dataclass(frozen=True)
class View:
    """The way to a screen from the records of a corpus, and what stands there once it has read all it shows."""

    keys: tuple[str, ...]
    shows: str
    size: tuple[int, int] = WIDE


VIEWS = {
    "compare": View(("4",), "bits_per_byte"),
    "compare-middle": View(("4",), "bits_per_byte", MIDDLE),
    "compare-narrow": View(("4",), "bits_per_byte", NARROW),
    "answers": View(("4", "v", "v", "v"), "a wild guess"),
    "answers-narrow": View(("4", "v", "v", "v", "enter"), "a wild guess", NARROW),
    "blind": View(("4", "b"), "blind: 0 of 2"),
    "prompt": View(("4", "p"), "ask both"),
    "sides": View(("4", "s"), "its own base"),
    "review": View(("Q",), "why it stands here"),
    "review-narrow": View(("Q",), "ask for a look", NARROW),
    "x-ray": View(("X",), "⟪"),
    "x-ray-narrow": View(("X", "enter"), "⟪", NARROW),
}
"""Every screen of evaluation, by the name of its file."""
_TOKENS = [("<s>", False, True), ("[INST]", False, True), (" Which", False, False), (" town", False, False)]
_TOKENS += [("?", False, False), ("[/INST]", False, True), (" Riga", True, False), ("</s>", True, True)]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a measured run; nobody changes it."""
    workspace = Workspace.create(tmp_path_factory.mktemp("scene") / "bench", with_samples=False)
    with pytest.MonkeyPatch.context() as patch, Store(workspace) as store:
        patch.setattr(catalogue, "_user", lambda: "somebody")
        patch.setattr(catalogue, "_now", lambda: "2026-01-02T03:04:05+00:00")
        take_in(store)
        measured_run(workspace, says="a wild guess")
    return workspace


@pytest.fixture
def desk(scene: Workspace, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk where the tokens are the same on every machine."""
    with Store(scene) as store:
        records = sorted(store.state(store.corpus("towns")).records["id"].to_list())
    lines = [
        Counted(r, "train", 8, 2, 3 * (n == 0), ("truncated",) * (n == 0), "Which town?") for n, r in enumerate(records)
    ]
    tokens = tuple(Token(text, 7, learned, special) for text, learned, special in _TOKENS)
    monkeypatch.setattr(trained, "is_kept", lambda *_: True)
    monkeypatch.setattr(trained, "counts", lambda *_: tuple(lines))
    monkeypatch.setattr(trained, "look", lambda _w, _a, r: XrayRow(r, tokens, ("truncated",), True, 3))
    monkeypatch.setattr(compare, "drawn_seed", lambda: 7)
    monkeypatch.chdir(scene.root)
    return Desk(scene)


def agreed(name: str, text: str) -> str:
    """Return what was agreed on; with WORKBENCH_SNAPSHOTS=update that is what there is now."""
    file = KEPT / f"{name}.txt"
    if IS_UPDATE:
        KEPT.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return file.read_text(encoding="utf-8")


async def go(pilot: Piloted, view: View) -> None:
    """Go to a screen from Home and wait until it says what it knows."""
    while len(pilot.app.screen_stack) > 1:
        await pilot.app.pop_screen()
    for key in [key for key in pilot.app._kept]:  # each view begins with screens that nobody touched
        pilot.app._kept.pop(key)
        pilot.app.uninstall_screen(f"{key[0]} {key[1]}")
    await settle(pilot)
    pilot.app.show_mode("data", "towns")
    await settle(pilot)
    await press(pilot, *view.keys)
    await until(pilot, lambda: view.shows in painted(pilot.app))
    await settle(pilot)


@pytest.mark.parametrize("size", [WIDE, MIDDLE, NARROW])
async def test_every_screen_is_as_it_was_agreed(desk: Desk, size: tuple[int, int]) -> None:
    app = WorkbenchApp(desk)
    async with app.run_test(size=size) as pilot:
        for name, view in VIEWS.items():
            if view.size == size:
                await go(pilot, view)
                seen = text_of(app)
                assert seen == agreed(name, seen), name


@pytest.mark.slow
async def test_no_screen_of_evaluation_has_a_colour_where_none_is_wanted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = WorkbenchApp(desk)
    async with app.run_test(size=WIDE) as pilot:
        for name, view in VIEWS.items():
            if view.size == WIDE:
                await go(pilot, view)
                triplets = {colour.get_truecolor() for colour in colours(app) if not colour.is_default}
                assert [found for found in triplets if len({*found}) > 1] == [], name


def test_nothing_is_agreed_on_that_no_screen_shows() -> None:
    assert {file.stem for file in KEPT.iterdir()} == {*VIEWS}
