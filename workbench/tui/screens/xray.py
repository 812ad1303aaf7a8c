"""The token X-ray: what every record of a version becomes for the model, counted and flagged, one token by token."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from workbench.services.column import Column
from workbench.text import counted, show
from workbench.tui.desk import Desk
from workbench.tui.screens.base import WorkScreen
from workbench.tui.widgets.token_pane import TokenPane
from workbench.tui.widgets.virtual_table import Rows, VirtualTable

if TYPE_CHECKING:
    from workbench.services.trained import Asked, Counted
    from workbench.services.xray import XrayRow

_COLUMNS = (
    Column("", 1),
    Column("tokens", 6),
    Column("learned", 7),
    Column("cut", 4),
    Column("split", 6),
    Column("flags", 12),
    Column("begins with", 80),
)
_ALL = "all"


class XrayScreen(WorkScreen):
    """The records of a version by their tokens, beside the one under the cursor."""

    CSS_PATH = "xray.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view(1)", "Next flag", id="xray.next-flag", tooltip="All records, or those with one flag"),
        Binding("V", "view(-1)", "Flag before", show=False, id="xray.flag-before"),
        Binding("t", "part", "Parted", id="xray.part", tooltip="Show where one token ends and the next begins, or not"),
        Binding("o", "open_record", "Open in Data", id="xray.open-record"),
        Binding("enter", "open", "Go into the tokens", show=False, id="xray.open"),
    ]

    def __init__(self, desk: Desk, corpus: str, record: str = "", run: str = "") -> None:
        """Look through what a run trains, or the newest version, with the cursor on a record."""
        super().__init__(desk, corpus)
        self.record, self.run_name = record, run
        self.wanted: Asked | None = None
        self.lines: tuple[Counted, ...] = ()
        self.shown: list[Counted] = []
        self.view = _ALL
        self.tokens: XrayRow | None = None

    def compose_body(self) -> ComposeResult:
        """Hold the flags, the records and the tokens of one."""
        yield Static(id="flags", markup=False)
        with Horizontal(id="panes"):
            yield VirtualTable(Rows(_COLUMNS), note="looking for the X-ray ...", id="counted")
            yield TokenPane(id="tokens")

    def on_mount(self) -> None:
        """Find what is trained."""
        self.set_title(f"{self.corpus} > X-ray")
        self._table.focus()
        self.refresh_data()

    @property
    def _table(self) -> VirtualTable:
        return self.query_one("#counted", VirtualTable)

    def refresh_data(self) -> None:
        """Look again which version and recipe these are."""
        self.in_background(self._find, self._take_asked, "asked")

    def _find(self) -> tuple[Asked, bool]:
        from workbench.services.trained import asked, is_kept

        wanted = asked(self.desk.workspace, self.corpus, self.run_name)
        return wanted, is_kept(self.desk.workspace, wanted)

    def _take_asked(self, found: tuple[Asked, bool]) -> None:
        from workbench.services.progress import silent
        from workbench.services.trained import counts

        self.wanted, kept = found
        self._show_title()
        work = partial(counts, self.desk.workspace, self.wanted)
        if kept:
            self.in_background(lambda: work(silent), self._take, "counts")
        else:  # this loads torch
            self.begin(f"X-ray {self.corpus}", lambda report: self.desk.models(work, report), self._take, writes=False)

    def _take(self, lines: tuple[Counted, ...]) -> None:
        self.lines = lines
        self._draw()

    def _draw(self) -> None:
        self.shown = [one for one in self.lines if self.view in (_ALL, *one.flags)]
        names = [one.record for one in self.shown]
        cursor = next((place for place, name in enumerate(names) if name.startswith(self.record)), 0)
        if self.record and self.record not in names and self.view == _ALL:
            self.tell("no split of this version holds the record: the first one is shown")
        self._table.set_source(Rows(_COLUMNS, [_cells(one) for one in self.shown]), cursor=cursor, note="No record.")
        self._show_title()

    def _show_title(self) -> None:
        name = self.wanted.name if self.wanted else ""
        tokens, learned = (sum(getattr(one, what) for one in self.shown) for what in ("tokens", "learned"))
        detail = f"{counted(len(self.shown), 'record')}, {tokens:,} tokens, {learned:,} learned" if self.lines else ""
        self.set_title(f"{self.corpus} {name} > X-ray", detail)
        marks = [
            (f" {show(view)} {count:,} ", "reverse" if view == self.view else "")
            for view, count in self._views().items()
        ]
        self.query_one("#flags", Static).update(Content.assemble(*marks))

    def _views(self) -> dict[str, int]:
        found = {_ALL: len(self.lines)}
        for one in self.lines:
            for flag in one.flags:
                found[flag] = found.get(flag, 0) + 1
        return found

    def action_view(self, step: int) -> None:
        """Show all records, or those with the next flag."""
        names = list(self._views())
        self.view = names[(names.index(self.view) + step) % len(names)]
        self._draw()

    @on(events.Click, "#flags")
    def _next_flag(self) -> None:
        self.action_view(1)

    @on(VirtualTable.Moved, "#counted")
    def _show_tokens(self) -> None:
        at, wanted = self._table.cursor, self.wanted
        if at >= len(self.shown) or wanted is None:
            self.query_one(TokenPane).show_tokens(None)
            return
        self.record = self.shown[at].record
        if not self.is_busy("tokens"):
            record = self.record
            self.in_background(lambda: self._look(wanted, record), self._take_tokens, "tokens")

    def _look(self, wanted: Asked, record: str) -> XrayRow:
        from workbench.services.trained import look

        return look(self.desk.workspace, wanted, record)

    def _take_tokens(self, row: XrayRow) -> None:
        self.tokens = row
        self.query_one(TokenPane).show_tokens(row)
        if row.record != self.record:
            self._show_tokens()

    def action_part(self) -> None:
        """Show where one token ends and the next begins, or the text as it reads."""
        pane = self.query_one(TokenPane)
        pane.are_parted = not pane.are_parted
        pane.show_tokens(self.tokens)

    @on(VirtualTable.Selected, "#counted")
    def action_open(self) -> None:
        """Go into the tokens: in a narrow terminal they take the list's place."""
        self.add_class("-opened")
        self.query_one(TokenPane).focus()

    def action_back(self) -> None:
        """Go one step back: out of the tokens, to where one came from."""
        if self.has_class("-opened"):
            self.remove_class("-opened")
            self._table.focus()
        else:
            super().action_back()

    def action_open_record(self) -> None:
        """Open the record among the others."""
        if self.record:
            self.app.show_mode("data", self.corpus, self.record)


def _cells(one: Counted) -> tuple[object, ...]:
    return one.sign, one.tokens, one.learned, one.lost or "", one.split, ", ".join(one.flags), one.text
