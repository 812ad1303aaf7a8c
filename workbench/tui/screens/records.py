"""The records of one corpus: look, find, edit, fix, drop, take back, and see what is wrong with each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from workbench.services.column import Column
from workbench.text import show
from workbench.tui.desk import Desk
from workbench.tui.screens.base import WorkScreen
from workbench.tui.screens.edit import EditSheet
from workbench.tui.widgets.record_pane import RecordPane
from workbench.tui.widgets.safe_input import SafeInput
from workbench.tui.widgets.virtual_table import Rows, VirtualTable

if TYPE_CHECKING:
    from workbench.services.browse import Places, Snapshot
    from workbench.services.records import Shown

_ALL, _QUARANTINE = "all", "quarantine"
_PAUSE = 0.15
"""Seconds without a key after which a search begins."""
_NOTES = {
    "issues": "No record breaks a rule.",
    "duplicates": "No record is removed as a duplicate.",
    _QUARANTINE: "Every row that was read became a record.",
    "dropped": "No record was dropped.",
}


class RecordsScreen(WorkScreen):
    """A table of records beside the one under the cursor."""

    CSS_PATH = "records.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view(1)", "View"),
        Binding("V", "view(-1)", "Previous view", show=False),
        Binding("slash", "find", "Find", key_display="/"),
        Binding("e", "edit", "Edit"),
        Binding("f", "fix", "Fix"),
        Binding("x", "drop", "Drop"),
        Binding("u", "undo", "Undo"),
        Binding("enter", "open", "Open the record", show=False),
        Binding("s", "cut", "Split: cut a version", show=False),
        Binding("T", "train", "Train the newest version", show=False),
        Binding("t", "runs", "Runs", show=False),
    ]

    def __init__(self, desk: Desk, corpus: str) -> None:
        """Show one corpus."""
        super().__init__(desk)
        self.corpus = corpus
        self.view = _ALL
        self.wanted = ""
        self.snapshot: Snapshot | None = None
        self.places: Places | None = None
        self._record = ""

    def compose_body(self) -> ComposeResult:
        """Hold views, table, record and the search line."""
        yield Static(id="views", markup=False)
        with Horizontal(id="panes"):
            yield VirtualTable(Rows([Column("", 3)]), note="reading the store ...", id="records")
            yield RecordPane(id="record")
        yield SafeInput(placeholder="text to find; enter keeps it, esc ends the search", id="find")

    def on_mount(self) -> None:
        """Read the corpus."""
        self.set_title(self.corpus)
        self.query_one("#find").display = False
        self._table.focus()
        self.refresh_data()

    @property
    def _table(self) -> VirtualTable:
        return self.query_one("#records", VirtualTable)

    def refresh_data(self) -> None:
        """Read the corpus again; duplicates follow when the rest is on the screen."""
        self.in_background(self._read, self._take)

    def _read(self) -> Snapshot:
        from workbench.services.browse import read

        old = self.snapshot
        with self.desk.store() as store:
            return read(store, self.corpus, old.removed if old else None)

    def _take(self, snapshot: Snapshot) -> None:
        self._take_duplicates(snapshot)
        self.in_background(lambda: self._find_duplicates(snapshot), self._take_duplicates, "duplicates")

    def _find_duplicates(self, snapshot: Snapshot) -> Snapshot:
        from workbench.services.browse import with_duplicates

        with self.desk.store() as store:
            return with_duplicates(store, snapshot)

    def _take_duplicates(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._narrow(self._table.cursor)

    def _narrow(self, otherwise: int = 0) -> None:
        """Show the view and what is searched in it; the cursor stays on its record, or goes to a row."""
        from workbench.services.browse import find

        snapshot, view, text = self.snapshot, self.view, self.wanted
        if snapshot is None:
            return
        if text:
            work: Callable[[], Places] = lambda: find(snapshot, view, text)  # noqa: E731 - one thread, one call
            self.in_background(work, lambda places: self._show_places(places, otherwise), "find")
        else:
            self._show_places(snapshot.views[view], otherwise)

    def _show_places(self, places: Places, otherwise: int) -> None:
        from workbench.services.browse import row_of, source_of

        if self.snapshot is None:
            return
        self.places = places
        same = row_of(self.snapshot, places, self._record) if self.view != _QUARANTINE else None
        note = f"Nothing holds {self.wanted!r}." if self.wanted else _NOTES.get(self.view, "No record stands here.")
        source = source_of(self.snapshot, self.view, places)
        self._table.set_source(source, cursor=otherwise if same is None else same, note=show(note))
        self._show_counts()

    def _show_counts(self) -> None:
        assert self.snapshot is not None and self.places is not None
        total = len(self.snapshot.views[_QUARANTINE if self.view == _QUARANTINE else _ALL])
        version = f" {self.snapshot.version.name}" if self.snapshot.version else ""
        searched = f" with {self.wanted!r}" if self.wanted else ""
        what = "units" if self.view == _QUARANTINE else "records"
        self.set_title(f"{self.corpus}{version}", f"{self.view}: {len(self.places):,} of {total:,} {what}{searched}")
        self.query_one("#views", Static).update(Content.assemble(*self._view_names()))

    def _view_names(self) -> list[tuple[str, str]]:
        assert self.snapshot is not None
        pieces = []
        for name, places in self.snapshot.views.items():
            unknown = name == "duplicates" and self.snapshot.removed is None
            style = "reverse" if name == self.view else "" if len(places) else "$foreground-muted"
            pieces += [(f" {name} {'...' if unknown else format(len(places), ',')} ", style), (" ", "")]
        return pieces

    @on(VirtualTable.Moved, "#records")
    def _show_record(self) -> None:
        """Draw the record under the cursor."""
        from workbench.services.browse import record_at, standing

        pane, row = self.query_one(RecordPane), self._table.cursor
        if self.snapshot is None or self.places is None:
            return
        if row >= len(self.places):
            pane.show_text("")
        elif self.view == _QUARANTINE:
            pane.show_reject(self.snapshot.rejects.row(int(self.places[row]), named=True))
        else:
            place = int(self.places[row])
            shown = record_at(self.snapshot, place)
            self._record = shown.record
            pane.show_record(shown, standing(self.snapshot, place))

    @property
    def chosen(self) -> Shown | None:
        """Return the record under the cursor; a quarantined unit is none."""
        from workbench.services.browse import record_at

        row = self._table.cursor
        if self.snapshot is None or self.places is None or row >= len(self.places) or self.view == _QUARANTINE:
            self.tell("a quarantined unit is not a record yet" if self.view == _QUARANTINE else "no record here")
            return None
        return record_at(self.snapshot, int(self.places[row]))

    def action_view(self, step: int) -> None:
        """Show the next view that holds anything."""
        if self.snapshot is None:
            return
        names = [name for name, places in self.snapshot.views.items() if len(places) or name in (_ALL, self.view)]
        self.view = names[(names.index(self.view) + step) % len(names)]
        self._narrow()

    @on(VirtualTable.Selected, "#records")
    def action_open(self) -> None:
        """Go into the record: in a narrow terminal it takes the table's place."""
        self.add_class("-opened")
        self.query_one(RecordPane).focus()

    def action_back(self) -> None:
        """Go one step back: out of the record, out of the search, out of the corpus."""
        if self.has_class("-opened"):
            self.remove_class("-opened")
            self._table.focus()
        elif self.wanted or self.query_one("#find").display:
            self._end_search()
        else:
            super().action_back()

    def action_find(self) -> None:
        """Open the search line."""
        self.query_one("#find").display = True
        self.query_one("#find", Input).focus()

    @on(Input.Changed, "#find")
    def _search_soon(self, event: Input.Changed) -> None:
        text = event.value
        self.set_timer(_PAUSE, lambda: self._search(text))

    def _search(self, text: str) -> None:
        if text == self.query_one("#find", Input).value and text != self.wanted:
            self.wanted = text
            self._narrow()

    @on(Input.Submitted, "#find")
    def _keep_search(self, event: Input.Submitted) -> None:
        self._search(event.value)
        self.query_one("#find").display = bool(event.value)
        self._table.focus()

    def _end_search(self) -> None:
        self.wanted = ""
        self.query_one("#find", Input).value = ""
        self.query_one("#find").display = False
        self._table.focus()
        self._narrow()

    def action_edit(self) -> None:
        """Edit the fields of the record under the cursor."""
        from workbench.services.browse import text_fields

        shown = self.chosen
        if shown is not None and self.snapshot is not None:
            sheet = EditSheet(self.desk, self.corpus, shown, text_fields(self.snapshot))
            self.app.push_screen(sheet, self._edited)

    def _edited(self, count: int | None) -> None:
        if count:
            self.tell(f"saved {count} field{'s' if count > 1 else ''}: u takes it back")
            self.refresh_data()

    def action_fix(self) -> None:
        """Apply the first suggested fix of the record under the cursor."""
        shown = self.chosen
        if shown is None:
            return
        issue = next((one for one in shown.issues if one["fix"] is not None), None)
        if issue is None:
            hints = [one["hint"] for one in shown.issues]
            self.tell(f"no fix is suggested; {hints[0]}" if hints else "nothing is wrong with this record")
        else:
            self.change("fixing", lambda: self.desk.fix(self.corpus, issue), self._changed)

    def action_drop(self) -> None:
        """Drop the record under the cursor."""
        shown = self.chosen
        if shown is not None:
            record = shown.record
            self.change("dropping", lambda: self.desk.drop(self.corpus, record), self._dropped)

    def _dropped(self, count: int) -> None:
        self._changed("dropped: u takes it back" if count else "it is dropped already: u takes the newest change back")

    def action_undo(self) -> None:
        """Take back the newest change of this corpus."""
        self.change("taking back", lambda: self.desk.undo(self.corpus), self._undone)

    def _undone(self, undone: list[dict[str, Any]]) -> None:
        what = [f"{one['field'] or 'drop'} of {one['record'][:10]}" for one in undone]
        self._changed(f"took back: {', '.join(what)}" if what else "no change is left to take back")

    def _changed(self, line: str) -> None:
        self.tell(line)
        self.refresh_data()

    def action_cut(self) -> None:
        """Cut a version of this corpus."""
        self.cut(self.corpus)

    def action_train(self) -> None:
        """Train the newest version of this corpus."""
        self.train(self.corpus)

    def action_runs(self) -> None:
        """Show the runs."""
        self.show_runs()
