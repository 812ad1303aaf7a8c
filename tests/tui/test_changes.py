"""Facts about changing records on the screen: edit, fix, drop, settle, bring back, take back, do again."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from textual.widgets import TextArea

from tests.tui.pilots import Open, counts, open_records, painted, press, settle, to_view, until
from workbench.errors import OutsideError
from workbench.services.checking.check import check
from workbench.services.records.editing import edit
from workbench.services.records.undo import undo
from workbench.store.edits import body_of
from workbench.store.store import Store
from workbench.tui import editor
from workbench.tui.screens.confirm import ConfirmSheet
from workbench.tui.screens.data.sheets import ReadmitSheet
from workbench.tui.screens.edit import EditSheet
from workbench.tui.screens.records import RecordsScreen
from workbench.tui.screens.sheets import ErrorSheet
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


def signs(screen: RecordsScreen) -> list[str]:
    """Return what stands before each row of the table."""
    return [str(row[0]) for row in screen.table.source.window(0, screen.table.source.n_rows)]


async def open_options(pilot) -> EditSheet:
    """Open the list field of the first record of `hostile`, which holds no fault."""
    await open_records(pilot, "hostile")
    await press(pilot, "e", "shift+tab", "j", "tab")
    assert isinstance(pilot.app.screen, EditSheet)
    assert pilot.app.screen.field == "options"
    return pilot.app.screen


def in_an_editor(monkeypatch: pytest.MonkeyPatch, change: Callable[[str], str]) -> list[Path]:
    """Stand in for the person's editor; return the files it was given."""
    seen: list[Path] = []

    def edited(_app: object, path: Path) -> str:
        seen.append(path)
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
        return path.read_text(encoding="utf-8")

    monkeypatch.setattr(editor, "edited", edited)
    return seen


def by_answer(store: Store, answer: str) -> str:
    return str(store.state(store.corpus("towns")).records.filter(answer=answer)["id"][0])


