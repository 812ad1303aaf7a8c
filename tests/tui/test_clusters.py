"""Facts about the clusters screen: look, move the threshold, judge, take back; conflicts stay; texts do nothing."""

from __future__ import annotations

import json

import pytest

from tests.corpora import fact, long_fact, near, words
from tests.tui.pilots import HOSTILE, Open, Piloted, declare, painted, press, settle
from tests.tui.test_hostile import assert_calm
from workbench.services.checking import curate as curating
from workbench.services.checking.curate import curate
from workbench.services.intake.ingest import Order, ingest
from workbench.store.store import Store
from workbench.text import show
from workbench.tui.screens.clusters import ClustersScreen
from workbench.tui.screens.confirm import ConfirmSheet
from workbench.tui.widgets.cluster_pane import ClusterPane
from workbench.tui.widgets.threshold_bar import FLOOR, STEP
from workbench.workspace import Workspace

WIDE, NARROW = (150, 44), (80, 24)
BASE = long_fact(1)
NEAR = {"question": f"{BASE['question']} tail", "answer": BASE["answer"]}
ASKED = {"question": words("asked", 12)}
ROWS = [BASE, NEAR, ASKED | {"answer": "yes"}, ASKED | {"answer": "no"}, *(fact(i) for i in range(10, 16))]


@pytest.fixture
def twins(workspace: Workspace) -> Workspace:
    """The workspace with a corpus of one redundant pair, one that is so at a lower threshold, and a conflict."""
    declare(workspace, "twins", [json.dumps(row) for row in [*ROWS, long_fact(2), near(long_fact(2), words("far", 5))]])
    with Store(workspace) as store:
        ingest(store, Order("twins"))
    return workspace


async def open_clusters(pilot: Piloted, corpus: str = "twins") -> ClustersScreen:
    await settle(pilot)
    screen = ClustersScreen(pilot.app.desk, corpus)
    pilot.app.push_screen(screen)
    await settle(pilot)
    return screen


async def move_to(pilot: Piloted, threshold: float) -> None:
    """Click on the threshold's line."""
    await pilot.click("#bar", offset=(1 + len("J 0.6 ") + round((threshold - FLOOR) / STEP / 2), 0))
    await settle(pilot)


def removed(workspace: Workspace) -> dict[str, str]:
    with Store(workspace) as store:
        return dict(curate(store, "twins").judgement.removed.select("id", "kept").iter_rows())


async def test_clusters_stand_beside_the_one_under_the_cursor_and_its_word_difference(opened: Open, twins) -> None:
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        screen = await open_clusters(pilot)
        said = painted(app)
        assert "all: 3 of 3 clusters" in said and "0.80: 1 goes, 3 clusters" in said
        assert [one.role for one in screen.query_one(ClusterPane).members.listed] == ["leader", "goes"]
        assert "x goes for" in said and "[-tail-]" in said and "answer  same:" in said
        await press(pilot, "v")
        said = painted(app)
        assert "! conflict: the same question" in said and ("[-yes-] {+no+}" in said or "[-no-] {+yes+}" in said)


async def test_the_threshold_recounts_and_compares_no_text(opened: Open, twins, monkeypatch) -> None:
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_clusters(pilot)

        def refuse(*arguments: object) -> None:
            pytest.fail("texts were compared again")

        monkeypatch.setattr(curating, "near_texts", refuse)
        await press(pilot, "minus", "minus")
        assert "0.78: 1 goes, 3 clusters   kept 0.80" in painted(app)
        await move_to(pilot, 0.7)
        assert "0.70: 2 go, 3 clusters   kept 0.80" in painted(app)
        await move_to(pilot, 1.0)
        await press(pilot, "plus")
        assert "1.00: 0 go, 3 clusters   kept 0.80" in painted(app)


async def test_all_at_or_above_the_shown_threshold_go_after_a_look_and_one_undo_brings_them_back(
    opened: Open, twins
) -> None:
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_clusters(pilot)
        await move_to(pilot, 0.7)
        await press(pilot, "A")
        assert isinstance(app.screen, ConfirmSheet)
        said = painted(app)
        assert "now    1 goes, 3 clusters" in said and "then   2 go, 3 clusters" in said and "goes, J 0." in said
        await press(pilot, "escape")
        assert len(removed(twins)) == 1
        await press(pilot, "A", "enter")
        assert len(removed(twins)) == 2 and "0.70: 2 go, 3 clusters" in painted(app)
        await press(pilot, "u")
        assert len(removed(twins)) == 1 and "kept 0.80" in painted(app)
        await press(pilot, "U")
        assert len(removed(twins)) == 2


