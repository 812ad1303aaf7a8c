"""Facts about the widgets alone: a table of any length, a chart of any length, a field as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from tests.tui.pilots import painted, settle
from workbench.errors import UsageError
from workbench.services.looking.column import Column
from workbench.text import show
from workbench.tui.field_text import from_text, is_plain, to_text
from workbench.tui.widgets.loss_chart import LossChart, braille, scaled, squeezed
from workbench.tui.widgets.title_line import Title, TitleLine
from workbench.tui.widgets.virtual_table import BLOCK, BLOCKS, Rows, VirtualTable, fit

MANY = 1_000_000


class Numbers:
    """Rows that say their number, and remember what was asked of them."""

    n_rows = MANY
    columns: Sequence[Column] = (Column("", 2), Column("number", 12), Column("name", 300))

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def window(self, start: int, stop: int) -> list[tuple[object, ...]]:
        self.asked.append((start, stop))
        return [("*", row, f"row {row}") for row in range(start, stop)]


class TableApp(App[None]):
    def __init__(self, source: object) -> None:
        super().__init__()
        self.source = source

    def compose(self) -> ComposeResult:
        yield VirtualTable(self.source, note="nothing here")


async def test_a_million_rows_are_asked_for_in_blocks_around_the_cursor() -> None:
    source = Numbers()
    app = TableApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert source.asked == [(0, BLOCK)]
        await pilot.press("G")
        await settle(pilot)
        assert f"row {MANY - 1}" in painted(app)
        assert len(source.asked) <= 3
        assert max(stop - start for start, stop in source.asked) <= BLOCK


async def test_columns_give_up_what_they_do_not_need_where_the_room_is_small_and_not_before() -> None:
    columns = (Column("", 1), Column("name", 20), Column("count", 12), Column("what was found", 30))
    source = Rows(columns, [("+", "short", 5, "a text of twenty-nine letters")])
    assert source.fitted(67) is columns
    assert [column.width for column in source.fitted(50)] == [1, 5, 5, 29]
    app = TableApp(source)
    async with app.run_test(size=(46, 6)) as pilot:
        await settle(pilot)
        assert "a text of twenty-nine letters" in painted(app)
        await pilot.resize_terminal(80, 6)
        await settle(pilot)
        assert "short" + " " * 16 in painted(app)


async def test_a_number_or_a_word_is_drawn_whole_or_not_at_all_and_a_text_is_cut() -> None:
    cells = ("+", "name " * 4, "cannot tell", "+0.123 to +0.456")
    table = (Column("", 1), Column("name", 20), Column("verdict", 11), Column("95 % interval", 18))
    app = TableApp(Rows(table, [cells]))
    async with app.run_test(size=(45, 6)) as pilot:
        await settle(pilot)
        assert "cannot tell" in painted(app) and "95 %" not in painted(app) and ">" in painted(app)
        await pilot.press("right", "right", "right")
        await settle(pilot)
        assert "+0.123 to +0.456" in painted(app) and "95 % interval" in painted(app)
        await pilot.resize_terminal(16, 6)
        await settle(pilot)
        assert "…" in painted(app)


async def test_old_blocks_are_let_go() -> None:
    app = TableApp(Numbers())
    async with app.run_test(size=(80, 24)) as pilot:
        table = app.query_one(VirtualTable)
        for block in range(2 * BLOCKS):
            table.cursor = block * BLOCK
            await pilot.pause()
        assert len(table._blocks) <= BLOCKS


@pytest.mark.parametrize(
    ("keys", "row"),
    [("j", 1), ("jjk", 1), ("k", 0), ("G", MANY - 1), ("Gg", 0), (("pagedown",), 23), (("ctrl+d", "pageup"), 0)],
)
async def test_keys_move_the_cursor(keys: Sequence[str], row: int) -> None:
    app = TableApp(Numbers())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*keys)
        await settle(pilot)
        assert app.query_one(VirtualTable).cursor == row


async def test_the_cursor_is_always_in_sight() -> None:
    app = TableApp(Numbers())
    async with app.run_test(size=(80, 24)) as pilot:
        table = app.query_one(VirtualTable)
        for row in (500, 3, 999_999, 23, 24):
            table.cursor = row
            await settle(pilot)
            assert f"row {row} " in painted(app)
        await pilot.resize_terminal(80, 8)
        await settle(pilot)
        assert "row 23 " in painted(app)


async def test_the_first_column_stays_when_the_others_scroll() -> None:
    app = TableApp(Numbers())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("l", "l")
        await settle(pilot)
        first = painted(app).splitlines()[1]
        assert first.startswith("* ")
        assert "number" not in painted(app).splitlines()[0]


async def test_arrows_in_the_heading_and_no_bar_below_tell_of_columns_out_of_sight() -> None:
    app = TableApp(Numbers())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        table = app.query_one(VirtualTable)
        heading, *_, last = painted(app).splitlines()
        assert heading.rstrip().endswith(">") and "<" not in heading and "row 22" in last
        table.scroll_to(x=9, animate=False, force=True, immediate=True)
        await settle(pilot)
        assert painted(app).splitlines()[0].startswith("  <") and ">" in painted(app).splitlines()[0]
        table.scroll_to(x=table.max_scroll_x, animate=False, force=True, immediate=True)
        await settle(pilot)
        assert ">" not in painted(app).splitlines()[0]


async def test_a_table_that_fits_has_no_arrows() -> None:
    app = TableApp(Rows((Column("", 2), Column("name", 20)), [("", "x")]))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert not {"<", ">"} & {*painted(app)}


async def test_an_empty_table_shows_its_note() -> None:
    app = TableApp(Rows((Column("", 2), Column("name", 20))))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("j", "G")
        await settle(pilot)
        assert "nothing here" in painted(app)


@pytest.mark.parametrize("value", ["", "short", "x" * 999, "日本語" * 9, "été", "\x1b[2J", "a\u202eb", None, 7, -3.25])
@pytest.mark.parametrize("width", [1, 2, 7, 20])
def test_a_cell_is_exactly_as_wide_as_its_column(value: object, width: int) -> None:
    text = fit(value, width)
    assert cell_len(text) == width
    assert show(text) == text


def test_a_spike_among_half_a_million_points_is_drawn() -> None:
    losses = np.ones(500_000)
    losses[123_456] = 9.0
    lines = braille(np.arange(500_000.0), losses, (40, 10))
    assert [len(line) for line in lines] == [40] * 10
    drawn = [place for place, cell in enumerate(lines[0]) if cell != "\u2800"]
    assert drawn == [round(123_456 / 499_999 * 79) // 2]


def test_fewer_points_keep_what_each_column_of_a_line_reaches() -> None:
    chance = np.random.default_rng(5)
    x, y = np.sort(chance.uniform(0, 900, 3000)), chance.normal(size=3000)
    ends = np.array([x[0], 1000.0])  # the validation split was measured behind the last point
    few, kept = squeezed(x, y, ends, 50)
    assert len(few) == 3 * len(np.unique(scaled(few, ends, 50))) < 3000
    for column in range(50):
        whole, left = y[scaled(x, ends, 50) == column], kept[scaled(few, ends, 50) == column]
        assert len(whole) == 0 or (whole.min(), whole.max(), whole[-1]) == (left.min(), left.max(), left[-1])


def test_few_points_make_an_unbroken_line() -> None:
    lines = braille(np.array([0.0, 10.0]), np.array([5.0, 1.0]), (20, 5))
    columns = list(zip(*lines, strict=True))
    assert all(any(cell != "\u2800" for cell in column) for column in columns)
    assert lines[0][0] != "\u2800" and lines[-1][-1] != "\u2800"


async def test_a_loss_that_is_no_number_is_left_out() -> None:
    class ChartApp(App[None]):
        def compose(self) -> ComposeResult:
            yield LossChart()

    app = ChartApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.query_one(LossChart).set_points([1, 2, 3, 4], [2.5, float("nan"), float("inf"), 0.5])
        await settle(pilot)
        assert "2.5" in painted(app) and "0.5" in painted(app)


@pytest.mark.parametrize("value", ["a\nb", "", "tab\there", "été", None])
def test_plain_text_is_edited_as_it_stands(value: str | None) -> None:
    assert is_plain(value, text_field=True)
    assert from_text("f", to_text(value, plain=True), plain=True) == (value or "")


@pytest.mark.parametrize("value", ["\x1b[2J", "a\u202eb", "cr\rlf", ["x", "\x07"], {"role": "\u200b"}, 7, None, 1.5])
def test_everything_else_is_json_without_hidden_characters(value: object) -> None:
    assert not is_plain(value, text_field=False)
    text = to_text(value, plain=False)
    assert show(text, lines=True) == text
    assert from_text("f", text, plain=False) == value


def test_bad_json_names_the_field_and_the_place() -> None:
    with pytest.raises(UsageError, match=r"'options' is no JSON.*line 1, column 4"):
        from_text("options", "[1,", plain=False)


@pytest.mark.parametrize("text", ["[" * 100_000, "7" * 5000])
def test_json_that_nobody_could_read_is_refused_like_any_other(text: str) -> None:
    with pytest.raises(UsageError, match="'options' cannot be read"):
        from_text("options", text, plain=False)


class Wide:
    """Rows of wide, narrow and hidden characters in columns that do not fit."""

    n_rows = 30
    columns: Sequence[Column] = (Column("", 2), Column("日本", 11), Column("name", 9), Column("last", 40, "▲"))

    def window(self, start: int, stop: int) -> list[tuple[object, ...]]:
        return [("*", "日本語" * 9, row, "é\x1b" * 40) for row in range(start, stop)]


@pytest.mark.parametrize("width", [1, 2, 3, 4, 9, 16, 27, 64, 65, 90])
async def test_every_line_is_exactly_as_wide_as_the_table_wherever_it_is_scrolled(width: int) -> None:
    app = TableApp(Wide())
    async with app.run_test(size=(width, 10)) as pilot:
        table = app.query_one(VirtualTable)
        for left in (0, 1, 2, 5, 13, 24):
            table.scroll_to(x=left, animate=False, force=True, immediate=True)
            await pilot.pause()
            for line in range(table.size.height):
                strip = table.render_line(line)
                assert sum(cell_len(segment.text) for segment in strip) == strip.cell_length == max(table.size.width, 1)


async def test_a_chosen_column_comes_into_sight() -> None:
    app = TableApp(Wide())
    async with app.run_test(size=(40, 10)) as pilot:
        table = app.query_one(VirtualTable)
        assert table.column is None
        for label in ("日本", "name", "last", "last"):
            await pilot.press("l")
            await settle(pilot)
            assert table.column is not None and table.column.label == label
        assert "last ▲" in painted(app).splitlines()[0]
        await pilot.press("h", "h")
        await settle(pilot)
        assert "日本" in painted(app).splitlines()[0]


async def test_a_click_on_a_heading_chooses_its_column() -> None:
    app = TableApp(Wide())
    async with app.run_test(size=(80, 10)) as pilot:
        table = app.query_one(VirtualTable)
        for x, label in ((4, "日本"), (16, "name"), (30, "last")):
            await pilot.click(table, offset=(x, 0))
            assert table.column is not None and table.column.label == label


@pytest.mark.parametrize(
    ("value", "text"), [(12_345_678, "12.3M"), (1_234, "1,234"), (123_456, " 123k"), (99, "   99")]
)
def test_a_number_that_does_not_fit_is_rounded_and_says_so(value: int, text: str) -> None:
    assert fit(value, 5) == text


class TitleApp(App[None]):
    def compose(self) -> ComposeResult:
        yield TitleLine()


async def test_a_title_gives_up_the_workspace_before_it_is_cut() -> None:
    app = TitleApp()
    async with app.run_test(size=(40, 3)) as pilot:
        app.query_one(TitleLine).title = Title("bench", "towns > compare", "base -> tuned")
        await pilot.pause()
        assert painted(app).splitlines()[0].rstrip() == " bench > towns > compare  base -> tuned"
        app.query_one(TitleLine).title = Title("a long workspace", "towns > compare", "base -> tuned")
        await pilot.pause()
        assert painted(app).splitlines()[0].rstrip() == " towns > compare  base -> tuned"
        await pilot.resize_terminal(20, 3)
        await pilot.pause()
        assert painted(app).splitlines()[0].endswith("…")
