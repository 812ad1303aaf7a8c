"""Look at the records of a corpus: views, search, filter, order, marks, and the one under the cursor whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal

from workbench.services.looking.column import Column
from workbench.services.looking.lens import ALL, APART, CONFLICTS, ISSUES, MARKED, QUARANTINE, RULE, Lens, named
from workbench.text import counted, show
from workbench.tui.desk import Desk
from workbench.tui.screens.base import SHEET
from workbench.tui.screens.data.finder import Finder
from workbench.tui.screens.data.searching import FoundSome, Wrong, tell_found
from workbench.tui.screens.data.views import ViewTable
from workbench.tui.screens.undoing import UndoingScreen
from workbench.tui.widgets.record_pane import RecordPane
from workbench.tui.widgets.virtual_table import Rows, VirtualTable

if TYPE_CHECKING:
    from workbench.services.looking.contents import Contents
    from workbench.services.looking.detail import Detail
    from workbench.services.looking.finding import Found
    from workbench.services.looking.selection import Selection
    from workbench.store.view import Rows as RowNumbers
    from workbench.tui.screens.data.marks import Marks

PANES = ("views", "records", "record")
_WHAT = {QUARANTINE: "row", CONFLICTS: "edit"}
"""What the lines of a view are, where they are no records."""
_KEYS = {QUARANTINE: "e brings it back", CONFLICTS: "e settles it"}
"""What can be done in a view whose lines are no records: the keys of the last line are those of records."""
_NOTES = {
    MARKED: "Nothing is marked: space marks a record, * all of a view.",
    "edited": "No field was edited.",
    ISSUES: "No record breaks a rule.",
    "duplicates": "No record is removed as a duplicate.",
    QUARANTINE: "Every row that was read became a record.",
    CONFLICTS: "Every edit fits its record.",
    "dropped": "No record was dropped.",
}

_NONE_LEFT = "No record breaks this rule any more: v shows the next view."


class LookingScreen(UndoingScreen):
    """Views, table and record side by side; everything read off the event loop."""

    def __init__(self, desk: Desk, corpus: str) -> None:
        """Show one corpus."""
        super().__init__(desk, corpus)
        self.lens = Lens()
        self.contents: Contents | None = None
        self.found: Found | None = None
        self.marks: Marks | None = None
        self.columns: list[Column] = []
        self.hidden: frozenset[str] = frozenset()
        self.detail: Detail | None = None
        self.pane = "records"
        self.add_class("-in-records")  # here and not later: each new class makes Textual style the whole screen again
        self.hits: RowNumbers | None = None
        """Rows that hold the text searched last, ascending."""
        self.shown: Lens | None = None
        """The lens of the rows that are on the screen; another one than `lens` while those are looked for."""

    def compose_body(self) -> ComposeResult:
        """Hold views, table, record, and the line to search and filter with."""
        with Horizontal(id="panes"):
            yield ViewTable(id="views")
            yield VirtualTable(Rows([Column("", 4)]), note="reading the store ...", id="records")
            yield RecordPane(id="record")
        yield Finder(id="finder")

    def on_mount(self) -> None:
        """Read the corpus."""
        self.set_title(self.corpus)
        self.table.focus()
        self.refresh_data()

    @property
    def table(self) -> VirtualTable:
        """Return the table of records."""
        return self.query_one("#records", VirtualTable)

    @property
    def views(self) -> ViewTable:
        """Return the list of views."""
        return self.query_one(ViewTable)

    @property
    def finder(self) -> Finder:
        """Return the line to search and filter with."""
        return self.query_one(Finder)

    # -- reading ------------------------------------------------------------------------------------------------

    def refresh_data(self) -> None:
        """Read the corpus again: what changed first, then what takes longer."""
        self.in_background(self._read, self._take)

    def _read(self) -> tuple[Contents | None, frozenset[str] | None]:
        """Return the corpus, None where its view has to be made first, and what is hidden, None where that is known."""
        from workbench.services.looking.contents import read, read_again
        from workbench.services.looking.opened import is_delivered_anew
        from workbench.services.looking.preparing import is_prepared
        from workbench.services.records.layout import hidden_columns

        known = self.contents
        with self.desk.store() as store:
            is_same = known is not None and not is_delivered_anew(store, known.opened)
            if not is_same and not is_prepared(store, self.corpus):
                return None, None
            contents = read(store, self.corpus) if known is None else read_again(store, known)
        schema = contents.opened.schema.name
        if known is not None and known.opened.schema.name == schema:
            return contents, None
        return contents, hidden_columns(self.desk.workspace, self.corpus, schema)

    def _take(self, read: tuple[Contents | None, frozenset[str] | None]) -> None:
        contents, hidden = read
        self.hidden = self.hidden if hidden is None else hidden
        if contents is not None:
            self._take_part(contents)
            return
        from workbench.services.looking.preparing import make_view

        work = partial(make_view, self.desk.workspace, self.corpus)
        self.begin(
            f"open {self.corpus}",
            lambda report: self.desk.apart(work, report),
            lambda _: self.refresh_data(),
            writes=False,
        )

    def _take_part(self, contents: Contents) -> None:
        """Show what is known, then read what is not."""
        self._keep_marks(contents)
        if self._means_others(contents):
            self.found = self.hits = self.detail = None
        self.contents = contents
        self.show_rows()
        part = self._next_part(contents)
        if part is not None:
            self.in_background(lambda: self._read_part(contents, part), self._take_part)
        elif contents.removed is None:
            self._judge(contents)

    def _means_others(self, contents: Contents) -> bool:
        """Say whether the numbers of the rows that are shown mean other records, or other lines, from now on."""
        known = self.contents
        return known is not None and (self.lens.view in APART or known.opened.view != contents.opened.view)

    def _next_part(self, contents: Contents) -> Callable[..., Contents] | None:
        from workbench.services.looking import contents as parts

        if not contents.is_checked:
            return parts.with_issues
        if contents.sides is None and contents.opened.version is not None:
            return parts.with_sides
        return parts.with_duplicates if contents.removed is None and not contents.is_small else None

    def _read_part(self, contents: Contents, part: Callable[..., Contents]) -> Contents:
        with self.desk.store() as store:
            return part(store, contents)

    def _judge(self, contents: Contents) -> None:
        """Judge the duplicates of a small corpus, in a process of its own: what that loads is large."""
        from workbench.services.looking.contents import with_judged
        from workbench.services.looking.preparing import judged
        from workbench.services.progress import silent

        work = partial(judged, self.desk.workspace, self.corpus)
        self.in_background(
            lambda: with_judged(contents, self.desk.apart(work, silent)),
            lambda made: self._take_part(made) if contents is self.contents else None,
            "judge",
        )

    def _keep_marks(self, contents: Contents) -> None:
        from workbench.tui.screens.data.marks import Marks

        opened = contents.opened
        if self.marks is None or self.marks.view != opened.view:
            if self.marks:
                self.tell("new rows came in: the marks are gone")
            self.marks = Marks(opened.view, opened.delivered.height)

    def find_issues(self) -> None:
        """Look for the issues of a large corpus, in a process of its own."""
        from workbench.services.looking.preparing import find_issues

        work = partial(find_issues, self.desk.workspace, self.corpus)
        self.begin(
            f"check {self.corpus}", lambda report: self.desk.apart(work, report), self._take_issues, writes=False
        )

    def _take_issues(self, _made: object) -> None:
        if self.contents is not None:
            self._take_part(replace(self.contents, is_checked=False))

    def go_to(self, place: str) -> None:
        """Look at one record alone, found by its id."""
        self.look_at(view=ALL, text=place, where="", sorting=None)

    # -- which rows -----------------------------------------------------------------------------------------------

    def look_at(self, **changed: Any) -> None:  # noqa: ANN401 - fields of a lens
        """Look at the records in another way: a view, a text, a condition, an order."""
        lens = replace(self.lens, **changed)
        if lens != self.lens:
            self.lens = lens
            for finder in self.query(Finder):  # none before the screen is composed
                finder.show_wrong("")
            self.show_rows()

    def show_rows(self) -> None:
        """Show the rows of the lens; whatever has to be worked out for that is, off the event loop."""
        contents, lens = self.contents, self.lens
        if contents is None:
            return
        if lens.is_plain:
            from workbench.services.looking.finding import Found

            self.workers.cancel_group(self, "find")
            self._show_found(lens, Found(contents.selection(ALL)))
        else:
            marked = self.marked_rows
            self.in_background(lambda: tell_found(self, contents, lens, marked), lambda _: None, "find")

    def on_found_some(self, message: FoundSome) -> None:
        """Show what was found so far, unless something else is looked for by now."""
        if message.lens == self.lens and message.contents is self.contents:
            self._show_found(message.lens, message.found)

    def on_wrong(self, message: Wrong) -> None:
        """Say in the line what is wrong with a condition; the rows stay as they are."""
        if message.lens == self.lens:
            self.finder.show_wrong(f"{message.error.what}. {message.error.hint}")

    def _show_found(self, lens: Lens, found: Found) -> None:
        from workbench.services.looking.selection import sorted_rows
        from workbench.services.looking.tables import columns_of, source_of

        assert self.contents is not None and self.marks is not None
        is_same = self.shown == lens
        self.found, self.shown = found, lens
        if lens.text and found.is_whole and lens.view not in APART:
            self.hits = sorted_rows(found.selection)
        self.columns = self.columns or columns_of(self.contents)
        source = source_of(self.contents, lens.view, found.selection, self._visible(), self.marks.flags)
        place = self._place_of_record(found.selection)
        cursor = place if place is not None else self.table.cursor if is_same else 0
        note = lens.nothing() or _NOTES.get(lens.view, _NONE_LEFT if lens.view.startswith(RULE) else "No record.")
        if lens.view.startswith((ISSUES, RULE)) and self.contents.issues is None:
            note = "Nobody has looked for issues yet: ] does." if self.contents.is_checked else "reading ..."
        self.table.set_source(source, cursor=cursor, note=show(note))
        self.show_counts()

    def _visible(self) -> list[Column]:
        sorting = self.lens.sorting
        return [
            replace(column, sign=sorting.sign if sorting and column.label == sorting.column else "")
            for column in self.columns
            if column.label not in self.hidden
        ]

    def _place_of_record(self, selection: Selection) -> int | None:
        if self.detail is None or self.lens.view in APART:
            return None
        return selection.place(self.detail.row)

    @property
    def marked_rows(self) -> RowNumbers:
        """Return the marked rows, ascending."""
        assert self.marks is not None
        return self.marks.rows

    def show_counts(self) -> None:
        """Say how many records are shown, of how many, and how many each view holds."""
        assert self.contents is not None and self.found is not None and self.marks is not None
        version, found, view = self.contents.opened.version, self.found, self.lens.view
        marked = len(self.marks)
        lines = list(self.contents.lines(marked))
        total = next((line.count or 0 for line in lines if line.view == view), 0) if view in APART else None
        of = self.contents.total if total is None else total
        shown = f"{len(found.selection):,}" if found.is_whole else f"> {len(found.selection):,}"
        name = named(view, version.name if version else "")
        parts = [f"{name}: {shown} of {counted(of, _WHAT.get(view, 'record'))}", self.lens.in_words()]
        parts += [] if found.is_whole else [f"looked at {found.looked:,} of {found.of:,}"]
        parts += [f"{marked:,} marked"] if marked else []
        parts += [_KEYS[view]] if view in _KEYS and len(found.selection) else []
        place = f"{self.corpus} {version.name}" if version else self.corpus
        self.set_title(place, "  ".join(part for part in parts if part))
        self.views.show_lines(lines, view)

    def show_pane(self, pane: str) -> None:
        """Go to one of the panes; in a narrow terminal, or zoomed, it is the only one seen."""
        self.pane = pane
        for name in PANES:
            self.set_class(name == pane, f"-in-{name}")
        self.query_one(f"#{pane}").focus()

    # -- marks ----------------------------------------------------------------------------------------------------

    def can_mark(self) -> bool:
        """Say whether there are records here to mark, and tell the person where not."""
        if self.lens.view in APART or self.row is None:
            self.tell("only records can be marked")
            return False
        return True

    def mark(self, first: int, last: int, *, turn: bool = False) -> None:
        """Mark the records in some places of the table; `turn` takes the marks away from those that have one."""
        assert self.found is not None and self.marks is not None
        self.marks.mark(self.found.selection, first, last, turn=turn)
        if self.lens.view == MARKED:
            self.show_rows()
        else:
            self.table.reload()
            self.show_counts()

    def _go_among(self, rows: RowNumbers, step: int, what: str) -> None:
        from workbench.services.looking.selection import following

        assert self.found is not None
        place = following(self.found.selection, self.table.cursor, rows, step)
        if place is None:
            self.tell(f"no {what} {'below' if step > 0 else 'above'} this record")
        else:
            self.table.cursor = place

    # -- one record -----------------------------------------------------------------------------------------------

    @property
    def row(self) -> int | None:
        """Return the row number under the cursor, None where there is none."""
        if self.found is None or self.table.cursor >= len(self.found.selection):
            return None
        return int(self.found.selection.part(self.table.cursor, self.table.cursor + 1)[0])

    @on(VirtualTable.Moved, "#records")
    def _show_record(self) -> None:
        """Draw what is under the cursor; while one record is read, only the last one asked for waits."""
        row, pane = self.row, self.query_one(RecordPane)
        if row is None or self.contents is None:
            pane.show_text("")
        elif self.lens.view == QUARANTINE:
            pane.show_reject(self.contents.opened.state.rejects.row(row, named=True))
        elif self.lens.view == CONFLICTS:
            pane.show_conflict(self.contents.opened.state.replayed.conflicts[row])
        elif not self.is_busy("record"):
            contents = self.contents
            then = partial(self._take_record, contents)
            self.in_background(lambda: self._read_record(contents, row), then, "record")

    def _read_record(self, contents: Contents, row: int) -> Detail:
        from workbench.services.looking.detail import detail

        with self.desk.store() as store:
            return detail(store, contents, row)

    def _take_record(self, contents: Contents, found: Detail) -> None:
        if self.lens.view in APART:
            return
        self.detail = found
        self.query_one(RecordPane).show_record(found)
        if self.row != found.row or self.contents is not contents:
            self._show_record()

    @property
    def chosen(self) -> Detail | None:
        """Return the record under the cursor, once it was read; a line of another kind is none."""
        here = self.detail is not None and self.lens.view not in APART and self.detail.row == self.row
        return self.detail if here else None

    def with_record(self, then: Callable[[Detail], None]) -> None:
        """Do something with the record under the cursor, as soon as it was read; say so where there is none."""
        contents, row, chosen = self.contents, self.row, self.chosen
        if contents is None or row is None or self.lens.view in APART:
            self.tell("no record here")
        elif chosen is not None:
            then(chosen)
        else:
            self.in_background(lambda: self._read_record(contents, row), then, SHEET)
