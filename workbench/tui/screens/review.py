"""The review queue: one record after the other, why each stands here, and one key for what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from workbench.services.looking.column import Column
from workbench.services.progress import Report
from workbench.text import counted, show
from workbench.tui.desk import Desk
from workbench.tui.screens.undoing import UndoingScreen
from workbench.tui.widgets.listed import Listed
from workbench.tui.widgets.record_pane import RecordPane
from workbench.tui.widgets.virtual_table import Rows, VirtualTable
from workbench.workspace import Workspace

if TYPE_CHECKING:
    from workbench.services.checking.review import Queue
    from workbench.services.looking.contents import Contents
    from workbench.services.looking.detail import Detail

Outcome = Literal["accepted", "fixed", "edited", "dropped", "skipped"]
LISTED = 10_000
"""Records of the queue that are listed; the counts are true."""
_COLUMNS = (
    Column("", 1),
    Column("score", 6),
    Column("severity", 8),
    Column("loss", 5),
    Column("alike", 5),
    Column("because", 80),
)
_SIGNS: dict[str, str] = {"accepted": "+", "fixed": "*", "edited": "*", "dropped": "=", "skipped": "."}
_LOOKING = "looking for what asks for a look ..."
_EMPTY = """Nothing asks for a look.

A record stands here for an issue, for a loss far above that of others
of its length, or for an answer that contradicts another record's."""


_NONE = "No measured record stands in this order: v goes on to the next one."
_ORDERS: dict[str | None, str] = {
    None: "",
    "loss": "highest loss",
    "gap": "least improved",
    "memorised": "learned by heart",
}
"""What the queue can go by, with how it is called; None is the score."""


