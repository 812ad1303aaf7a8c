"""Facts about how every screen and sheet looks: as it looked when somebody last agreed, with and without colour.

What is kept is the painted text and not the SVG: a change is read as a diff, and a theme, a font or another version of
the library that draws SVG changes nothing in it. After a change that is meant:

    WORKBENCH_SNAPSHOTS=update python -m pytest tests/tui/test_snapshots.py

and `git diff tests/data/snapshots` is what people will see.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.color import Color, ColorType

from tests.corpora import fact, words
from tests.tui.pilots import Piloted, declare, painted, settle, take_in, until
from workbench.errors import DataError
from workbench.services.intake.ingest import Order, ingest
from workbench.services.records.editing import edit
from workbench.services.training.preflight import Check, Preflight
from workbench.services.versions import version_lines
from workbench.services.versions.split import Request, requested, split
from workbench.store import catalogue
from workbench.store.edits import body_of
from workbench.store.store import Store
from workbench.training.runs import RunFolder
from workbench.tui.app import WorkbenchApp
from workbench.tui.desk import Desk
from workbench.tui.screens import train
from workbench.tui.screens.records import RecordsScreen
from workbench.tui.screens.sheets import ErrorSheet
from workbench.workspace import Workspace

KEPT = Path(__file__).parent.parent / "data" / "snapshots"
IS_UPDATE = os.environ.get("WORKBENCH_SNAPSHOTS") == "update"
WIDE, MIDDLE, NARROW = (120, 34), (100, 30), (80, 24)


@dataclass(frozen=True)
class View:
    """The way to a screen: a corpus opened in a mode, a view of its records, then keys; `type:` types a text."""

    keys: tuple[str, ...] = ()
    corpus: str = ""
    mode: str = "data"
    view: str = "all"
    shows: str = ""
    """What stands there once the sheet has looked at all it shows."""
    size: tuple[int, int] = WIDE


TWINS = "twins"
VIEWS = {
    "home": View(),
    "home-middle": View(size=MIDDLE),
    "home-narrow": View(size=NARROW),
    "open": View(("o",)),
    "ingest": View(("o", "type:new.csv", "enter"), shows="rows tried"),
    "data": View(corpus="towns"),
    "data-narrow": View(corpus="towns", size=NARROW),
    "record-narrow": View(("enter",), "towns", view="rule:mojibake", size=NARROW),
    "views-narrow": View(("shift+tab",), "towns", size=NARROW),
    "search": View(("/", "type:city"), "towns", shows="with 'city'"),
    "filter": View(("colon", "type:LENGTH(answer) < 5", "enter"), "towns", shows="where LENGTH"),
    "filter-wrong": View(("colon", "type:answr = 1", "enter"), "towns", shows="answr"),
    "columns": View(("c",), "towns"),
    "edit": View(("e",), "towns", view="rule:mojibake", shows="wrong encoding"),
    "fix-all": View(("F",), "towns", view="rule:mojibake"),
    "drop-marked": View(("*", "x"), "towns", view="issues"),
    "raw": View(("L",), "towns"),
    "quarantine": View((), "towns", view="quarantine"),
    "readmit": View(("e",), "towns", view="quarantine"),
    "conflicts": View((), "towns", view="conflicts"),
    "conflict": View(("e",), "towns", view="conflicts"),
    "clusters": View(("C",), TWINS),
    "clusters-narrow": View(("C",), TWINS, size=NARROW),
    "clusters-accept": View(("C", "plus", "plus", "plus", "A"), TWINS, shows="do it"),
    "versions": View((), "towns", "versions"),
    "versions-narrow": View((), "towns", "versions", size=NARROW),
    "tag": View(("t",), "towns", "versions"),
    "split": View(("s",), "towns", "versions", shows="no leak"),
    "proof": View(("p",), "towns", "versions"),
    "publish": View(("P",), "towns", "versions"),
    "train": View((), "towns", "train"),
    "train-narrow": View((), "towns", "train", size=NARROW),
    "push": View(("P",), "towns", "train"),
    "pre-flight": View(("p",), "towns", "train"),
    "jobs": View(("J",), "towns"),
    "palette": View(("ctrl+p", "type:mark"), "towns"),
    "help": View(("question_mark",), "towns"),
}
"""Every screen and every sheet, by the name of its file."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which every screen has something to show; nobody changes it."""
    workspace = Workspace.create(tmp_path_factory.mktemp("scene") / "bench", with_samples=False)
    near = {"question": words("far", 40), "answer": words("answer", 3)}
    declare(workspace, TWINS, [json.dumps(row) for row in [near, *map(fact, range(6)), _worded(near, 2), near]])
    (workspace.root / "new.csv").write_text("question,answer\nWhat is 2 + 2?,4\nWhat is missing?,\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, Store(workspace) as store:
        patch.setattr(catalogue, "_user", lambda: "somebody")
        patch.setattr(store.catalogue, "_clock", lambda: "2026-01-02T03:04:05+00:00")
        take_in(store)
        ingest(store, Order(TWINS))
        split(store, Request("towns", requested(store, "towns", counts=(8, 2, 2))))
        york, brest = (_record(store, answer) for answer in ("York", "Brest"))
        edit(
            store, "towns", brest, {"question": "Which harbour lies closest to the end of Brittany?"}, reason="shorter"
        )
        split(store, Request("towns", requested(store, "towns")))
        store.catalogue.append(("edit", "towns", york, body_of("answer", "what once stood there", "mine", "")))
    _finish(RunFolder.create(workspace.runs / "towns-v1-tiny-1"))
    return workspace


def _worded(row: dict[str, Any], count: int) -> dict[str, Any]:
    return row | {"question": f"{row['question']} {words('more', count)}"}


def _record(store: Store, answer: str) -> str:
    return str(store.state(store.corpus("towns")).records.filter(answer=answer)["id"][0])


def _finish(run: RunFolder) -> None:
    run.facts_file.write_text(json.dumps({"corpus": "towns", "version_name": "v1", "created": "2026-01-02"}))
    points = [{"step": step, "loss": 4.0 / step} for step in range(1, 41)] + [{"step": 40, "eval_loss": 0.3}]
    run.metrics_file.write_text("".join(json.dumps(point) + "\n" for point in points), encoding="utf-8")
    run.log.write_text("\n".join(f"line {number}" for number in range(30)), encoding="utf-8")
    run.set_state("finished", step=40, total=40)


def flown(corpus: str, version: str = "latest", recipe: str = "") -> Preflight:
    """Return a pre-flight that says the same on every machine."""
    checks = (
        Check("version", "ok", f"{corpus}@v2: 8 train, 2 validation, 2 test"),
        Check("disk", "look", "1.5 GiB free for checkpoints", "make room before a longer run"),
        Check("device", "no", "the base needs a GPU and there is none", "press R for a recipe with the tiny base"),
    )
    return Preflight(corpus, "v2", recipe or "tiny", ("qa", "tiny"), checks)


@pytest.fixture
def standing(scene: Workspace, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk where nothing depends on the machine, the person or the hour."""
    monkeypatch.chdir(scene.root)
    monkeypatch.setattr(train, "gpus", tuple)
    monkeypatch.setattr(train, "in_words", lambda *_: "one device")
    monkeypatch.setattr(version_lines, "age", lambda *_: "1 min")
    monkeypatch.setattr(Desk, "preflight", lambda _, *asked: flown(*asked))
    return Desk(scene)


async def go(pilot: Piloted, view: View) -> None:
    """Go to a screen from Home and wait until it says what it knows."""
    app = pilot.app
    await settle(pilot)
    if view.corpus:
        app.show_mode(view.mode, view.corpus)
        await settle(pilot)
    if isinstance(app.screen, RecordsScreen):
        app.screen.finder.clear()
        app.screen.finder.close()
        app.screen.look_at(view=view.view, text="", where="")
        await settle(pilot)
    for key in view.keys:
        await pilot.press(*(key.removeprefix("type:") if key.startswith("type:") else (key,)))
        await settle(pilot)
    await until(pilot, lambda: view.shows in painted(app))
    await settle(pilot)


def text_of(app: WorkbenchApp) -> str:
    """Return what is painted, without what stands behind the last letter of a line."""
    return "".join(f"{line.rstrip()}\n" for line in painted(app).splitlines())


def agreed(name: str, text: str) -> str:
    """Return what was agreed on; with WORKBENCH_SNAPSHOTS=update that is what there is now."""
    file = KEPT / f"{name}.txt"
    if IS_UPDATE:
        KEPT.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return file.read_text(encoding="utf-8")


def colours(app: WorkbenchApp) -> set[Color]:
    """Return every colour that is painted."""
    strips = app.screen._compositor.render_strips()
    styles = [segment.style for strip in strips for segment in strip if segment.style is not None]
    return {colour for style in styles for colour in (style.color, style.bgcolor) if colour is not None}


@pytest.mark.parametrize("name", VIEWS)
async def test_a_screen_is_as_it_was_agreed_and_the_same_in_the_terminals_own_colours(
    standing: Desk, name: str
) -> None:
    app = WorkbenchApp(standing)
    async with app.run_test(size=VIEWS[name].size) as pilot:
        await go(pilot, VIEWS[name])
        seen = text_of(app)
        assert seen == agreed(name, seen)
        app.theme = "ansi-dark"
        await settle(pilot)
        assert text_of(app) == seen
        assert [colour for colour in colours(app) if colour.type is ColorType.TRUECOLOR] == []


async def test_an_error_is_as_it_was_agreed(standing: Desk) -> None:
    app = WorkbenchApp(standing)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        app.push_screen(ErrorSheet(DataError("corpora/towns/corpus.yaml: no schema named 'qaa'", "did you mean 'qa'?")))
        await settle(pilot)
        seen = text_of(app)
        assert seen == agreed("error", seen)


async def test_home_is_as_it_was_agreed_where_there_is_nothing_yet(tmp_path: Path) -> None:
    app = WorkbenchApp(Desk(Workspace.create(tmp_path / "bench", with_samples=False)))
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        seen = text_of(app)
        assert seen == agreed("home-empty", seen)


@pytest.mark.slow
async def test_no_screen_has_a_colour_where_none_is_wanted(standing: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = WorkbenchApp(standing)
    async with app.run_test(size=WIDE) as pilot:
        for name, view in VIEWS.items():
            if view.size == NARROW:
                continue
            await go(pilot, view)
            triplets = {colour.get_truecolor() for colour in colours(app) if colour.type is not ColorType.DEFAULT}
            assert [found for found in triplets if len({*found}) > 1] == [], name
            await leave(pilot)


async def leave(pilot: Piloted) -> None:
    """Go back to Home from wherever one is."""
    while len(pilot.app.screen_stack) > 1:
        await pilot.app.pop_screen()
    await settle(pilot)


def test_nothing_is_agreed_on_that_no_screen_shows() -> None:
    assert {file.stem for file in KEPT.iterdir()} == {*VIEWS, "error", "home-empty"}
