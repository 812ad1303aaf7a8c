"""A table of any length: it asks its source for the rows on the screen and never sees the rest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
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

from workbench.services.column import Column
from workbench.text import show

BLOCK = 256
"""Rows asked from a source at once."""
BLOCKS = 16
"""Blocks kept."""


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


def fit(value: object, width: int) -> str:
    """Return a cell's text at exactly `width` terminal cells: safe, cut with an ellipsis, numbers to the right."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,}".rjust(width)[-width:]
    # Cut before anything else is looked at, so that a long text costs no more than a short one.
    text = show("" if value is None else value, limit=2 * width + 1)
    if text.isascii() and len(text) <= width:
        return text.ljust(width)
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


class VirtualTable(ScrollView, can_focus=True):
    """Rows of a `Source` under a fixed heading, with one row as the cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "virtual-table--heading",
        "virtual-table--cursor",
        "virtual-table--odd",
        "virtual-table--note",
        "virtual-table--mark",
    }
    DEFAULT_CSS = """
    VirtualTable {
        height: 1fr;
        scrollbar-size: 1 1;
        & > .virtual-table--heading { color: $text-muted; text-style: bold; }
        & > .virtual-table--cursor { background: $surface-lighten-2; color: $text; }
        & > .virtual-table--odd { background: $boost; }
        & > .virtual-table--note { color: $text-muted; }
        & > .virtual-table--mark { color: $text-warning; text-style: bold; }
        &:focus > .virtual-table--cursor { background: $primary; color: $text; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Next row", show=False),
        Binding("up,k", "move(-1)", "Previous row", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", show=False),
        Binding("home,g", "go(0)", "First row", show=False),
        Binding("end,G", "go(-1)", "Last row", show=False),
        Binding("left,h", "shift(-12)", "Columns to the left", show=False),
        Binding("right,l", "shift(12)", "Columns to the right", show=False),
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

    def __init__(self, source: Source, *, note: str = "", id: str | None = None) -> None:
        """Show a source; `note` stands where it has no rows."""
        super().__init__(id=id)
        self.source = source
        self._note = note
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

    def _resize_to_source(self) -> None:
        width = sum(column.width + 1 for column in self.source.columns)
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
            return self._line([column.label for column in self.source.columns], self._style("heading"))
        if 0 <= row < self.source.n_rows:
            return self._line(self._row(row), self._row_style(row), marked=row != self.cursor)
        note = self._note.splitlines()[y - 2 : y - 1] if self.source.n_rows == 0 and y >= 2 else []
        text = fit(f"  {note[0]}" if note else "", max(self.size.width, 1))
        return Strip([Segment(text, self._style("note"))], self.size.width)

    def _row_style(self, row: int) -> Style:
        if row == self.cursor:
            return self._style("cursor")
        return self._style("odd") if row % 2 else self.rich_style

    def _style(self, part: str) -> Style:
        return self.get_component_rich_style(f"virtual-table--{part}")

    def _line(self, cells: Sequence[object], style: Style, *, marked: bool = False) -> Strip:
        """Draw the first column in place and the others as far as they are scrolled into sight."""
        first, *rest = self.source.columns
        width, left = self.size.width, round(self.scroll_x)
        is_mark = marked and not first.label
        mark = style + Style.from_color(self._style("mark").color) if is_mark else style
        segments: list[Segment] = []
        at = skip = 0
        for column, cell in zip(rest, cells[1:], strict=True):
            if at + column.width >= left and at < left + width:
                skip = skip if segments else left - at
                segments.append(Segment(f"{fit(cell, column.width)} ", style))
            at += column.width + 1
        fixed = Strip([Segment(f"{fit(cells[0], first.width)} ", mark)])
        rest_width = max(width - first.width - 1, 0)
        shifted = Strip(segments).crop(max(skip, 0), max(skip, 0) + rest_width)
        return Strip.join([fixed, shifted]).crop(0, width).extend_cell_length(width, style)

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
        """Keep the cursor in sight in a smaller table."""
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

    def action_shift(self, cells: int) -> None:
        """Scroll the columns."""
        self.scroll_relative(x=cells, animate=False)

    def action_select(self) -> None:
        """Open the row under the cursor."""
        if self.source.n_rows:
            self.post_message(self.Selected(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to a row; a click on the row under it opens that row."""
        row = event.y - 1 + round(self.scroll_y)
        if event.y == 0 or row >= self.source.n_rows:
            return
        if row == self.cursor:
            self.action_select()
        else:
            self.cursor = row