async def test_marks_stand_for_errors_duplicates_and_edits(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        marks = signs(screen)
        assert sorted([marks[0], marks[14]]) == ["", "="]
        assert [marks[12], marks[13]] == ["!", "!"]


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
        assert signs(screen)[12] == "*"


async def test_a_list_is_edited_as_json(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        sheet = await open_options(pilot)
        text = sheet.query_one(TextArea)
        assert json.loads(text.text) == ["Baltic", "Mediterranean"]
        text.load_text('["Baltic", "Mediterranean", "Red Sea"]')
        await press(pilot, "ctrl+s")
        assert isinstance(app.screen, RecordsScreen)
        assert app.screen.chosen.shown.fields["options"] == ["Baltic", "Mediterranean", "Red Sea"]


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
        gone = screen.chosen.shown.record
        await press(pilot, "x")
        assert heights(workspace) == (14, 1)
        assert screen.chosen.shown.record != gone
        assert screen.table.cursor == 1
        await to_view(pilot, screen, "dropped")
        assert screen.chosen.shown.record == gone
        await press(pilot, "u")
        assert heights(workspace) == (15, 0)
        await press(pilot, "u")
        assert "no change is left to take back" in painted(app)


async def test_marked_records_are_dropped_together_after_a_question(opened: Open, workspace: Workspace) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "space", "j", "j", "V")
        assert "3 marked" not in painted(app) and "4 marked" in painted(app)
        await press(pilot, "x")
        assert isinstance(app.screen, ConfirmSheet)
        assert "Drop 4 records?" in painted(app) and "and 1 more" in painted(app)
        await press(pilot, "escape")
        assert heights(workspace) == (15, 0)
        await press(pilot, "x", "enter")
        assert heights(workspace) == (11, 4)
        assert counts(screen)["dropped"] == 4
        await press(pilot, "u")
        assert heights(workspace) == (15, 0)
        await press(pilot, "U")
        assert heights(workspace) == (11, 4)
        await press(pilot, "U")
        assert "no change is left to do again" in painted(app)


async def test_a_fix_is_previewed_for_all_alike(opened: Open, workspace: Workspace) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await to_view(pilot, screen, "rule:mojibake")
        await press(pilot, "F")
        assert isinstance(app.screen, ConfirmSheet)
        assert "Fix mojibake in 1 place?" in painted(app) and "café crème" in painted(app)
        await press(pilot, "enter")
        assert "mojibake" not in rules(workspace)


async def test_marked_records_are_edited_as_one_file(
    opened: Open, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = in_an_editor(monkeypatch, lambda text: text.replace("Brest", "Brest!").replace("Dakar", "Dakar!"))
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_records(pilot)
        await press(pilot, "space", "space", "E")
        with Store(workspace) as store:
            answers = check(store, "towns")[0].records["answer"].to_list()
            assert "Brest!" in answers and "Dakar!" in answers
            assert len(undo(store, "towns")) == 4
        assert not seen[0].exists()


async def test_a_torn_file_from_the_editor_is_kept_and_named(
    opened: Open, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = in_an_editor(monkeypatch, lambda text: f"{text}\n: [ torn")
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_records(pilot)
        await press(pilot, "E")
        assert isinstance(app.screen, ErrorSheet)
        assert seen[0].name in painted(app).replace("│", "").replace("\n", "").replace(" ", "")
        assert "Brest" in seen[0].read_text(encoding="utf-8")
        with Store(workspace) as store:
            assert store.catalogue.rows("towns", kinds=("edit",)) == []
    seen[0].unlink()


async def test_what_was_written_over_an_edit_of_somebody_else_is_refused_and_kept(
    opened: Open, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(text: str) -> str:
        with Store(workspace) as store:
            edit(store, "towns", by_answer(store, "Brest"), {"answer": "theirs"})
        return text.replace("Brest", "mine")

    seen = in_an_editor(monkeypatch, change)
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_records(pilot)
        await press(pilot, "E")
        assert isinstance(app.screen, ErrorSheet)
        assert seen[0].name in painted(app).replace("│", "").replace("\n", "").replace(" ", "")
    assert "mine" in seen[0].read_text(encoding="utf-8")
    with Store(workspace) as store:
        assert by_answer(store, "theirs")
    seen[0].unlink()


async def test_a_sheet_over_an_edit_of_somebody_else_is_not_saved(opened: Open, workspace: Workspace) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_records(pilot)
        await press(pilot, "e", "shift+tab", "j", "tab")
        sheet = app.screen
        assert isinstance(sheet, EditSheet)
        with Store(workspace) as store:
            edit(store, "towns", sheet.shown.record, {sheet.field: "theirs"})
        sheet.query_one(TextArea).load_text("mine")
        await press(pilot, "ctrl+s")
        assert app.screen is sheet and "changed meanwhile" in painted(app)
        assert sheet.query_one(TextArea).text == "mine"


async def test_a_second_save_and_a_second_thought_wait_for_the_first(opened: Open, workspace: Workspace) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "e")
        sheet = app.screen
        assert isinstance(sheet, EditSheet)
        sheet.query_one(TextArea).load_text("Which town was saved once?")
        await pilot.pause()
        for action in (sheet.action_save, sheet.action_save, sheet.action_leave, sheet.action_leave):
            action()
        await settle(pilot)
        assert app.screen is screen and "Which town was saved once?" in painted(app)


async def test_a_file_that_the_editor_took_away_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Calm:
        def suspend(self) -> AbstractContextManager[None]:
            return nullcontext()

        def refresh(self) -> None:
            """Draw nothing."""

    monkeypatch.setenv("VISUAL", "rm")
    path = tmp_path / "records.yaml"
    path.write_text("- a", encoding="utf-8")
    with pytest.raises(OutsideError, match="cannot read"):
        editor.edited(Calm(), path)


async def test_without_a_terminal_the_editor_is_refused(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await open_records(pilot)
        await press(pilot, "E")
        assert isinstance(app.screen, ErrorSheet)
        assert "edit here, with e" in painted(app)


async def test_a_broken_rule_is_told_while_one_types(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await to_view(pilot, screen, "rule:empty-answer")
        await press(pilot, "e", "B")
        await until(pilot, lambda: "no rule is broken" in painted(app))
        await press(pilot, "backspace", "space")
        await until(pilot, lambda: "! empty-answer: the answer is empty" in painted(app))


async def test_a_quarantined_unit_is_mended_and_comes_back(opened: Open, workspace: Workspace) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await to_view(pilot, screen, "quarantine")
        await press(pilot, "e")
        assert isinstance(app.screen, ReadmitSheet)
        text = app.screen.query_one(TextArea)
        await press(pilot, "ctrl+s")
        assert isinstance(app.screen, ReadmitSheet)
        text.load_text('{"question": ' + "[" * 100_000)
        await press(pilot, "ctrl+s")
        assert isinstance(app.screen, ReadmitSheet)
        text.load_text('{"question": "Which torn row came back?", "answer": "This one."}')
        await press(pilot, "ctrl+s")
        assert heights(workspace) == (16, 0)
        assert "quarantine" not in counts(screen)
        assert counts(screen)["all"] == 16


@pytest.mark.parametrize(("key", "answer"), [("k", "Brest"), ("t", "mine"), ("x", None)])
async def test_an_edit_that_no_longer_fits_is_settled(
    opened: Open, workspace: Workspace, key: str, answer: str | None
) -> None:
    with Store(workspace) as store:
        record = by_answer(store, "York")
        store.catalogue.append(("edit", "towns", record, body_of("answer", "what once stood there", "mine", "")))
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await to_view(pilot, screen, "conflicts")
        assert "the edit wants" in painted(app)
        await press(pilot, "e", key)
        assert "conflicts" not in counts(screen)
    with Store(workspace) as store:
        found = store.state(store.corpus("towns")).records.filter(id=record)["answer"].to_list()
    assert found == {"k": ["York"], "t": ["mine"], "x": []}[key]


async def test_y_copies_the_record_as_json(opened: Open) -> None:
    app = opened()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await open_records(pilot)
        await press(pilot, "y")
        assert json.loads(app.clipboard)["id"] == screen.chosen.shown.record
