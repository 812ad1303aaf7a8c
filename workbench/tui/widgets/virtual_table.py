"""A table of any length: it asks its source for the rows on the screen and never sees the rest."""

from __future__ import annotations

import textwrap
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workbench.services.looking.column import Column
from workbench.text import show

BLOCK = 256
"""Rows asked from a source at once."""
BLOCKS = 16
"""Blocks kept."""
_WHOLE = 18
"""Cells of a column that is a number or a word rather than a text: half of it would say something else, or nothing."""
_PROMISE = "..."
"""What a note ends in while rows are on their way."""


class Source(Protocol):
    """What a table shows; the first column stays in place when the others scroll, and an unlabelled one holds marks."""

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""

    @property
    def columns(self) -> Sequence[Column]:
        """Return the columns."""

    def window(self, start: int, stop: int) -> Sequence[Sequence[object]]:
        """Return the cells of some rows; `stop` is at most `n_rows`."""


@dataclass(frozen=True)
class Rows:
    """A source of rows that are all in memory."""

    columns: Sequence[Column]
    cells: Sequence[Sequence[object]] = ()

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return len(self.cells)

    def window(self, start: int, stop: int) -> Sequence[Sequence[object]]:
        """Return some rows."""
        return self.cells[start:stop]

    def fitted(self, room: int) -> Sequence[Column]:
        """Return the columns; where they want more than some cells, none wider than what stands in it."""
        if not self.cells or sum(column.width + 1 for column in self.columns) <= room:
            return self.columns
        cells = zip(*self.cells, strict=True)
        return [replace(column, width=_wanted(column, held)) for column, held in zip(self.columns, cells, strict=True)]


def _wanted(column: Column, cells: Sequence[object]) -> int:
    """Return how many cells the heading and the longest of some values take; a column's own width at most."""
    longest = max(cell_len(fit(value, column.width).strip()) for value in cells)
    return min(column.width, max(cell_len(column.label), longest, 1))


