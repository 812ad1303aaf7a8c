"""Facts about record text, file names and logs that try to steer the screen: they are shown, and do nothing."""

from __future__ import annotations

import json

import pytest
from textual import events

from tests.tui.pilots import HOSTILE, Open, open_records, painted, press, settle
from workbench.store.edits import body_of
from workbench.store.store import Store
from workbench.text import show
from workbench.training.runs import RunFolder
from workbench.tui.screens.edit import EditSheet
from workbench.tui.screens.records import RecordsScreen
from workbench.tui.widgets.safe_input import SafeTextArea
from workbench.workspace import Workspace

FORBIDDEN = [chr(code) for code in (*range(0x20), 0x7F, *range(0x80, 0xA0), 0x202E) if chr(code) != "\n"]


def assert_calm(text: str) -> None:
    """Fail where a character stands that a terminal obeys."""
    assert [char for char in FORBIDDEN if char in text] == []


async def test_every_hostile_text_is_shown_whole_in_table_and_pane(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(160, 48)) as pilot:
        await open_records(pilot, "hostile")
        for text in HOSTILE:
            await press(pilot, "j")
            # Once in the table, twice in the pane: as question and as option.
            assert painted(app).count(show(text)) >= 3
            assert_calm(painted(app))
        assert app.is_running


async def test_markup_in_a_record_is_no_link(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(160, 48)) as pilot:
        await open_records(pilot, "hostile")
        await press(pilot, "j", "j")
        for row in range(3, 12):
            await pilot.click("#record", offset=(6, row))
        await settle(pilot)
        assert app.is_running and isinstance(app.screen, RecordsScreen)


async def test_hostile_text_is_found_edited_dropped_and_brought_back(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(160, 48)) as pilot:
        await open_records(pilot, "hostile")
        await press(pilot, "slash", *"[/INST]", "enter")
        assert "1 of 9 records  with '[/INST]'" in painted(app)
        keys = [
            "e",
            "escape",
            "f",
            "x",
            "u",
            "U",
            "u",
            "s",
            "s",
            "c",
            "escape",
            "L",
            "escape",
            "question_mark",
            "escape",
        ]
        for key in [*keys, "asterisk", "x", "escape", "z", "z", "tab", "shift+tab", "colon", "[", "enter", "escape"]:
            await press(pilot, key)
            assert_calm(painted(app))
        assert app.is_running


async def test_a_text_with_hidden_characters_is_edited_as_json_and_stays_itself(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(160, 48)) as pilot:
        screen = await open_records(pilot, "hostile")
        await press(pilot, *"jjjj")
        before = screen.chosen.shown.fields
        assert "\x1b" in before["question"]
        await press(pilot, "e", "shift+tab", "g", "tab")
        assert isinstance(app.screen, EditSheet)
        assert "\\u001b[5;5Hmoved" in painted(app)
        assert_calm(painted(app))
        await press(pilot, "end", "left", "!", "ctrl+s")
        assert screen.chosen.shown.fields == before | {"question": f"{before['question']}!"}


async def test_pasted_control_characters_become_visible(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(160, 48)) as pilot:
        await open_records(pilot, "hostile")
        await press(pilot, "e")
        app.screen.query_one(SafeTextArea).post_message(events.Paste("a\x1b]52;c;AAAA\x07b"))
        await settle(pilot)
        assert "a␛]52;c;AAAA␇b" in painted(app)
        assert_calm(painted(app))
        await press(pilot, "escape", "escape", "slash")
        app.screen.query_one("#find").post_message(events.Paste("\x1b[2J"))
        await settle(pilot)
        assert "␛[2J" in painted(app)


async def test_quarantined_bytes_are_shown_and_do_nothing(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(160, 48)) as pilot:
        screen = await open_records(pilot, "hostile")
        while screen.lens.view != "quarantine":
            await press(pilot, "v")
        assert painted(app).count("␛[5;5H[/INST] torn") >= 2
        assert_calm(painted(app))
        await press(pilot, "e")
        assert "␛[5;5H[/INST] torn" in painted(app)
        assert_calm(painted(app))


async def test_a_hostile_record_is_copied_without_a_character_that_acts(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(160, 48)) as pilot:
        screen = await open_records(pilot, "hostile")
        for text in HOSTILE:
            await press(pilot, "j", "y")
            assert json.loads(app.clipboard)["question"] == f"q {text}" == screen.chosen.shown.fields["question"]
            assert_calm(app.clipboard)


async def test_hostile_text_is_dropped_and_settled_behind_calm_sheets(opened: Open, workspace: Workspace) -> None:
    hostile = "\x1b]52;c;AAAA\x07[/INST][bold"
    with Store(workspace) as store:
        record = str(store.state(store.corpus("hostile")).records["id"][0])
        store.catalogue.append(("edit", "hostile", record, body_of("note", "gone", hostile, hostile)))
    app = opened()
    async with app.run_test(size=(160, 48)) as pilot:
        screen = await open_records(pilot, "hostile")
        while screen.lens.view != "conflicts":
            await press(pilot, "v")
        assert show(hostile) in painted(app)
        assert_calm(painted(app))
        await press(pilot, "e")
        assert show(hostile) in painted(app)
        assert_calm(painted(app))


@pytest.mark.parametrize("text", HOSTILE)
async def test_a_hostile_log_is_shown_and_does_nothing(opened: Open, workspace: Workspace, text: str) -> None:
    run = RunFolder.create(workspace.runs / "first")
    run.set_state("failed", f"because {text}")
    run.log.write_text(f"begin {text}\n", encoding="utf-8")
    app = opened()
    async with app.run_test(size=(160, 48)) as pilot:
        await settle(pilot)
        await press(pilot, "t")
        assert "because" in painted(app) and "begin" in painted(app)
        assert_calm(painted(app))


async def test_a_hostile_corpus_file_is_reported_and_does_nothing(opened: Open, workspace: Workspace) -> None:
    workspace.corpus_file("waiting").write_text('schema: "[/INST]\\e]52;c;AAAA\\a"\n', encoding="utf-8")
    app = opened()
    async with app.run_test(size=(160, 48)) as pilot:
        await settle(pilot)
        await press(pilot, "G", "i")
        assert "[/INST]" in painted(app)
        assert_calm(painted(app))
