"""Facts about typing ahead: what comes in one burst does what the same keys do one by one."""

from __future__ import annotations

import threading

from textual import events

from tests.tui.pilots import Open, Piloted, open_records, painted, settle, until
from tests.tui.test_pty import terminal
from workbench.store.store import Store
from workbench.tui.screens.edit import EditSheet
from workbench.tui.screens.sheets import KeySheet
from workbench.workspace import Workspace

NAMES = {"down": None, "end": None, "ctrl+s": None, "escape": "\x1b", "question_mark": "?", "exclamation_mark": "!"}


def burst(pilot: Piloted, *keys: str) -> None:
    """Post keys without waiting for what any of them does."""
    for key in keys:
        pilot.app.post_message(events.Key(key, NAMES.get(key, key)))


async def test_what_is_typed_behind_the_key_of_a_sheet_goes_into_the_sheet(opened: Open) -> None:
    app = opened()
    async with app.run_test(notifications=True) as pilot:
        await open_records(pilot)
        burst(pilot, "j", "e", "down", "end", "exclamation_mark", "j", "ctrl+s")
        await until(pilot, lambda: "saved 1 field" in painted(app))
        assert not isinstance(app.screen, EditSheet)
    with Store(app.desk.workspace) as store:
        [edit] = store.catalogue.rows("towns", kinds=("edit",))
    assert edit.body["value"].endswith("?!j")


async def test_a_key_behind_the_closing_of_a_sheet_reaches_the_screen_below(opened: Open) -> None:
    app = opened()
    async with app.run_test(notifications=True) as pilot:
        screen = await open_records(pilot)
        burst(pilot, "question_mark", "escape", "j", "question_mark", "escape", "j", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, KeySheet))
        await settle(pilot)
        assert screen.table.cursor == 2


async def test_what_is_typed_behind_a_change_waits_for_it_and_is_not_refused(opened: Open) -> None:
    app = opened()
    async with app.run_test(notifications=True) as pilot:
        await open_records(pilot)
        burst(pilot, "x", "u", "x", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, KeySheet))
    with Store(app.desk.workspace) as store:
        assert [row.body["value"] for row in store.catalogue.rows("towns", kinds=("edit",))] == [True, False, True]


async def test_a_burst_of_drops_drops_the_records_that_slow_keys_drop(opened: Open) -> None:
    app = opened()
    async with app.run_test(notifications=True) as pilot:
        screen = await open_records(pilot)
        assert screen.contents is not None
        first = screen.contents.opened.delivered["id"].to_list()
        burst(pilot, "x", "j", "x", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, KeySheet))
    with Store(app.desk.workspace) as store:
        assert [row.subject for row in store.catalogue.rows("towns", kinds=("edit",))] == [first[0], first[2]]


async def test_what_is_typed_behind_a_saved_edit_is_for_the_table(opened: Open) -> None:
    app = opened()
    async with app.run_test(notifications=True) as pilot:
        screen = await open_records(pilot)
        burst(pilot, "e", "exclamation_mark", "ctrl+s", "j", "j")
        await until(pilot, lambda: screen.table.cursor == 2)


async def test_work_of_a_screen_that_is_gone_holds_no_key(opened: Open) -> None:
    app = opened()
    async with app.run_test(notifications=True) as pilot:
        screen = await open_records(pilot)
        going = threading.Event()
        await app.push_screen(KeySheet([]))
        app.hold_keys(app.screen.run_worker(going.wait, thread=True, exit_on_error=False))
        burst(pilot, "tab")
        await pilot.pause()
        await app.pop_screen()  # as a click does it
        burst(pilot, "j")
        await until(pilot, lambda: screen.table.cursor == 1)
        going.set()


async def test_nothing_takes_the_keyboard_away_for_good(opened: Open) -> None:
    app = opened()
    async with app.run_test(notifications=True) as pilot:
        screen = await open_records(pilot)
        endless = app.run_worker(lambda: None, thread=True, exit_on_error=False)
        app.hold_keys(endless)  # its end is told to no screen, so that nobody releases the keys
        burst(pilot, "j", "j")
        await settle(pilot)
        assert screen.table.cursor == 1
        app._since -= 60
        burst(pilot, "j")
        await until(pilot, lambda: screen.table.cursor == 3)


def test_a_burst_of_bytes_in_a_terminal_opens_a_corpus_and_edits_a_record(workspace: Workspace) -> None:
    with terminal(workspace) as screen:
        screen.until("press s to split")
        screen.press("j\r")
        screen.until("end of Brittany?")
        screen.press("je\x1b[B\x1b[F!\x13")
        screen.until("saved 1 field")
    with Store(workspace) as store:
        [edit] = store.catalogue.rows("towns", kinds=("edit",))
    assert edit.body["value"].endswith("?!")
