"""Facts about the records screen: look, find, edit, fix, drop, take back, cut, train."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.widgets import TextArea

from tests.tui.pilots import Open, open_records, painted, press, settle
from workbench.errors import DataError
from workbench.services.check import check
from workbench.store.store import Store
from workbench.tui.screens.edit import EditSheet
from workbench.tui.screens.records import RecordsScreen
from workbench.tui.screens.sheets import ErrorSheet, VersionSheet
from workbench.tui.screens.train import TrainScreen
from workbench.tui.widgets.virtual_table import VirtualTable
from workbench.workspace import Workspace

WIDE = (140, 40)


def rules(workspace: Workspace) -> set[str]:
    """Return the rules that records of `towns` break."""
    with Store(workspace) as store:
        _, found = check(store, "towns")
        return set(found["rule"])


def heights(workspace: Workspace) -> tuple[int, int]:
    """Return how many records of `towns` are current, and how many dropped."""
    with Store(workspace) as store:
        state, _ = check(store, "towns")
        return state.records.height, state.dropped.height


async def to_view(pilot, screen: RecordsScreen, view: str) -> None:
    """Press v until a view is reached."""
    for _ in screen.snapshot.views:
        if screen.view == view:
            return
        await press(pilot, "v")
    pytest.fail(f"v never reaches {view!r}")


async def test_records_are_listed_beside_the_one_under_the_cursor(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_records(pilot)
        assert "all: 15 of 15 records" in painted(app)
        assert "row 0" in painted(app)
        await press(pilot, "j")
        assert "row 1" in painted(app)
        await press(pilot, "G")
        assert "row 14" in painted(app)
        assert app.screen.query_one(VirtualTable).cursor == 14


async def test_views_count_issues_duplicates_and_quarantine(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        counts = {name: len(places) for name, places in screen.snapshot.views.items()}
        assert {name: count for name, count in counts.items() if count} == {
            "all": 15, "issues": 2, "duplicates": 1, "quarantine": 1
        }  # fmt: skip
        await to_view(pilot, screen, "issues")
        assert "issues: 2 of 15 records" in painted(app)
        await to_view(pilot, screen, "duplicates")
        assert "duplicate of" in painted(app)
        await to_view(pilot, screen, "quarantine")
        assert "quarantine: 1 of 1 units" in painted(app)
        assert '{"question": "torn' in painted(app)


async def test_marks_stand_for_errors_duplicates_and_edits(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        marks = dict(enumerate(screen.snapshot.frame["mark"]))
        assert sorted([marks[0], marks[14]]) == ["", "="]
        assert [marks[12], marks[13]] == ["!", "!"]


async def test_find_narrows_to_what_holds_the_text_and_escape_ends_it(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_records(pilot)
        await press(pilot, "slash", *"CARTHAGE", "enter")
        assert "all: 1 of 15 records with 'CARTHAGE'" in painted(app)
        assert "Tunis" in painted(app)
        await press(pilot, "escape")
        assert "all: 15 of 15 records" in painted(app)


async def test_find_without_a_hit_says_so(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_records(pilot)
        await press(pilot, "slash", *"zebra", "enter")
        assert "all: 0 of 15" in painted(app)
        assert "Nothing holds 'zebra'" in painted(app)
        await press(pilot, "e", "f", "x")
        assert isinstance(app.screen, RecordsScreen)


async def test_an_edit_makes_its_issue_go(opened: Open, workspace: Workspace) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await to_view(pilot, screen, "issues")
        assert "the answer is empty" in painted(app)
        await press(pilot, "e")
        assert isinstance(app.screen, EditSheet)
        await press(pilot, *"Bay", "ctrl+s")
        assert isinstance(app.screen, RecordsScreen)
        assert "the answer is empty" not in painted(app)
        assert "issues: 1 of 15 records" in painted(app)
        assert "empty-answer" not in rules(workspace)
        await to_view(pilot, screen, "all")
        assert "*" in list(screen.snapshot.frame["mark"])


async def open_options(pilot) -> EditSheet:
    """Open the list field of the first record of `hostile`, which holds no fault."""
    await open_records(pilot, "hostile")
    await press(pilot, "e", "shift+tab", "j", "tab")
    assert isinstance(pilot.app.screen, EditSheet)
    assert pilot.app.screen.field == "options"
    return pilot.app.screen


async def test_a_list_is_edited_as_json(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        sheet = await open_options(pilot)
        text = sheet.query_one(TextArea)
        assert json.loads(text.text) == ["Baltic", "Mediterranean"]
        text.load_text('["Baltic", "Mediterranean", "Red Sea"]')
        await press(pilot, "ctrl+s")
        assert isinstance(app.screen, RecordsScreen)
        assert app.screen.chosen.fields["options"] == ["Baltic", "Mediterranean", "Red Sea"]


async def test_bad_json_stays_on_the_sheet_until_it_is_given_up(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        sheet = await open_options(pilot)
        sheet.query_one(TextArea).load_text('["Baltic", ')
        await press(pilot, "ctrl+s")
        assert app.screen is sheet
        assert "'options' is no JSON" in painted(app)
        await press(pilot, "escape")
        assert "not saved yet" in painted(app)
        await press(pilot, "escape")
        assert isinstance(app.screen, RecordsScreen)


async def test_a_value_that_the_service_refuses_stays_on_the_sheet(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        sheet = await open_options(pilot)
        sheet.query_one(TextArea).load_text("[1, 2]")
        await press(pilot, "ctrl+s")
        assert app.screen is sheet
        assert "does not fit the field 'options'" in painted(app)


async def test_fields_keep_their_drafts_while_others_are_looked_at(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        sheet = await open_options(pilot)
        sheet.query_one(TextArea).load_text('["one", "two"]')
        await press(pilot, "shift+tab", "k")
        assert sheet.query_one(TextArea).text == "Which sea lies north of Africa?"
        await press(pilot, "j")
        assert sheet.query_one(TextArea).text == '["one", "two"]'


async def test_f_applies_the_suggested_value_or_drops(opened: Open, workspace: Workspace) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await to_view(pilot, screen, "issues")
        await press(pilot, "f")
        assert heights(workspace) == (14, 1)
        await press(pilot, "f")
        assert "mojibake" not in rules(workspace)
        assert heights(workspace) == (14, 1)


async def test_f_without_a_suggestion_changes_nothing(opened: Open, workspace: Workspace) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_records(pilot)
        await press(pilot, "f")
        assert "nothing is wrong with this record" in painted(app)
        with Store(workspace) as store:
            assert store.catalogue.rows("towns", kinds=("edit",)) == []


async def test_a_dropped_record_leaves_and_undo_brings_it_back(opened: Open, workspace: Workspace) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "j")
        gone = screen.chosen.record
        await press(pilot, "x")
        assert heights(workspace) == (14, 1)
        assert screen.chosen.record != gone
        assert screen.query_one(VirtualTable).cursor == 1
        await to_view(pilot, screen, "dropped")
        assert screen.chosen.record == gone
        await press(pilot, "u")
        assert heights(workspace) == (15, 0)
        await press(pilot, "u")
        assert "no change is left to take back" in painted(app)


async def test_after_a_split_each_side_is_a_view(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "s")
        assert isinstance(app.screen, VersionSheet)
        counts = app.screen.version.counts
        await press(pilot, "escape")
        await to_view(pilot, screen, "train")
        assert f"train: {counts['train']} of 15 records" in painted(app)
        assert "newest version: v1 train" in painted(app)
        assert "towns v1" in painted(app)


async def test_a_narrow_terminal_shows_one_pane_at_a_time(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_records(pilot)
        assert screen.query_one("#records").display and not screen.query_one("#record").display
        await press(pilot, "enter")
        assert screen.query_one("#record").display and not screen.query_one("#records").display
        assert "row 0" in painted(app)
        await press(pilot, "escape")
        assert screen.query_one("#records").display
        await pilot.resize_terminal(120, 30)
        await settle(pilot)
        assert screen.query_one("#records").display and screen.query_one("#record").display


async def test_a_second_click_on_a_row_opens_it(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_records(pilot)
        await pilot.click("#records", offset=(10, 3))
        await settle(pilot)
        assert screen.query_one(VirtualTable).cursor == 2
        assert not screen.has_class("-opened")
        await pilot.click("#records", offset=(10, 3))
        await settle(pilot)
        assert screen.has_class("-opened")


async def test_t_starts_a_training_and_goes_to_its_run(opened: Open) -> None:
    asked: list[str] = []

    def start(place: Workspace, corpus: str) -> Path:
        asked.append(corpus)
        return place.run_folder("towns-v1-tiny-1")

    app = opened(start)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_records(pilot)
        await press(pilot, "T")
        assert asked == ["towns"]
        assert isinstance(app.screen, TrainScreen)
        assert app.screen.run_name == "towns-v1-tiny-1"


async def test_a_training_that_cannot_start_says_what_to_do(opened: Open) -> None:
    def start(place: Workspace, corpus: str) -> Path:
        raise DataError(f"corpus {corpus!r} has no version yet", "run: workbench split towns")

    app = opened(start)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "T")
        assert isinstance(app.screen, ErrorSheet)
        assert "run: workbench split towns" in painted(app)
        await press(pilot, "escape")
        assert app.screen is screen
