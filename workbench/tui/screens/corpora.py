"""Home: every corpus of the workspace, what is wrong with it and which versions it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from workbench.services.column import Column
from workbench.tui.desk import Desk
from workbench.tui.screens.base import WorkScreen
from workbench.tui.widgets.virtual_table import Rows, VirtualTable

if TYPE_CHECKING:
    from workbench.services.browse import Summary
    from workbench.services.ingest import Delivery

_COLUMNS = (
    Column("corpus", 18),
    Column("kind", 12),
    Column("records", 9),
    Column("errors", 7),
    Column("warnings", 8),
    Column("versions", 8),
    Column("newest version", 34),
)
_EMPTY = """No corpus yet.

In a shell:  workbench ingest FILE --corpus NAME
or:          workbench demo
Then press r here."""


class CorporaScreen(WorkScreen):
    """The corpora of a workspace."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open"),
        Binding("i", "ingest", "Ingest"),
        Binding("s", "cut", "Split"),
        Binding("T", "train", "Train"),
        Binding("t", "runs", "Runs"),
        Binding("r", "reread", "Read again", show=False),
        Binding("q", "app.leave", "Quit"),
    ]

    def __init__(self, desk: Desk) -> None:
        """Begin with no corpus known."""
        super().__init__(desk)
        self.summaries: list[Summary] = []

    def compose_body(self) -> ComposeResult:
        """Hold one table."""
        yield VirtualTable(Rows(_COLUMNS), note="reading the store ...", id="corpora")

    def on_mount(self) -> None:
        """Name the place before anything is read."""
        self.set_title("corpora")

    def on_screen_resume(self) -> None:
        """Read what may have changed meanwhile."""
        self.refresh_data()

    def refresh_data(self) -> None:
        """Read the list; what a corpus holds is counted after it is on the screen."""
        self.in_background(self._outline, self._take_outline)

    action_reread = refresh_data

    def _outline(self) -> list[Summary]:
        from workbench.services.browse import outline

        with self.desk.store() as store:
            return outline(store)

    def _take_outline(self, found: list[Summary]) -> None:
        known = {(old.name, old.head): old for old in self.summaries if old.records is not None}
        self.summaries = [known.get((new.name, new.head), new) for new in found]
        self._draw()
        self._count_next()

    def _count_next(self) -> None:
        uncounted = (line for line in self.summaries if line.ingested and line.records is None and not line.fault)
        wanted = next(uncounted, None)
        if wanted is not None:
            self.in_background(lambda: self._count(wanted), self._take_count, "count")

    def _count(self, line: Summary) -> Summary:
        from workbench.services.browse import counted

        with self.desk.store() as store:
            return counted(store, line)

    def _take_count(self, line: Summary) -> None:
        self.summaries = [line if old.name == line.name else old for old in self.summaries]
        self._draw()
        self._count_next()

    def _draw(self) -> None:
        table = self.query_one("#corpora", VirtualTable)
        table.set_source(Rows(_COLUMNS, [_cells(line) for line in self.summaries]), cursor=table.cursor, note=_EMPTY)
        self.set_title("corpora", f"{len(self.summaries)}")

    @property
    def chosen(self) -> Summary | None:
        """Return the corpus under the cursor."""
        row = self.query_one("#corpora", VirtualTable).cursor
        return self.summaries[row] if row < len(self.summaries) else None

    @on(VirtualTable.Selected)
    def action_open(self) -> None:
        """Open the records of the corpus under the cursor."""
        from workbench.tui.screens.records import RecordsScreen

        if self.chosen and not self.chosen.ingested:
            self.tell(f"{self.chosen.name} is not ingested yet: press i")
        elif self.chosen:
            self.app.push_screen(RecordsScreen(self.desk, self.chosen.name))

    def action_ingest(self) -> None:
        """Ingest the declared sources of the corpus under the cursor."""
        if self.chosen:
            name = self.chosen.name
            self.change(f"ingesting {name}", lambda: self._ingest(name), self._tell_deliveries)

    def _ingest(self, name: str) -> list[Delivery]:
        from workbench.services.ingest import Order, ingest

        with self.desk.store() as store:
            return ingest(store, Order(name), self.report)

    def _tell_deliveries(self, deliveries: list[Delivery]) -> None:
        for one in deliveries:
            counts = f"read {one.read:,}, kept {one.kept:,}, merged {one.merged:,}, quarantined {one.quarantined:,}"
            self.tell(f"{one.name}: {counts}")
        self.refresh_data()

    def action_cut(self) -> None:
        """Cut a version of the corpus under the cursor."""
        if self.chosen:
            self.cut(self.chosen.name)

    def action_train(self) -> None:
        """Train the newest version of the corpus under the cursor."""
        if self.chosen:
            self.train(self.chosen.name)

    def action_runs(self) -> None:
        """Show the runs."""
        self.show_runs()

    def action_back(self) -> None:
        """Stay: there is nothing before this screen, and esc never quits."""


def _cells(line: Summary) -> tuple[object, ...]:
    if line.fault:
        return line.name, line.kind, "", "", "", line.versions, line.fault
    if not line.ingested:
        return line.name, line.kind, "", "", "", "", "not ingested: press i"
    if line.records is None:
        return line.name, line.kind, "...", "...", "...", line.versions, line.newest
    newest = line.newest or "none: press s to split"
    return line.name, line.kind, line.records, line.errors, line.warnings, line.versions, newest
