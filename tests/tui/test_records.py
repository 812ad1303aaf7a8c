"""Facts about the records screen: views, search, filter, order, marks, panes."""

from __future__ import annotations

import pytest

from tests.tui.pilots import Open, counts, open_records, painted, press, settle, to_view
from workbench.corpus import SplitSettings
from workbench.services.intake.ingest import Order, ingest
from workbench.services.looking import contents, issue_rows, preparing
from workbench.services.versions.split import Request, split
from workbench.store.store import Store
from workbench.tui.screens.data.sheets import RawSheet
from workbench.tui.screens.records import RecordsScreen
from workbench.tui.widgets.key_bar import KeyBar
from workbench.workspace import Workspace

WIDE = (140, 40)


def signs(screen: RecordsScreen) -> list[str]:
    """Return what stands before each row of the table."""
    return [str(row[0]) for row in screen.table.source.window(0, screen.table.source.n_rows)]


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
        assert app.screen.table.cursor == 14


async def test_views_count_issues_duplicates_and_quarantine(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        assert counts(screen) == {
            "all": 15,
            "issues": 2,
            "rule:empty-answer": 1,
            "rule:mojibake": 1,
            "duplicates": 1,
            "quarantine": 1,
        }
        await to_view(pilot, screen, "issues")
        assert "issues: 2 of 15 records" in painted(app)
        await to_view(pilot, screen, "duplicates")
        assert "duplicate of" in painted(app)
        await to_view(pilot, screen, "quarantine")
        assert "quarantine: 1 of 1 row" in painted(app)
        assert '{"question": "torn' in painted(app)


async def test_find_narrows_to_what_holds_the_text_and_escape_ends_it(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_records(pilot)
        await press(pilot, "slash", *"CARTHAGE", "enter")
        assert "all: 1 of 15 records  with 'CARTHAGE'" in painted(app)
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


async def test_a_search_in_quarantine_shows_what_it_found_and_e_brings_that_back(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_records(pilot)
        await to_view(pilot, screen, "quarantine")
        assert "quarantine: 1 of 1 row  e brings it back" in painted(app)
        await press(pilot, "slash", *"zebra", "enter")
        assert screen.table.source.n_rows == 0 and "Nothing holds 'zebra'" in painted(app)
        await press(pilot, "escape", "slash", *"torn", "enter", "e")
        assert '{"question": "torn' in painted(app) and "one JSON object" in painted(app)


async def test_a_view_whose_last_record_went_stays_so_that_the_next_key_hits_no_other(
    opened: Open, workspace: Workspace
) -> None:
    app = opened()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_records(pilot)
        await to_view(pilot, screen, "rule:empty-answer")
        await press(pilot, "x")
        assert "issue empty-answer: 0 of 14 records" in painted(app) and "breaks this rule any more" in painted(app)
        assert screen.views.view == screen.lens.view and len({line.view for line in screen.views.lines}) == len(
            screen.views.lines
        )
        await press(pilot, "x")
        assert "no record here" in painted(app)
        await press(pilot, "v")
        assert screen.lens.view == "rule:mojibake"
    with Store(workspace) as store:
        assert len(store.catalogue.rows("towns", kinds=("edit",))) == 1


async def test_the_line_of_keys_promises_no_key_that_a_text_would_take(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_records(pilot)
        assert [(key.name, key.what) for key in screen.query_one(KeyBar).keys][-1] == ("?", "Keys")
        await press(pilot, "slash")
        assert [(key.name, key.what) for key in screen.query_one(KeyBar).keys] == [("f1", "Keys")]


async def test_after_a_split_each_side_is_a_view(opened: Open, workspace: Workspace) -> None:
    with Store(workspace) as store:
        made = split(store, Request("towns", SplitSettings())).counts
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await to_view(pilot, screen, "split:train")
        assert f"towns v1  train: {made['train']} of 15 records" in painted(app)
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
        assert screen.query_one("#views").display


async def test_a_second_click_on_a_row_opens_it(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_records(pilot)
        await pilot.click("#records", offset=(10, 3))
        await settle(pilot)
        assert screen.table.cursor == 2
        assert screen.pane == "records"
        await pilot.click("#records", offset=(10, 3))
        await settle(pilot)
        assert screen.pane == "record"


async def test_the_list_of_views_is_walked_with_the_arrows(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "shift+tab", "j", "j", "j")
        assert screen.pane == "views" and screen.lens.view == "issues"
        assert "issues: 2 of 15 records" in painted(app)
        await press(pilot, "j")
        assert "issue empty-answer: 1 of 15 records" in painted(app)
        await press(pilot, "enter")
        assert screen.pane == "records"


async def test_next_issue_and_next_hit_go_through_the_whole_table(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "right_square_bracket")
        assert screen.table.cursor == 12
        await press(pilot, "right_square_bracket", "right_square_bracket")
        assert screen.table.cursor == 13
        assert "no issue below" in painted(app)
        await press(pilot, "left_square_bracket")
        assert screen.table.cursor == 12
        await press(pilot, "slash", *"capital", "enter", "escape", "g", "n")
        assert screen.table.cursor == 2
        await press(pilot, "n", "N")
        assert screen.table.cursor == 2


async def test_a_condition_filters_and_a_wrong_one_is_told_in_its_line(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "colon", *"LENGTH(answ", "right")
        assert screen.finder.text("where") == "LENGTH(answer"
        await press(pilot, *") > 10", "enter")
        assert "all: 1 of 15 records  where LENGTH(answer) > 10" in painted(app)
        await press(pilot, "colon", *" AND", "enter")
        assert "where LENGTH(answer) > 10 AND" in screen.lens.in_words()
        assert "fields: question" in painted(app)
        await press(pilot, "escape")
        assert "all: 15 of 15 records" in painted(app)
        assert "fields: question" not in painted(app)


async def test_s_sorts_up_then_down_then_as_the_records_came(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        first = screen.chosen.shown.record
        await press(pilot, "l", "l", "s", "g")
        assert screen.table.source.window(0, 1)[0][2] == ""
        assert "answer ▲" in painted(app)
        await press(pilot, "s", "g")
        assert screen.table.source.window(0, 1)[0][2] == "York"
        await press(pilot, "s", "g")
        assert screen.chosen.shown.record == first


async def test_hidden_columns_are_remembered_without_a_row_of_the_log(opened: Open, workspace: Workspace) -> None:
    with Store(workspace) as store:
        head = store.catalogue.head("towns")
    for keys in (("c", "space", "escape"), ()):
        app = opened()
        async with app.run_test(size=(120, 36)) as pilot:
            screen = await open_records(pilot)
            await press(pilot, *keys)
            assert "question" not in [column.label for column in screen.table.source.columns]
    with Store(workspace) as store:
        assert store.catalogue.head("towns") == head


async def test_columns_can_be_hidden_but_never_all(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "c", "space", "escape")
        assert [column.label for column in screen.table.source.columns][1] == "answer"
        await press(pilot, "c", *("space", "j") * 9, "escape")
        assert len(screen.table.source.columns) >= 2


async def test_all_of_a_view_are_marked_and_unmarked(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await to_view(pilot, screen, "issues")
        await press(pilot, "asterisk")
        assert counts(screen)["marked"] == 2
        await to_view(pilot, screen, "marked")
        assert "marked: 2 of 15 records" in painted(app)
        await press(pilot, "asterisk")
        assert "marked" not in counts(screen)


async def test_l_shows_the_bytes_that_a_record_was_read_from(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_records(pilot)
        await press(pilot, "L")
        assert isinstance(app.screen, RawSheet)
        assert '"answer": "Brest"' in painted(app)


async def test_z_gives_the_screen_to_one_pane(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "tab", "z")
        assert screen.query_one("#record").display and not screen.query_one("#records").display
        await press(pilot, "z")
        assert screen.query_one("#records").display


async def test_a_large_corpus_says_that_nobody_looked_for_issues_until_somebody_does(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (contents, issue_rows, preparing):
        monkeypatch.setattr(module, "COMPARED", 0)
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        (line,) = [line for line in screen.views.lines if line.view == "issues"]
        assert (line.sign, line.count) == ("?", None)
        await press(pilot, "right_square_bracket")
        assert counts(screen)["issues"] == 2
        await press(pilot, "right_square_bracket")
        assert screen.table.cursor == 12


async def test_records_that_came_in_meanwhile_are_shown_and_marks_are_given_up(
    opened: Open, workspace: Workspace
) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "space")
        path = workspace.corpus_folder("towns") / "rows.jsonl"
        path.write_text(path.read_text(encoding="utf-8") + '{"question": "New?", "answer": "Yes."}\n', encoding="utf-8")
        with Store(workspace) as store:
            ingest(store, Order("towns"))
        screen.refresh_data()
        await settle(pilot)
        assert counts(screen)["all"] == 16
        assert "marked" not in counts(screen)
        assert "the marks are gone" in painted(app)
