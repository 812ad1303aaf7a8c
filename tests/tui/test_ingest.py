"""Facts about bringing files in: naming them, the sheet that shows what they would become, and the count after it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual import events

from tests.tui.pilots import HOSTILE, Piloted, painted, press, settle, until
from workbench.store.store import Store
from workbench.tui.app import WorkbenchApp
from workbench.tui.desk import Desk
from workbench.tui.screens.corpora import CorporaScreen
from workbench.tui.screens.ingest import IngestedSheet, IngestSheet
from workbench.tui.screens.open import OpenSheet
from workbench.tui.screens.sheets import ErrorSheet
from workbench.tui.widgets.choice_table import ChoiceTable
from workbench.workspace import Workspace

SIZES = [(80, 24), (140, 40)]


@pytest.fixture
def app(tmp_path: Path) -> WorkbenchApp:
    return WorkbenchApp(Desk(Workspace.create(tmp_path / "bench", with_samples=False)))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "faq list.csv"
    path.write_text("frage;antwort\nWie?;So\nWer?;Ich\nzu;viele;zellen\nWann?;Nie\n", encoding="utf-8")
    return path


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "facts.jsonl"
    rows = [{"question": f"What is {n}?", "answer": f"The number {n}"} for n in range(30)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


async def paste(pilot: Piloted, text: str) -> None:
    pilot.app.post_message(events.Paste(text))
    await settle(pilot)


async def looked(pilot: Piloted) -> None:
    """Wait until the sheet has looked at what was chosen last."""
    sheet = pilot.app.screen
    assert isinstance(sheet, IngestSheet)
    await until(pilot, lambda: sheet._looked_at == (sheet.order, sheet.number))
    await settle(pilot)


async def go_to(pilot: Piloted, label: str) -> None:
    """Put the cursor on a choice."""
    choices = pilot.app.screen.query_one(ChoiceTable)
    choices.focus()
    choices.cursor = [choice.label for choice in choices.choices].index(label)
    await pilot.pause()


def chosen(app: WorkbenchApp) -> dict[str, str]:
    return {choice.label: choice.value for choice in app.screen.query_one(ChoiceTable).choices}


@pytest.mark.parametrize("size", SIZES)
async def test_a_file_is_opened_by_its_path_and_taken_in(app: WorkbenchApp, lines: Path, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await press(pilot, "o")
        await paste(pilot, str(lines))
        await press(pilot, "enter")
        assert isinstance(app.screen, IngestSheet)
        await looked(pilot)
        assert "30 rows tried: every one becomes a record" in painted(app)
        assert "The number 4" in painted(app) and "The number 5" not in painted(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, IngestedSheet)
        assert "read 30 = kept 30 + merged 0 + quarantined 0" in painted(app)
        with Store(app.desk.workspace) as store:
            assert store.corpora() == ["facts"]


async def test_tab_completes_a_path(app: WorkbenchApp, lines: Path) -> None:
    async with app.run_test(size=(140, 30)) as pilot:
        await press(pilot, "o")
        await paste(pilot, str(lines.parent / "fa"))
        await press(pilot, "c", "tab")
        assert str(lines) in painted(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, IngestSheet)


async def test_a_path_that_is_no_file_stays_to_be_mended(app: WorkbenchApp, lines: Path) -> None:
    async with app.run_test(size=(140, 30)) as pilot:
        await press(pilot, "o")
        await paste(pilot, str(lines)[:-1])
        await press(pilot, "enter")
        assert isinstance(app.screen, OpenSheet) and "no file" in painted(app)
        await press(pilot, "l", "enter")
        assert isinstance(app.screen, IngestSheet)


@pytest.mark.parametrize("form", ["{}", "'{}'", "file://{}", "  {}\n"])
async def test_a_pasted_path_opens_the_sheet(app: WorkbenchApp, table: Path, form: str) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        path = str(table).replace(" ", "%20") if form.startswith("file") else str(table)
        await paste(pilot, form.format(path))
        assert isinstance(app.screen, IngestSheet)
        assert "Take in faq list.csv" in painted(app)


async def test_a_pasted_text_that_is_no_path_says_so(app: WorkbenchApp) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        await paste(pilot, "just words")
        assert isinstance(app.screen, ErrorSheet) and "no file" in painted(app)


async def test_what_is_missing_is_chosen_with_the_arrows_and_shown_at_once(app: WorkbenchApp, table: Path) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await paste(pilot, str(table))
        await looked(pilot)
        assert "gives qa.question" in painted(app) and "Wie?" in painted(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, IngestSheet), "an order that cannot be carried out does not leave the sheet"
        await press(pilot, "right", "down", "right", "right")
        await looked(pilot)
        assert (chosen(app)["question"], chosen(app)["answer"]) == ("frage", "antwort")
        assert "4 rows tried: 1 would go to quarantine; row 3: 3 cells" in painted(app)
        await press(pilot, "enter")
        assert "read 4 = kept 3 + merged 0 + quarantined 1" in painted(app)


async def test_keys_that_come_at_once_are_all_heard(app: WorkbenchApp, table: Path) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await paste(pilot, str(table))
        await looked(pilot)
        for action in ("cycle(1)", "move(1)", "cycle(1)", "cycle(1)"):
            await app.screen.query_one(ChoiceTable).run_action(action)
        await settle(pilot)
        await looked(pilot)
        assert (chosen(app)["question"], chosen(app)["answer"]) == ("frage", "antwort")


async def test_enter_right_after_a_key_takes_in_what_was_chosen(app: WorkbenchApp, lines: Path) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await paste(pilot, str(lines))
        await looked(pilot)
        await go_to(pilot, "split")
        await press(pilot, "right", "enter")
        await until(pilot, lambda: isinstance(app.screen, IngestedSheet))
        await settle(pilot)
        with Store(app.desk.workspace) as store:
            (source,) = store.corpus("facts").sources
            assert source.split == "train"


async def test_name_and_expression_are_typed(app: WorkbenchApp, lines: Path) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await paste(pilot, str(lines))
        await looked(pilot)
        await go_to(pilot, "corpus")
        await press(pilot, "e", "ctrl+u", *"numbers", "enter")
        await go_to(pilot, "answer")
        await press(pilot, "e", "end", "ctrl+u", *"{answer}, no doubt", "enter")
        await looked(pilot)
        assert "The number 3, no doubt" in painted(app) and "more than one field" not in painted(app)
        await go_to(pilot, "answer")
        await press(pilot, "e", "end", "ctrl+u", *"{question} {answer}", "enter")
        await looked(pilot)
        assert "? column question goes to more than one field: question, answer" in painted(app)
        await press(pilot, "enter")
        with Store(app.desk.workspace) as store:
            assert store.corpora() == ["numbers"]


async def test_a_name_that_no_corpus_can_have_is_said_and_can_be_mended(app: WorkbenchApp, lines: Path) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await paste(pilot, str(lines))
        await looked(pilot)
        await go_to(pilot, "corpus")
        await press(pilot, "e", "ctrl+u", *"../x", "enter")
        await looked(pilot)
        assert "no name for a corpus" in painted(app)
        assert "corpus" in chosen(app)


async def test_a_file_that_no_reader_takes_says_why(app: WorkbenchApp, tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(b"PK\x03\x04" + bytes(99))
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        await paste(pilot, str(archive))
        await looked(pilot)
        assert "zip archive" in painted(app) and "unpack it first" in painted(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, IngestSheet)
        await press(pilot, "escape")
        assert isinstance(app.screen, CorporaScreen)


async def test_several_files_are_looked_at_one_by_one_and_taken_in_together(app: WorkbenchApp, lines: Path) -> None:
    (lines.parent / "more.jsonl").write_text('{"question": "Really?", "answer": "Yes"}\n', encoding="utf-8")
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await paste(pilot, str(lines.parent / "*.jsonl"))
        await looked(pilot)
        assert "Take in facts.jsonl  1 of 2 files" in painted(app)
        await press(pilot, "right_square_bracket")
        await looked(pilot)
        assert "Take in more.jsonl  2 of 2 files" in painted(app) and "Really?" in painted(app)
        await press(pilot, "enter")
        assert "kept 30" in painted(app) and "kept 1 " in painted(app)


async def test_hostile_values_on_the_sheet_do_nothing(app: WorkbenchApp, tmp_path: Path) -> None:
    path = tmp_path / "[oops] [@click=app.quit].jsonl"
    rows = [{"question": f"q {text}", "answer": text, f"c {text}": text} for text in HOSTILE]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await paste(pilot, str(path))
        await looked(pilot)
        assert "[/INST]" in painted(app) and "[oops] [@click=app.quit].jsonl" in painted(app)
        assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(painted(app))
        for label in ("answer", "key"):
            await go_to(pilot, label)
            await press(pilot, *["right"] * 5, "e")
            assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(painted(app))
            await press(pilot, "escape")
        assert app.is_running and isinstance(app.screen, IngestSheet)


async def test_esc_leaves_one_step_at_a_time(app: WorkbenchApp, lines: Path) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        await paste(pilot, str(lines))
        await looked(pilot)
        await press(pilot, "e", "escape")
        assert isinstance(app.screen, IngestSheet)
        await press(pilot, "escape")
        assert isinstance(app.screen, CorporaScreen)
        await press(pilot, "o", "escape")
        assert isinstance(app.screen, CorporaScreen)
        with Store(app.desk.workspace) as store:
            assert store.corpora() == []


async def test_a_second_click_on_a_choice_types_it(app: WorkbenchApp, lines: Path) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await paste(pilot, str(lines))
        await looked(pilot)
        for _ in range(2):
            await pilot.click("#choices", offset=(5, 1))
            await settle(pilot)
        assert app.screen.query_one("#typed").display
