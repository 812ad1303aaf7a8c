"""The token X-ray: what every record of a version becomes for the model, counted and flagged, one token by token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from workbench.services.looking.column import Column
from workbench.text import counted, show
from workbench.tui.desk import Desk
from workbench.tui.screens.base import WorkScreen
from workbench.tui.widgets.listed import Listed
from workbench.tui.widgets.token_pane import TokenPane
from workbench.tui.widgets.virtual_table import Rows, VirtualTable

if TYPE_CHECKING:
    from workbench.services.training.trained import Asked, Counted
    from workbench.services.training.xray import XrayRow

_COLUMNS = (
    Column("", 1),
    Column("tokens", 6),
    Column("learned", 7),
    Column("cut", 4),
    Column("split", 5),
    Column("flags", 12),
    Column("begins with", 80),
)
_ALL = "all"
_NO_VERSION = """{corpus} has no version yet.

The X-ray shows what a version becomes for the model, token by token.

2 goes to the versions; there s splits, and so makes the first one."""


@dataclass
class Total:
    """What some records of a version come to."""

    records: int = 0
    tokens: int = 0
    learned: int = 0

    def add(self, one: Counted) -> None:
        """Count one more."""
        self.records += 1
        self.tokens += one.tokens
        self.learned += one.learned

    def in_words(self) -> str:
        """Return it as the title says it."""
        return f"{counted(self.records, 'record')}, {self.tokens:,} tokens, {self.learned:,} learned"


class XrayScreen(WorkScreen):
    """The records of a version by their tokens, beside the one under the cursor."""

    CSS_PATH = "xray.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view(1)", "Next flag", id="xray.next-flag", tooltip="All records, or those with one flag"),
        Binding("V", "view(-1)", "Flag before", show=False, id="xray.flag-before"),
        Binding("t", "part", "Parted", id="xray.part", tooltip="Show where tokens end and begin, or not"),
        Binding("o", "open_record", "Open in Data", id="xray.open-record"),
        Binding("enter", "open", "Go into the tokens", show=False, id="xray.open"),
    ]

    def __init__(self, desk: Desk, corpus: str, record: str = "", run: str = "") -> None:
        """Look through what a run trains, or the newest version, with the cursor on a record."""
        super().__init__(desk, corpus)
        self.record, self.run_name = record, run
        self.wanted: Asked | None = None
        self.lines: tuple[Counted, ...] = ()
        self.totals: dict[str, Total] = {}
        """Of all records, and of those with each flag."""
        self.shown: Sequence[Counted] = ()
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

    def _find(self) -> tuple[Asked, bool] | None:
        """Return what is trained and whether its X-ray is kept; None where no version is there to train."""
        from workbench.services.training.trained import asked, has_version, is_kept

        if not self.run_name and not has_version(self.desk.workspace, self.corpus):
            return None
        wanted = asked(self.desk.workspace, self.corpus, self.run_name)
        return wanted, is_kept(self.desk.workspace, wanted)

    def _take_asked(self, found: tuple[Asked, bool] | None) -> None:
        from workbench.services.progress import silent
        from workbench.services.training.trained import counts

        if found is None:
            self._table.set_source(Rows(_COLUMNS), note=_NO_VERSION.format(corpus=show(self.corpus)))
            self.set_title(f"{self.corpus} > X-ray", "no version yet")
            return
        self.wanted, kept = found
        self._show_title()
        work = partial(counts, self.desk.workspace, self.wanted)
        if kept:
            self.in_background(lambda: _summed(work(silent)), self._take, "counts")
        else:  # this loads torch
            there = lambda report: _summed(self.desk.models(work, report))  # noqa: E731 - one thread, one call
            self.begin(f"X-ray {self.corpus}", there, self._take, writes=False)

    def _take(self, made: tuple[tuple[Counted, ...], dict[str, Total]]) -> None:
        self.lines, self.totals = made
        if self.view not in self.totals:  # nothing has that flag any more
            self.view = _ALL
        self._draw()

    def _draw(self) -> None:
        self.shown = self.lines if self.view == _ALL else [one for one in self.lines if self.view in one.flags]
        at = next((place for place, one in enumerate(self.shown) if one.record == self.record), None)
        if self.record and at is None and self.view == _ALL:
            self.tell("no split of this version holds the record: the first one is shown")
        self._table.set_source(Listed(_COLUMNS, self.shown, _cells), cursor=at or 0, note="No record.")
        self._show_title()

    def _show_title(self) -> None:
        name = self.wanted.name if self.wanted else ""
        detail = self.totals[self.view].in_words() if self.totals else ""
        self.set_title(f"{self.corpus} {name} > X-ray", detail)
        marks = [
            (f" {show(view)} {total.records:,} ", "reverse" if view == self.view else "")
            for view, total in self.totals.items()
        ]
        self.query_one("#flags", Static).update(Content.assemble(*marks))

    def action_view(self, step: int) -> None:
        """Show all records, or those with the next flag."""
        names = list(self.totals)
        if not names:
            return
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
            then = partial(self._take_tokens, wanted, record)
            self.in_background(lambda: self._look(wanted, record), then, "tokens")

    def _look(self, wanted: Asked, record: str) -> XrayRow:
        from workbench.services.training.trained import look

        return look(self.desk.workspace, wanted, record)

    def _take_tokens(self, wanted: Asked, record: str, row: XrayRow) -> None:
        """Show what was read, unless another record or version is shown by now: then read again."""
        if wanted is not self.wanted or record != self.record:
            self._show_tokens()
            return
        self.tokens = row
        self.query_one(TokenPane).show_tokens(row)

    def action_part(self) -> None:
        """Show where one token ends and the next begins, or the text as it reads."""
        pane = self.query_one(TokenPane)
        pane.are_parted = not pane.are_parted
        pane.show_tokens(self.tokens)

    @on(VirtualTable.Selected, "#counted")
    def action_open(self) -> None:
        """Go into the tokens: in a narrow terminal they take the list's place."""
        if not self._table.source.n_rows:
            self.tell("nothing to go into here")
            return
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
    split = one.split.replace("validation", "valid")  # as the versions call it in a list
    return one.sign, one.tokens, one.learned, one.lost or "", split, ", ".join(one.flags), one.text


def _summed(lines: tuple[Counted, ...]) -> tuple[tuple[Counted, ...], dict[str, Total]]:
    """Return the records of a version, and what all of them and those with each flag come to."""
    totals = {_ALL: Total()}
    for one in lines:
        for view in (_ALL, *one.flags):
            totals.setdefault(view, Total()).add(one)
    return lines, totals