def fit(value: object, width: int) -> str:
    """Return a cell's text at exactly `width` terminal cells: safe, cut with an ellipsis, numbers to the right."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value, width).rjust(width)[-width:]
    # Cut before anything else is looked at, so that a long text costs no more than a short one.
    text = show("" if value is None else value, limit=2 * width + 1)
    whole = len(text) <= width
    if (text if whole else text[:-1]).isascii():
        return text.ljust(width) if whole else f"{text[: width - 1]}…"
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def _number(value: float, width: int) -> str:
    """Return a number whole where it fits, else rounded to thousands or millions, which the unit says."""
    whole = f"{value:,}"
    units = ((1e3, "k"), (1e6, "M"), (1e9, "G"))
    short = (f"{value / size:,.{digits}f}{unit}" for size, unit in units for digits in (1, 0))
    return whole if len(whole) <= width else next((text for text in short if len(text) <= width), whole)


class VirtualTable(ScrollView, can_focus=True):
    """Rows of a `Source` under a fixed heading, with one row as the cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "virtual-table--heading",
        "virtual-table--chosen",
        "virtual-table--cursor",
        "virtual-table--odd",
        "virtual-table--even",
        "virtual-table--note",
        "virtual-table--mark",
    }
    DEFAULT_CSS = """
    VirtualTable {
        height: 1fr;
        scrollbar-size: 0 1;
        & > .virtual-table--heading { color: $text-muted; text-style: bold; }
        & > .virtual-table--chosen { color: $text-accent; text-style: bold underline; }
        & > .virtual-table--cursor { background: $surface-lighten-2; color: $text; }
        & > .virtual-table--odd { background: $boost; }
        & > .virtual-table--note { color: $text-muted; }
        & > .virtual-table--mark { color: $text-warning; text-style: bold; }
        &:focus > .virtual-table--cursor { background: $primary; color: $text; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Next row", show=False, id="table.down"),
        Binding("up,k", "move(-1)", "Previous row", show=False, id="table.up"),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", show=False, id="table.page-down"),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", show=False, id="table.page-up"),
        Binding("home,g", "go(0)", "First row", show=False, id="table.first"),
        Binding("end,G", "go(-1)", "Last row", show=False, id="table.last"),
        Binding("left,h", "column(-1)", "Column to the left", show=False, id="table.left"),
        Binding("right,l", "column(1)", "Column to the right", show=False, id="table.right"),
    ]

    # No watcher before the layout is known: the first row would be scrolled away.
    cursor = reactive(0, repaint=False, init=False)

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, table: VirtualTable, row: int) -> None:
            """Name the table and the row."""
            self.table, self.row = table, row
            super().__init__()

        @property
        def control(self) -> VirtualTable:
            """Return the table, so that handlers can select by it."""
            return self.table

    class Selected(Moved):
        """The row under the cursor was opened."""

    class Headed(Moved):
        """The heading of the chosen column was clicked."""

    def __init__(self, source: Source, *, note: str = "", id: str | None = None) -> None:
        """Show a source; `note` stands where it has no rows."""
        super().__init__(id=id)
        self.source = source
        self.columns: Sequence[Column] = source.columns
        """The source's columns at the widths they are drawn with."""
        self._note = note
        self._chosen: str | None = None
        self._blocks: OrderedDict[int, Sequence[Sequence[object]]] = OrderedDict()
        self._resize_to_source()

    def set_source(self, source: Source, *, cursor: int = 0, note: str = "") -> None:
        """Show another source with the cursor on a row of it."""
        self.source, self._note = source, note
        self._blocks.clear()
        self._resize_to_source()
        self.set_reactive(VirtualTable.cursor, self.validate_cursor(cursor))
        self._keep_cursor_in_sight()
        self.refresh()
        self.post_message(self.Moved(self, self.cursor))

    def give_up(self, note: str) -> None:
        """Say why no rows come, where the note still promises them."""
        if self._note.endswith(_PROMISE):
            self._note = note
            self.refresh()

    def reload(self) -> None:
        """Ask the source again for what is on the screen; the cursor stays."""
        self._blocks.clear()
        self.refresh()

    def _resize_to_source(self) -> None:
        self.columns = self.source.columns
        if isinstance(self.source, Rows) and self.size.width:  # before the layout there is no room to fit into
            self.columns = self.source.fitted(self._seen)
        width = sum(column.width + 1 for column in self.columns)
        self.virtual_size = Size(width, self.source.n_rows + 1)

    def _row(self, row: int) -> Sequence[object]:
        block, place = divmod(row, BLOCK)
        if block not in self._blocks:
            start = block * BLOCK
            self._blocks[block] = self.source.window(start, min(start + BLOCK, self.source.n_rows))
            if len(self._blocks) > BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(block)
        return self._blocks[block][place]

    def render_line(self, y: int) -> Strip:
        """Return one line of the screen: the heading, a row, or nothing."""
        row = y - 1 + round(self.scroll_y)
        if y == 0:
            return self._heading()
        if 0 <= row < self.source.n_rows:
            return self._line(self._row(row), self._row_style(row), marked=row != self.cursor)
        note = self._note_lines()[y - 2 : y - 1] if self.source.n_rows == 0 and y >= 2 else []
        text = fit(f"  {note[0]}" if note else "", max(self.size.width, 1))
        return Strip([Segment(text, self._style("note"))], self.size.width)

    def _note_lines(self) -> list[str]:
        """Return the note in lines that the table has room for."""
        room = max(self.size.width - 2, 1)
        return [part for line in self._note.splitlines() for part in textwrap.wrap(line, room) or [""]]

    def _row_style(self, row: int) -> Style:
        if row == self.cursor:
            return self._style("cursor")
        return self._style("odd" if row % 2 else "even")

    def _style(self, part: str) -> Style:
        return self.get_component_rich_style(f"virtual-table--{part}")

    def _heading(self) -> Strip:
        columns, chosen = self.columns, self.column
        cells = [f"{column.label}{' ' if column.sign else ''}{column.sign}" for column in columns]
        line = self._line(cells, self._style("heading"), chosen=None if chosen is None else columns.index(chosen))
        return self._with_arrows(line)

    def _with_arrows(self, line: Strip) -> Strip:
        """Say at either end that there are columns out of sight: a bar below would take a line of the rows."""
        width, at, arrow = self.size.width, self.columns[0].width, self._style("chosen")
        last = self._seen - 1
        if last < at + 2:
            return line
        if self.scroll_x < self.max_scroll_x:
            line = Strip([*line.crop(0, last), Segment(">", arrow), *line.crop(last + 1, width)], width)
        if self.scroll_x > 0:
            line = Strip([*line.crop(0, at), Segment("<", arrow), *line.crop(at + 1, width)], width)
        return line

    def _line(self, cells: Sequence[object], style: Style, *, marked: bool = False, chosen: int | None = None) -> Strip:
        """Draw the first column in place and the others as far as they are scrolled into sight."""
        first, *rest = self.columns
        width, left = self.size.width, round(self.scroll_x)
        is_mark = marked and not first.label
        mark = style + Style.from_color(self._style("mark").color) if is_mark else style
        segments = [Segment(f"{fit(cells[0], min(first.width, width))} "[:width], mark)]
        room, at, drawn_to = self._seen - first.width - 1, 0, 0
        for place, (column, cell) in enumerate(zip(rest, cells[1:], strict=True), 1):
            start, end = at - left, at - left + column.width + 1
            at += column.width + 1
            if end <= 0 or start >= room or (start > 0 and end - 1 > room and column.width <= _WHOLE):
                continue
            # The last column in sight is drawn narrower, with an ellipsis where the edge cuts it.
            text = fit(cell, min(column.width, room - start)) + " " * (end <= room)
            drawn = self._style("chosen") if place == chosen else style
            segments += [Segment(text, drawn)] if start >= 0 else Strip([Segment(text, drawn)]).crop(-start)
            drawn_to = max(min(end, room), 0)
        segments.append(Segment(" " * (width - first.width - 1 - drawn_to), style))
        return Strip(segments, max(width, 1))

    @property
    def _seen(self) -> int:
        """Return how many cells of a line are seen: the bar at the right lies over the last one."""
        return self.scrollable_content_region.width

    @property
    def _page_rows(self) -> int:
        return max(self.scrollable_content_region.height - 1, 1)

    def validate_cursor(self, row: int) -> int:
        """Keep the cursor on a row."""
        return max(0, min(row, self.source.n_rows - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        """Redraw the two rows concerned, or scroll, and tell the screen."""
        if not self._keep_cursor_in_sight():
            for row in (old, new):
                self.refresh_line(row + 1)
        self.post_message(self.Moved(self, new))

    def _keep_cursor_in_sight(self) -> bool:
        top, rows = round(self.scroll_y), self._page_rows
        if self.size.height == 0 or top <= self.cursor < top + rows:
            return False
        wanted = self.cursor if self.cursor < top else self.cursor - rows + 1
        self.scroll_to(y=wanted, animate=False, force=True, immediate=True)
        return True

    def on_resize(self) -> None:
        """Fit the columns into the room there is, and keep the cursor in sight in a smaller table."""
        self._resize_to_source()
        self._keep_cursor_in_sight()

    def action_move(self, rows: int) -> None:
        """Move the cursor by rows."""
        self.cursor += rows

    def action_page(self, pages: int) -> None:
        """Move the cursor by pages."""
        self.cursor += pages * self._page_rows

    def action_go(self, row: int) -> None:
        """Move the cursor to a row; -1 is the last."""
        self.cursor = row if row >= 0 else self.source.n_rows - 1

    @property
    def column(self) -> Column | None:
        """Return the column that was chosen, if one was and it is still here."""
        return next((column for column in self.columns if column.label == self._chosen), None)

    def action_column(self, step: int) -> None:
        """Choose the next column and bring it into sight; the first one is always there."""
        labels = [column.label for column in self.columns][1:]
        if not labels:
            return
        place = labels.index(self._chosen) + step if self._chosen in labels else 0
        self.choose_column(labels[max(0, min(place, len(labels) - 1))])

    def choose_column(self, label: str) -> None:
        """Choose a column by its label."""
        self._chosen = label
        self.scroll_to(x=self._left_of(label), animate=False, force=True, immediate=True)
        self.refresh()

    def _left_of(self, label: str) -> int:
        """Return how far to scroll so that a column is in sight, as little as possible."""
        first, *rest = self.columns
        room, left = self._seen - first.width - 1, round(self.scroll_x)
        start = sum(column.width + 1 for column in rest[: [column.label for column in rest].index(label)])
        end = start + next(column.width for column in rest if column.label == label)
        if start < left or end - start >= room:
            return start
        return left if end <= left + room else end - room

    def action_select(self) -> None:
        """Open the row under the cursor."""
        if self.source.n_rows:
            self.post_message(self.Selected(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to a row; a click on the row under it opens that row; one on a heading chooses its column."""
        row = event.y - 1 + round(self.scroll_y)
        if event.y == 0:
            self._choose_at(event.x)
        if event.y == 0 or row >= self.source.n_rows:
            return
        if row == self.cursor:
            self.action_select()
        else:
            self.cursor = row

    def _choose_at(self, x: int) -> None:
        first, *rest = self.columns
        at = x - first.width - 1 + round(self.scroll_x)
        for column in rest:
            if 0 <= at <= column.width:
                self.choose_column(column.label)
                self.post_message(self.Headed(self, self.cursor))
            at -= column.width + 1
