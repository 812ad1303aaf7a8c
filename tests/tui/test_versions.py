"""Facts about the versions screen: history, changes, marks, labels, restore, split, proof, export and push."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from tests.corpora import fact, words
from tests.tui.pilots import HOSTILE, PATIENCE, Open, Piloted, declare, painted, press, settle, until
from tests.tui.test_hostile import assert_calm
from workbench.corpus import SplitSettings, load_corpus, save_corpus
from workbench.errors import Cancelled, OutsideError
from workbench.services.intake.ingest import Order, ingest
from workbench.services.progress import Report
from workbench.services.publishing import push, trial
from workbench.services.records.editing import drop, edit
from workbench.services.versions.split import Request, split
from workbench.store.store import Store
from workbench.store.versions import Version, versions
from workbench.text import show
from workbench.tui.screens.ask import AskSheet
from workbench.tui.screens.clusters import ClustersScreen
from workbench.tui.screens.confirm import ConfirmSheet
from workbench.tui.screens.proof import ProofSheet
from workbench.tui.screens.publish import PublishSheet
from workbench.tui.screens.sheets import ErrorSheet
from workbench.tui.screens.split import SplitSheet
from workbench.tui.screens.versions import VersionsScreen
from workbench.workspace import Workspace

WIDE, NARROW = (150, 44), (80, 24)
NAME = "facts"


@pytest.fixture
def unsplit(workspace: Workspace) -> Workspace:
    """The workspace with a corpus of twenty facts."""
    declare(workspace, NAME, [json.dumps(fact(i)) for i in range(20)])
    with Store(workspace) as store:
        ingest(store, Order(NAME))
    return workspace


@pytest.fixture
def twice(unsplit: Workspace) -> Workspace:
    """The same with two versions, between which one fact was edited and one dropped."""
    with Store(unsplit) as store:
        split(store, Request(NAME, SplitSettings()))
        one, other = store.state(store.corpus(NAME)).records["id"].to_list()[3:5]
        edit(store, NAME, one, {"answer": f"{fact(3)['answer']} come"})
        drop(store, NAME, [other])
        split(store, Request(NAME, SplitSettings()))
    return unsplit


def known(workspace: Workspace) -> list[Version]:
    with Store(workspace) as store:
        return versions(store.catalogue, NAME)


def heights(workspace: Workspace) -> int:
    with Store(workspace) as store:
        return int(store.state(store.corpus(NAME)).records.height)


async def open_versions(pilot: Piloted) -> VersionsScreen:
    await settle(pilot)
    pilot.app.show_mode("versions", NAME)
    await settle(pilot)
    assert isinstance(pilot.app.screen, VersionsScreen)
    return pilot.app.screen


async def looked_anew(pilot: Piloted) -> None:
    """Wait until the split sheet tells of what is asked now."""
    sheet = pilot.app.screen
    assert isinstance(sheet, SplitSheet)
    await pilot.pause()
    await until(pilot, lambda: sheet.is_told)
    await settle(pilot)


async def test_the_newest_version_stands_beside_what_it_changed_word_by_word(opened: Open, twice) -> None:
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_versions(pilot)
        said = painted(app)
        assert "2 versions" in said and "* v2" in said
        assert "v1 -> v2  +0 added -1 removed ~1 edited >0 moved" in said and "words " in said
        assert "{+come+}" in said and "proof + no leak" in said
        await press(pilot, "v", "v")
        assert "only removed: 1" in painted(app)
        await press(pilot, "v", "j")
        assert "This is the first version: nothing lies before it." in painted(app)


async def test_any_two_versions_are_compared_through_a_mark(opened: Open, twice) -> None:
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_versions(pilot)
        await press(pilot, "d")
        assert "This is the marked version" in painted(app)
        await press(pilot, "j")
        assert "v2 -> v1  +1 added" in painted(app)
        await press(pilot, "k", "d")
        assert "v1 -> v2" in painted(app)


async def test_what_was_not_split_yet_is_told_above_the_versions(opened: Open, twice) -> None:
    with Store(twice) as store:
        edit(store, NAME, store.state(store.corpus(NAME)).records["id"][0], {"answer": "anew"})
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_versions(pilot)
        assert "2 versions, 1 action since" in painted(app)
        await press(pilot, "g")
        assert "v2 -> now" in painted(app) and "{+anew+}" in painted(app)


async def test_a_version_is_tagged_and_noted(opened: Open, twice) -> None:
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_versions(pilot)
        await press(pilot, "t")
        assert isinstance(app.screen, AskSheet)
        await press(pilot, *"baseline", "enter")
        await press(pilot, "m", *"mended", "enter")
        said = painted(app)
        assert "tag baseline" in said and "note mended" in said
        await press(pilot, "t", *"v9", "enter")
        assert isinstance(app.screen, ErrorSheet) and "reads as a version already" in painted(app)


async def test_restoring_is_asked_for_and_taken_back(opened: Open, twice) -> None:
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_versions(pilot)
        assert heights(twice) == 19
        await press(pilot, "j", "r")
        assert isinstance(app.screen, ConfirmSheet) and "2 edits" in painted(app)
        await press(pilot, "escape")
        assert heights(twice) == 19
        await press(pilot, "r", "enter")
        assert heights(twice) == 20
        await press(pilot, "u")
        assert heights(twice) == 19
        await press(pilot, "k", "r")
        assert isinstance(app.screen, VersionsScreen)


async def test_a_split_is_looked_at_live_and_made_by_enter(opened: Open, unsplit) -> None:
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_versions(pilot)
        assert "No version yet." in painted(app)
        await press(pilot, "s")
        assert isinstance(app.screen, SplitSheet)
        assert app.screen.seen.counts["train"] == 16 and "proof + no leak" in painted(app)
        app.screen.query_one("#shares").value = "50/25/25"
        await looked_anew(pilot)
        assert app.screen.seen.counts["train"] == 10 and known(unsplit) == []
        await press(pilot, "enter")
        assert [version.counts["train"] for version in known(unsplit)] == [10]
        assert "* v1" in painted(app)


async def test_what_a_split_refuses_the_sheet_refuses_and_drawing_anew_is_a_switch(opened: Open, twice) -> None:
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_versions(pilot)
        await press(pilot, "s")
        assert "Nothing differs from v2." in painted(app)
        app.screen.query_one("#seed").value = "7"
        await looked_anew(pilot)
        assert "already split with seed 42, not seed 7" in painted(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, SplitSheet) and len(known(twice)) == 2
        assert painted(app).count("not seed 7") == 2, "on the sheet, and in place of its keys"
        app.screen.query_one("#fresh").action_turn()
        await looked_anew(pilot)
        assert "[x] draw anew" in painted(app) and app.screen.seen is not None
        assert "not seed 7" not in painted(app) and "enter makes the version" in painted(app)
        app.screen.query_one("#shuffle").action_turn()
        await looked_anew(pilot)
        await press(pilot, "enter")
        assert "it makes no version" in painted(app)
        await press(pilot, "escape")
        assert len(known(twice)) == 2


async def test_the_proof_shows_the_closest_pairs_word_by_word(opened: Open, workspace: Workspace) -> None:
    rows = [fact(9 * i + k, question=f"{words(i, 30)} {words((i, k), 10)}") for i in range(8) for k in (1, 2)]
    declare(workspace, NAME, [json.dumps(row) for row in rows])
    with Store(workspace) as store:
        ingest(store, Order(NAME))
        version = split(store, Request(NAME, SplitSettings(ratios=(2, 1, 1))))
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_versions(pilot)
        await press(pilot, "p")
        assert isinstance(app.screen, ProofSheet) and len(app.screen.pairs) == len(version.proof["closest"]) > 0
        said = painted(app)
        assert f"{version.proof['closest'][0][2]:.3f}" in said and "[-" in said and "not checked:" in said
        await press(pilot, "escape")
        assert isinstance(app.screen, VersionsScreen)


async def test_an_export_lists_its_files_before_it_writes_them(opened: Open, twice) -> None:
    app = opened()
    folder = twice.root / "exports" / f"{NAME}-v2"
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_versions(pilot)
        await press(pilot, "P")
        assert isinstance(app.screen, PublishSheet)
        await press(pilot, "enter")
        assert "train-00000-of-00001.parquet" in painted(app) and "card" in painted(app) and not folder.exists()
        await press(pilot, "enter")
        assert (folder / "README.md").is_file() and "19 rows in 5 files" in painted(app)
        assert not list(twice.cache.glob("tmp*"))


async def test_a_look_says_how_far_it_is_and_ends_when_the_sheet_is_left(opened: Open, twice, monkeypatch) -> None:
    left, ended = threading.Event(), []

    def tried(*_: object, report: Report, **__: object) -> None:
        report("writing records", 40, 100)
        left.wait(PATIENCE)
        try:
            report("writing records", 41, 100)
        except Cancelled:
            ended.append("cancelled")
            raise

    monkeypatch.setattr(trial, "tried_export", tried)
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_versions(pilot)
        await press(pilot, "P")
        sheet = app.screen
        assert isinstance(sheet, PublishSheet)
        await pilot.press("enter")
        await until(pilot, lambda: "writing records  40 of 100 (40%)" in painted(app))
        await pilot.press("escape")
        await until(pilot, lambda: sheet._watched is not None and sheet._watched.state == "ending")
        left.set()
        await settle(pilot)
        assert ended == ["cancelled"] and isinstance(app.screen, VersionsScreen)


async def test_a_push_asks_for_a_licence_and_a_token_and_is_private(opened: Open, twice, monkeypatch) -> None:
    monkeypatch.setattr(push, "find_token", lambda: None)
    monkeypatch.setattr(push, "plan", refused)
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_versions(pilot)
        await press(pilot, "P", "shift+tab", "left")
        assert "<Hub>" in painted(app) and "[x] private" in painted(app)
        app.screen.query_one("#place").value = "me/facts"
        await press(pilot, "enter")
        assert "a licence is needed to publish" in painted(app)
        app.screen.query_one("#license").value = "cc-by-4.0"
        await press(pilot, "enter")
        said = painted(app)
        assert "no token: nothing can be sent" in said and "me/facts: 5 files" in said and "privately" in said
        await press(pilot, "enter")
        assert isinstance(app.screen, ErrorSheet) and "no Hugging Face token was found" in painted(app)


def refused(*arguments: object, **settings: object) -> None:
    raise OutsideError("the Hub is out of reach")


async def test_the_stated_licence_stands_in_the_sheet_and_no_other(opened: Open, twice) -> None:
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_versions(pilot)
        await press(pilot, "P")
        assert app.screen.query_one("#license").value == ""
        await press(pilot, "escape")
        path = twice.corpus_file(NAME)
        save_corpus(load_corpus(path).model_copy(update={"license": "mit"}), path)
        await press(pilot, "P")
        assert app.screen.query_one("#license").value == "mit"


async def test_a_foreign_folder_is_refused_before_anything_is_written(opened: Open, twice, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_versions(pilot)
        await press(pilot, "P")
        app.screen.query_one("#place").value = str(tmp_path / "mine")
        await press(pilot, "enter", "enter")
        assert isinstance(app.screen, ErrorSheet) and "is not an export" in painted(app)
        assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


async def test_a_narrow_terminal_shows_one_pane_at_a_time_and_sheets_fit(opened: Open, twice) -> None:
    app = opened()
    async with app.run_test(size=NARROW) as pilot:
        await open_versions(pilot)
        assert "{+come+}" not in painted(app) and "? Keys" in painted(app)
        await press(pilot, "enter", "tab", "shift+tab")
        assert "{+come+}" in painted(app)
        await press(pilot, "escape", "s")
        assert "removed" in painted(app) and "draw anew" in painted(app) and "enter makes the version" in painted(app)
        await press(pilot, "escape", "P")
        assert "licence" in painted(app) and "enter looks" in painted(app)


async def test_clusters_are_one_key_away_and_come_back(opened: Open, twice) -> None:
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_versions(pilot)
        await press(pilot, "C")
        assert isinstance(app.screen, ClustersScreen)
        await press(pilot, "escape")
        assert isinstance(app.screen, VersionsScreen)


async def test_keys_that_need_a_version_say_so_where_there_is_none(opened: Open, unsplit) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_versions(pilot)
        for key in ("r", "t", "m", "p", "P", "b"):
            await press(pilot, key)
            assert isinstance(app.screen, VersionsScreen)
        assert "no version here" in painted(app)


async def test_hostile_texts_notes_and_cards_are_shown_and_do_nothing(opened: Open, workspace: Workspace) -> None:
    rows = [{"question": f"{text} {words(i, 9)}", "answer": text} for i, text in enumerate(HOSTILE)]
    declare(workspace, NAME, [json.dumps(row) for row in [*rows, *(fact(i) for i in range(12))]])
    with Store(workspace) as store:
        ingest(store, Order(NAME))
        split(store, Request(NAME, SplitSettings(), note=HOSTILE[3]))
        for record, text in zip(store.state(store.corpus(NAME)).records["id"].to_list(), HOSTILE, strict=False):
            edit(store, NAME, record, {"answer": f"new {text}"})
        split(store, Request(NAME, SplitSettings(), note=HOSTILE[4]))
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_versions(pilot)
        assert show(HOSTILE[4]) in painted(app)
        await press(pilot, "tab", "tab")
        for text in HOSTILE:
            assert show(" ".join(text.split())) in painted(app)
            assert_calm(painted(app))
        for key in ("j", "j", "shift+tab", "d", "j", "p", "escape", "s", "escape", "P", "enter", "escape", "g"):
            await press(pilot, key)
            assert_calm(painted(app))
        assert app.is_running


def test_a_trial_leaves_nothing_behind(unsplit: Workspace) -> None:
    with Store(unsplit) as store:
        version = split(store, Request(NAME, SplitSettings()))
        before = sorted(path for path in unsplit.root.rglob("*") if path.is_file())
        seen = trial.tried_export(store, version, format="csv", folder=None, license=None)
        after = sorted(path for path in unsplit.root.rglob("*") if path.is_file())
    assert before == after and [change for _, change, _ in seen.files] == ["add"] * 3
