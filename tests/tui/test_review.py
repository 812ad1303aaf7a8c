"""Facts about the review queue: why each record stands there, and one key for what becomes of it."""

from __future__ import annotations

from tests.tui.pilots import Open, Piloted, open_records, painted, press, settle
from tests.tui.scored import measured_run
from workbench.services.checking.review import queue
from workbench.store.store import Store
from workbench.tui.screens.edit import EditSheet
from workbench.tui.screens.records import RecordsScreen
from workbench.tui.screens.review import ReviewScreen
from workbench.workspace import Workspace


async def open_review(pilot: Piloted) -> ReviewScreen:
    """Open the queue from the records."""
    await open_records(pilot)
    await press(pilot, "Q")
    assert isinstance(pilot.app.screen, ReviewScreen)
    return pilot.app.screen


def kinds(workspace: Workspace) -> list[str]:
    """Return the kinds of the rows that a person wrote."""
    with Store(workspace) as store:
        return [row.kind for row in store.catalogue.rows("towns", kinds=("edit", "review"))]


async def test_each_record_says_why_it_stands_here(opened: Open, workspace: Workspace) -> None:
    measured_run(workspace)
    app = opened()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_review(pilot)
        text = painted(app)
        assert "3 of 15 records ask for a look" in text and "losses of one" in text
        assert "nats a token, where " in text
        assert {row["rule"] for row in screen.rows} == {None, "empty-answer", "mojibake"}
        assert "why it stands here" in text and " x" in text


async def test_one_key_accepts_fixes_drops_and_skips_and_undo_brings_back(opened: Open, workspace: Workspace) -> None:
    measured_run(workspace)
    app = opened()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_review(pilot)
        rules = [row["rule"] for row in screen.rows]
        for rule in rules:
            at = rules.index(rule)
            screen.query_one("#waiting").cursor = at
            await press(pilot, {None: "a", "mojibake": "f", "empty-answer": "x"}[rule])
        assert set(screen.outcomes.values()) == {"accepted", "fixed", "dropped"}
        assert "0 of 15 records ask for a look" in painted(app)
        assert sorted(kinds(workspace)) == ["edit", "edit", "review"]
        with Store(workspace) as store:
            assert queue(store, "towns").rows.height == 0
        await press(pilot, "u")
        assert len(screen.outcomes) == 2 and "1 of 15 records" in painted(app)
        await press(pilot, "s")
        assert "skipped" in painted(app) and len(kinds(workspace)) == 4


async def test_what_is_done_again_waits_no_longer(opened: Open, workspace: Workspace) -> None:
    app = opened()
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        screen = await open_review(pilot)
        record = screen.row["record"]
        await press(pilot, "x", "u")
        assert record not in screen.outcomes and screen.row["record"] == record
        await press(pilot, "U")
        assert screen.outcomes[record] == "dropped" and "1 of 15 records ask" in painted(app)
        await press(pilot, "U")
        assert "no change is left to do again" in painted(app)


async def test_a_record_read_before_the_last_change_is_read_again(opened: Open, workspace: Workspace) -> None:
    app = opened()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_review(pilot)
        before, found = screen.contents, screen.detail
        screen.refresh_data()
        await settle(pilot)
        assert screen.contents is not before
        screen._take_record(before, found.shown.record, None)  # it comes late
        await settle(pilot)
        assert screen.detail is not None and screen.detail is not found and "is gone" not in painted(app)


async def test_where_no_fix_is_suggested_the_record_is_opened_to_be_edited(opened: Open, workspace: Workspace) -> None:
    measured_run(workspace)
    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_review(pilot)
        screen.query_one("#waiting").cursor = [row["rule"] for row in screen.rows].index(None)
        await press(pilot, "f")
        assert isinstance(app.screen, EditSheet)
        await press(pilot, "escape", "enter")
        assert "question" in painted(app)
        await press(pilot, "escape", "o")
        assert isinstance(app.screen, RecordsScreen) and "1 of 15 records" in painted(app)


async def test_from_a_queue_opened_at_home_a_record_is_opened_in_data(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pilot.app.screen.go_to("towns")
        await press(pilot, "Q")
        assert isinstance(app.screen, ReviewScreen)
        await press(pilot, "o")
        assert isinstance(app.screen, RecordsScreen) and "1 of 15 records" in painted(app)


async def test_the_queue_goes_by_loss_by_gain_and_by_heart_one_after_the_other(
    opened: Open, workspace: Workspace
) -> None:
    measured_run(workspace)
    app = opened()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_review(pilot)
        waiting = screen.rows
        await press(pilot, "v")
        assert "8 of 15 records, highest loss" in painted(app)
        losses = [row["loss"] for row in screen.rows]
        assert losses == sorted(losses, reverse=True)
        await press(pilot, "v")
        assert ", least improved" in painted(app) and "improved by" in painted(app)
        await press(pilot, "v")
        assert "0 of 15 records, learned by heart" in painted(app) and "v goes on" in painted(app)
        await press(pilot, "v")
        assert screen.rows == waiting


async def test_an_empty_queue_says_what_would_stand_there(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_review(pilot)
        await press(pilot, "x", "x")
        assert "0 of 15 records ask for a look" in painted(app) and screen.queue.run is None
        await press(pilot, "r")
        assert "Nothing asks for a look." in painted(app)
        await press(pilot, "a")
        assert "no record here" in painted(app)
