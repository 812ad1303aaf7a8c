"""The records of one corpus: look, find, edit, fix, drop, take back, and see what is wrong with each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input

from workbench.errors import OutsideError
from workbench.services.looking.lens import APART, ISSUES, Sorting
from workbench.text import show
from workbench.tui.screens.base import SHEET
from workbench.tui.screens.data.columns import ColumnSheet
from workbench.tui.screens.data.editing import EditingScreen
from workbench.tui.screens.data.looking import PANES
from workbench.tui.widgets.virtual_table import VirtualTable

if TYPE_CHECKING:
    from workbench.services.looking.contents import Contents
    from workbench.services.looking.detail import Detail
    from workbench.store.view import Rows as RowNumbers

_PAUSE = 0.15
"""Seconds without a key after which a search begins."""
_COPIED = 1000
"""Records that are copied at once: a terminal takes no more than some megabytes."""


class RecordsScreen(EditingScreen):
    """Views, a table of records, and the one under the cursor."""

    CSS_PATH = "records.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", "Find", key_display="/", id="data.find"),
        Binding("colon", "filter", "Filter", key_display=":", id="data.filter"),
        Binding("e", "edit", "Edit", id="data.edit"),
        Binding("space", "mark", "Mark", id="data.mark"),
        Binding("f", "fix", "Fix", id="data.fix"),
        Binding("x", "drop", "Drop", id="data.drop"),
        Binding("right_square_bracket", "issue(1)", "Next issue", key_display="]", show=False, id="data.next-issue"),
        Binding("left_square_bracket", "issue(-1)", "Issue before", key_display="[", show=False, id="data.last-issue"),
        Binding("n", "hit(1)", "Next hit of the search", show=False, id="data.next-hit"),
        Binding("N", "hit(-1)", "Hit before", show=False, id="data.last-hit"),
        Binding("E", "edit_outside", "Edit in $EDITOR", show=False, id="data.editor"),
        Binding("F", "fix_all", "Fix all alike", show=False, id="data.fix-all"),
        Binding("V", "mark_range", "Mark from the last mark to here", show=False, id="data.mark-range"),
        Binding("asterisk", "mark_all", "Mark all of this view", key_display="*", show=False, id="data.mark-all"),
        Binding("s", "sort", "Sort by the chosen column", show=False, id="data.sort"),
        Binding("c", "columns", "Columns", show=False, id="data.columns"),
        Binding("v", "view(1)", "Next view", show=False, id="data.view"),
        Binding("C", "clusters", "Duplicate clusters", show=False, id="data.clusters"),
        Binding("X", "xray", "X-ray: how the record is trained", show=False, id="data.xray"),
        Binding("L", "raw", "Raw bytes of the record", show=False, id="data.raw"),
        Binding("y", "copy", "Copy the record, or the marked ones", show=False, id="data.copy"),
        Binding("z", "zoom", "Zoom the pane", show=False, id="data.zoom"),
        Binding("enter", "open", "Go into the record", show=False, id="data.open"),
        Binding("tab", "pane(1)", "Next pane", show=False, id="data.pane"),
        Binding("shift+tab", "pane(-1)", "Pane before", show=False, id="data.pane-before"),
    ]

    # -- panes ----------------------------------------------------------------------------------------------------

    def action_pane(self, step: int) -> None:
        """Go to the next pane."""
        self.show_pane(PANES[(PANES.index(self.pane) + step) % len(PANES)])

    def action_zoom(self) -> None:
        """Give the whole screen to one pane, or take it back."""
        self.toggle_class("-zoomed")

    def action_open(self) -> None:
        """Go one pane deeper; what is no record is opened as e does it."""
        if self.pane == "records" and self.lens.view in APART:
            self.action_edit()
        elif self.pane == "views" and self._is_unknown():
            self.find_issues()
        elif self.pane != "record":
            self.action_pane(1)

    def _is_unknown(self) -> bool:
        contents = self.contents
        return self.lens.view == ISSUES and contents is not None and contents.is_checked and contents.issues is None

    @on(VirtualTable.Selected, "#records")
    def _open_row(self) -> None:
        self.action_open()

    def action_back(self) -> None:
        """Go one step back: out of the record, out of the search, out of the corpus."""
        if self.has_class("-zoomed"):
            self.remove_class("-zoomed")
        elif self.pane != "records":
            self.show_pane("records")
        elif self.finder.is_open or self.lens.text or self.lens.where:
            self._end_search()
        else:
            super().action_back()

    def _end_search(self) -> None:
        self.finder.clear()
        self.finder.close()
        self.table.focus()
        self.look_at(text="", where="")

    @on(VirtualTable.Moved, "#views")
    def _choose_view(self) -> None:
        if self.views.view and self.views.view != self.lens.view:
            self.look_at(view=self.views.view)

    def action_view(self, step: int) -> None:
        """Show the next view that holds anything."""
        self.look_at(view=self.views.neighbour(self.lens.view, step))

    def action_clusters(self) -> None:
        """Show the clusters of duplicates."""
        from workbench.tui.screens.clusters import ClustersScreen

        self.app.push_screen(ClustersScreen(self.desk, self.corpus))

    def action_xray(self) -> None:
        """Show how the record under the cursor is trained, token by token."""
        from workbench.tui.screens.xray import XrayScreen

        def show_tokens(found: Detail) -> None:
            self.app.push_screen(XrayScreen(self.desk, self.corpus, found.shown.record))

        self.with_record(show_tokens)

    # -- find, filter, sort -----------------------------------------------------------------------------------------

    def action_find(self) -> None:
        """Search a text."""
        self.finder.open("find")

    def action_filter(self) -> None:
        """Filter by a condition over fields."""
        if self.contents is not None:
            from workbench.services.looking.finding import fields

            self.finder.suggester.fields = fields(self.contents)
            self.finder.open("where")

    @on(Input.Changed, "#find")
    def _search_soon(self, event: Input.Changed) -> None:
        text = event.value
        self.set_timer(_PAUSE, lambda: self.look_at(text=text) if self.finder.text("find") == text else None)

    @on(Input.Changed, "#where")
    def _forget_fault(self) -> None:
        self.finder.show_wrong("")

    @on(Input.Submitted, "#find")
    def _keep_search(self, event: Input.Submitted) -> None:
        self._kept(event.value)
        self.look_at(text=event.value)

    @on(Input.Submitted, "#where")
    def _keep_condition(self, event: Input.Submitted) -> None:
        self._kept(event.value)
        self.look_at(where=event.value.strip())

    def _kept(self, value: str) -> None:
        if not value:
            self.finder.close()
        self.table.focus()

    def action_sort(self) -> None:
        """Sort by the chosen column: up, then down, then as the records came."""
        column = self.table.column
        if column is None:
            self.table.action_column(1)
            column = self.table.column
        if column is not None and self.lens.view not in APART:
            now = self.lens.sorting
            up = Sorting(column.label)
            steps = {up: Sorting(column.label, down=True), Sorting(column.label, down=True): None}
            self.look_at(sorting=steps.get(now, up) if now else up)

    @on(VirtualTable.Headed, "#records")
    def _sort_by_heading(self) -> None:
        self.action_sort()

    def action_columns(self) -> None:
        """Choose which columns are shown."""
        names = [column.label for column in self.columns if column.label]
        self.app.push_screen(ColumnSheet(names, self.hidden), self._show_columns)

    def _show_columns(self, hidden: frozenset[str] | None) -> None:
        if hidden is not None and hidden != self.hidden and self.contents is not None:
            self.hidden = hidden
            self.show_rows()
            schema = self.contents.opened.schema.name
            self.in_background(lambda: self._keep_columns(schema, hidden), self._say_kept, "layout")

    def _keep_columns(self, schema: str, hidden: frozenset[str]) -> str:
        from workbench.services.records.layout import hide_columns

        try:
            hide_columns(self.desk.workspace, self.corpus, schema, hidden)
        except OutsideError as error:  # a disk that takes nothing keeps nobody from looking
            return f"hidden until you leave: {error.what}"
        return ""

    def _say_kept(self, fault: str) -> None:
        if fault:
            self.tell(fault)

    # -- marks and moves --------------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark the record, or take the mark away, and go to the next one."""
        if self.can_mark():
            self.mark(self.table.cursor, self.table.cursor, turn=True)
            self.table.action_move(1)

    def action_mark_range(self) -> None:
        """Mark all records from the last mark to here."""
        if self.can_mark() and self.marks is not None:
            here = self.table.cursor
            self.mark(*sorted((here if self.marks.anchor is None else self.marks.anchor, here)))

    def action_mark_all(self) -> None:
        """Mark all records of this view, or none of them where all are marked."""
        if self.can_mark() and self.found is not None and self.marks is not None:
            every = self.found.selection
            self.mark(0, len(every) - 1, turn=self.marks.are_all(every))

    def action_issue(self, step: int) -> None:
        """Go to the next record with an issue."""
        if self.contents is None or self.found is None or self.lens.view in APART:
            return
        if not self.contents.is_checked:
            self.tell("one moment: the issues are being read")
            return
        if self.contents.issues is None:
            self.find_issues()
            return
        self._go_among(self.contents.issues.faulty, step, "issue")

    def action_hit(self, step: int) -> None:
        """Go to the next hit of the last search."""
        if self.hits is None:
            self.tell("nothing was searched yet: / does")
        else:
            self._go_among(self.hits, step, "hit")

    def action_copy(self) -> None:
        """Copy the record, or the marked ones, as JSON lines; this works over ssh where the terminal allows it."""
        rows = self._meant("copy")[:_COPIED]
        if len(rows) and self.contents is not None:
            contents = self.contents
            self.in_background(lambda: _as_lines(contents, rows), self._copied, SHEET)

    def _copied(self, lines: list[str]) -> None:
        self.app.copy_to_clipboard("\n".join(lines))
        self.tell(f"copied {len(lines):,} record{'s' if len(lines) > 1 else ''}")


def _as_lines(contents: Contents, rows: RowNumbers) -> list[str]:
    opened = contents.opened
    frame = opened.pages.page(rows).select("id", *opened.schema.columns)
    return [_calm(json.dumps(row, ensure_ascii=False)) for row in frame.to_dicts()]


def _calm(line: str) -> str:
    """Return JSON with every character that is not seen as its number: it may be pasted into a terminal."""
    return "".join(char if show(char) == char else json.dumps(char)[1:-1] for char in line)