async def test_a_threshold_that_changes_no_record_is_kept_without_a_question(opened: Open, twins) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_clusters(pilot)
        before = removed(twins)
        await press(pilot, "minus", "A")
        assert not isinstance(app.screen, ConfirmSheet) and removed(twins) == before
        assert "from 0.79 on duplicates go; u takes it back" in painted(app)
        await press(pilot, "u")
        assert "0.79: 1 goes, 3 clusters   kept 0.80" in painted(app)


async def test_accepting_one_cluster_below_the_threshold_leaves_the_others(opened: Open, twins) -> None:
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        screen = await open_clusters(pilot)
        await move_to(pilot, 0.7)
        texts = [screen.compared.text(int(unit)) for unit in screen.found.leaders()]
        row = next(row for row, text in enumerate(texts) if text.startswith(long_fact(2)["question"][:30]))
        await press(pilot, "g", *["j"] * row, "a")
        assert len(removed(twins)) == 2
        await move_to(pilot, 0.8)
        assert "0.80: 2 go, 3 clusters" in painted(app)
        await press(pilot, "u")
        assert len(removed(twins)) == 1


async def test_another_record_is_kept_or_judged_no_duplicate_and_both_are_taken_back(opened: Open, twins) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_clusters(pilot)
        ((gone, kept),) = removed(twins).items()
        await press(pilot, "o")
        assert removed(twins) == {kept: gone}
        await press(pilot, "exclamation_mark")
        assert removed(twins) == {} and "all: 2 of 2 clusters" in painted(app)
        await press(pilot, "u", "u")
        assert removed(twins) == {gone: kept}


async def test_a_conflict_stays_whatever_is_pressed(opened: Open, twins) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_clusters(pilot)
        before = removed(twins)
        await press(pilot, "v")
        assert "conflict: 1 of 3 clusters" in painted(app)
        await press(pilot, "a")
        assert "nothing here is suggested to go" in painted(app)
        await press(pilot, "o")
        assert "this record stays already" in painted(app) and removed(twins) == before


async def test_a_text_finds_its_cluster_and_escape_ends_the_search(opened: Open, twins) -> None:
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_clusters(pilot)
        await press(pilot, "slash", *words("asked", 12).split()[0].upper(), "enter")
        assert "all: 1 of 3 clusters with" in painted(app)
        await press(pilot, "escape")
        assert "all: 3 of 3 clusters" in painted(app)


async def test_hits_of_a_search_that_was_ended_are_not_shown_and_nothing_is_judged_meanwhile(
    opened: Open, twins
) -> None:
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        screen = await open_clusters(pilot)
        screen.wanted = words("asked", 12).split()[0]
        screen._narrow()
        assert screen._row is None  # the place of the cursor is that of another list
        screen.action_accept()
        screen._end_search()
        await settle(pilot)
        assert "all: 3 of 3 clusters" in painted(app)
        assert screen._row == 0
        with Store(app.desk.workspace) as store:
            assert store.catalogue.rows("twins", kinds=("judgement",)) == []


async def test_a_narrow_terminal_shows_one_pane_at_a_time(opened: Open, twins) -> None:
    app = opened()
    async with app.run_test(size=NARROW) as pilot:
        await open_clusters(pilot)
        assert "begins with" in painted(app) and "x goes for" not in painted(app)
        await press(pilot, "enter")
        assert "x goes for" in painted(app) and "? Keys" in painted(app)
        await press(pilot, "escape")
        assert "x goes for" not in painted(app)


async def test_a_corpus_without_duplicates_says_so(opened: Open, workspace: Workspace) -> None:
    declare(workspace, "lone", [json.dumps(fact(1))])
    with Store(workspace) as store:
        ingest(store, Order("lone"))
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_clusters(pilot, "lone")
        assert "No record stands twice." in painted(app)
        for key in ("a", "A", "o", "exclamation_mark", "x", "minus", "enter", "escape", "u", "v"):
            await press(pilot, key)
        assert app.is_running


async def test_hostile_duplicates_are_shown_and_do_nothing(opened: Open, workspace: Workspace) -> None:
    rows = []
    for number, text in enumerate(HOSTILE):
        question = f"{text} {words(number, 20)}"
        rows += [{"question": question, "answer": text}, {"question": f"{question} {text}", "answer": text}]
    declare(workspace, "twins", [json.dumps(row) for row in rows])
    with Store(workspace) as store:
        ingest(store, Order("twins"))
    app = opened()
    async with app.run_test(size=WIDE) as pilot:
        await open_clusters(pilot)
        for text in HOSTILE:
            assert show(" ".join(text.split())) in painted(app)
        for key in ("minus", "j", "tab", "k", "A", "escape", "a", "u", "o", "exclamation_mark", "slash"):
            await press(pilot, key)
            assert_calm(painted(app))
        assert app.is_running