class ReviewScreen(UndoingScreen):
    """The queue beside the record under the cursor."""

    CSS_PATH = "review.tcss"
    order_stays = "; the queue stays in its order, r ranks it anew"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "accept", "Accept", id="review.accept", tooltip="It is right as it stands"),
        Binding("f", "fix", "Fix", id="review.fix", tooltip="Apply the suggested fix; where none is, edit"),
        Binding("e", "edit", "Edit", id="review.edit"),
        Binding("x", "drop", "Drop", id="review.drop"),
        Binding("s", "skip", "Skip", id="review.skip", tooltip="Leave it for another time"),
        Binding("X", "xray", "X-ray", id="review.xray", tooltip="See how it is trained, token by token"),
        Binding("o", "open_record", "Open it in Data", show=False, id="review.open-record"),
        Binding("v", "next_order", "Next order", show=False, id="review.next-order"),
        Binding("r", "again", "Look again", show=False, id="review.again"),
        Binding("enter", "open", "Go into the record", show=False, id="review.open"),
    ]

    def __init__(self, desk: Desk, corpus: str) -> None:
        """Review one corpus."""
        super().__init__(desk, corpus)
        self.queue: Queue | None = None
        self.by: str | None = None
        self.rows: list[dict[str, Any]] = []
        self.contents: Contents | None = None
        self.detail: Detail | None = None
        self.outcomes: dict[str, Outcome] = {}
        self._before_undo: dict[str, Outcome] = {}

    def compose_body(self) -> ComposeResult:
        """Hold the queue, why a record stands in it, and the record."""
        with Horizontal(id="panes"):
            yield VirtualTable(Rows(_COLUMNS), note=_LOOKING, id="waiting")
            with Vertical(id="one"):
                yield Static(id="why", markup=False)
                yield RecordPane(id="record")

    def on_mount(self) -> None:
        """Look for the records to review."""
        self.set_title(f"{self.corpus} > review")
        self._table.focus()
        self.action_again()

    @property
    def _table(self) -> VirtualTable:
        return self.query_one("#waiting", VirtualTable)

    # -- reading --------------------------------------------------------------------------------------------------

    def action_review(self) -> None:
        """Stay: this is the queue."""

    def action_again(self) -> None:
        """Rank the records anew."""
        self._rank(self.by)

    def action_reread(self) -> None:
        """Rank the records anew, as `r` does."""
        self.action_again()

    def _rank(self, by: str | None) -> None:
        work = partial(_ranked, self.desk.workspace, self.corpus, by)
        if self.begin(f"review {self.corpus}", lambda report: self.desk.apart(work, report), self._take, writes=False):
            self.by = by

    def action_next_order(self) -> None:
        """Go on to the next order: by score, by highest loss, least improved, learned by heart."""
        if self.queue is None or self.queue.run is None:
            self.tell("no run was measured: workbench evaluate RUN --split train")
            return
        orders = list(_ORDERS)
        self._rank(orders[(orders.index(self.by) + 1) % len(orders)])

    def _take(self, found: Queue) -> None:
        self.queue, self.outcomes, self._before_undo = found, {}, {}
        self.rows = found.rows.head(LISTED).to_dicts()
        self._draw(0)
        self.refresh_data()

    def refresh_data(self) -> None:
        """Read the records again; the order stays as it was, so that nothing jumps."""
        self.in_background(self._read, self._take_contents, "contents")

    def _read(self) -> Contents:
        from workbench.services.looking.contents import read, read_again, with_issues

        known = self.contents
        with self.desk.store() as store:
            return with_issues(store, read(store, self.corpus)) if known is None else read_again(store, known)

    def _take_contents(self, contents: Contents) -> None:
        self.contents, self.detail = contents, None
        self._show_record()

    def _draw(self, cursor: int) -> None:
        outcomes = self.outcomes
        source = Listed(_COLUMNS, self.rows, lambda row: _cells(row, outcomes.get(row["record"])))
        note = _LOOKING if self.queue is None else _NONE if self.by else _EMPTY
        self._table.set_source(source, cursor=cursor, note=note)
        self._show_title()

    def _show_title(self) -> None:
        found = self.queue
        if found is None:
            return
        left = found.rows.height - len([one for one in self.outcomes.values() if one != "skipped"])
        asking = f", {_ORDERS[found.by]}" if found.by else " ask for a look"
        said = [f"{left:,} of {counted(found.records, 'record')}{asking}"]
        done = list(self.outcomes.values())
        said += [f"{done.count(name):,} {name}" for name in dict.fromkeys(done)]
        said += [f"{found.accepted:,} accepted before"] if found.accepted else []
        said += [f"losses of {found.run}" if found.run else f"no run was measured on {found.split}: issues alone"]
        self.set_title(f"{self.corpus} > review", "  ".join(said))

    @property
    def row(self) -> dict[str, Any] | None:
        """Return the line under the cursor."""
        at = self._table.cursor
        return self.rows[at] if at < len(self.rows) else None

    @on(VirtualTable.Moved, "#waiting")
    def _show_record(self) -> None:
        """Say why the record stands here, and show it as soon as it is read."""
        from workbench.services.checking.review import why

        row, contents = self.row, self.contents
        self.set_class(row is None, "-empty")
        if row is None:
            return
        lines = [f"{weight:6.1f}  {show(said, limit=300)}" for weight, said in why(row)]
        outcome = self.outcomes.get(row["record"], "")
        head, reasons = f"{row['score']:6.1f}  why it stands here\n", " x\n".join(lines)
        self.query_one("#why", Static).update(
            Content.assemble((head, "bold"), reasons, (f"\n{outcome}" * bool(outcome), "$text-accent"))
        )
        if contents is not None and not self.is_busy("record"):
            record = row["record"]
            then = partial(self._take_record, contents, record)
            self.in_background(lambda: self._look(contents, record), then, "record")

    def _look(self, contents: Contents, record: str) -> Detail | None:
        from workbench.services.looking.detail import detail

        rows = contents.opened.rows([record])
        with self.desk.store() as store:
            return detail(store, contents, int(rows[0])) if len(rows) else None

    def _take_record(self, contents: Contents, record: str, found: Detail | None) -> None:
        """Show what was read, unless the cursor or the records have changed since: then read again."""
        if contents is not self.contents or self.row is None or self.row["record"] != record:
            self._show_record()
            return
        self.detail, pane = found, self.query_one(RecordPane)
        if found is None:
            pane.show_text("this record is gone")
        else:
            pane.show_record(found)

    @on(VirtualTable.Selected, "#waiting")
    def action_open(self) -> None:
        """Go into the record: in a narrow terminal it takes the list's place."""
        if not self._table.source.n_rows:
            self.tell("nothing to go into here")
            return
        self.add_class("-opened")
        self.query_one(RecordPane).focus()

    def action_back(self) -> None:
        """Go one step back: out of the record, to where one came from."""
        if self.has_class("-opened"):
            self.remove_class("-opened")
            self._table.focus()
        else:
            super().action_back()

    # -- what becomes of a record ---------------------------------------------------------------------------------

    @property
    def _chosen(self) -> Detail | None:
        """Return the record under the cursor once it was read; says so where it was not."""
        row, found = self.row, self.detail
        if row is not None and found is not None and found.shown.record == row["record"]:
            return found
        self.tell("one moment: the record is being read" if row is not None else "no record here")
        return None

    def action_accept(self) -> None:
        """Say that the record is right as it stands."""
        from workbench.services.checking.review import accept

        found = self._chosen
        if found is None:
            return
        record = found.shown.record

        def work() -> str:
            with self.desk.store() as store:
                return accept(store, self.corpus, record, seen=found.shown.fields)

        self.change("accepting", work, lambda _: self._done(record, "accepted"))

    def action_fix(self) -> None:
        """Apply the first suggested fix; where there is none, open the record to be edited."""
        found = self._chosen
        if found is None:
            return
        issue = next((one for one in found.shown.issues if one["fix"] is not None), None)
        if issue is None:
            self.action_edit()
            return
        record = found.shown.record
        work = partial(self.desk.fix, self.corpus, issue, found.shown.fields)
        self.change("fixing", work, lambda _: self._done(record, "fixed"))

    def action_edit(self) -> None:
        """Edit the record in place."""
        from workbench.tui.screens.edit import EditSheet

        found = self._chosen
        if found is None or self.contents is None:
            return
        record = found.shown.record
        self.app.push_screen(
            EditSheet(self.desk, self.contents, found), lambda count: self._done(record, "edited") if count else None
        )

    def action_drop(self) -> None:
        """Drop the record."""
        found = self._chosen
        if found is not None:
            record = found.shown.record
            work = partial(self.desk.drop, self.corpus, record, "dropped in review")
            self.change("dropping", work, lambda _: self._done(record, "dropped"))

    def action_skip(self) -> None:
        """Leave the record for another time: it stands here again with the next look."""
        if self.row is not None:
            self._mark(self.row["record"], "skipped")

    def _done(self, record: str, outcome: Outcome) -> None:
        self._mark(record, outcome)
        self.refresh_data()

    def _mark(self, record: str, outcome: Outcome) -> None:
        self.outcomes[record] = outcome
        at = self._table.cursor
        below = [place for place, row in enumerate(self.rows) if row["record"] not in self.outcomes]
        self._draw(next((place for place in below if place > at), below[0] if below else at))

    def taken_back(self, records: Sequence[str]) -> None:
        """Let records wait again, and go to the first of them."""
        self._before_undo |= {record: self.outcomes.pop(record) for record in records if record in self.outcomes}
        self._draw(next((place for place, row in enumerate(self.rows) if row["record"] in records), self._table.cursor))

    def done_again(self, records: Sequence[str]) -> None:
        """Let records wait no longer."""
        self.outcomes |= {record: self._before_undo.pop(record) for record in records if record in self._before_undo}
        self._draw(self._table.cursor)

    # -- elsewhere ------------------------------------------------------------------------------------------------

    def action_xray(self) -> None:
        """Show how the record is trained, token by token."""
        from workbench.tui.screens.xray import XrayScreen

        if self.row is not None:
            run = self.queue.run if self.queue is not None else None
            self.app.push_screen(XrayScreen(self.desk, self.corpus, self.row["record"], run or ""))

    def action_open_record(self) -> None:
        """Open the record among the others."""
        if self.row is not None:
            self.app.show_mode("data", self.corpus, self.row["record"])


def _ranked(workspace: Workspace, corpus: str, by: str | None, report: Report) -> Queue:
    from workbench.services.checking.review import queue
    from workbench.store.store import Store

    with Store(workspace) as store:
        return queue(store, corpus, report=report, by=by)


def _cells(row: dict[str, Any], outcome: Outcome | None) -> tuple[object, ...]:
    from workbench.services.checking.review import reasons

    sign = _SIGNS[outcome] if outcome else ""
    because = "; ".join(reasons(row))
    weights = [f"{row[name]:.1f}" for name in ("score", "severity_weight", "loss_weight", "cluster_weight")]
    return sign, *(text.rjust(width) for text, width in zip(weights, (6, 8, 5, 5), strict=True)), because
