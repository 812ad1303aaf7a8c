"""Home: every corpus of the workspace, what is wrong with it, its newest version and run, and how to bring in more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from workbench.errors import UsageError
from workbench.services.looking.column import Column
from workbench.services.progress import Report
from workbench.services.publishing.named_repository import NamedRepository
from workbench.tui.desk import Desk
from workbench.tui.screens.base import SHEET, WorkScreen
from workbench.tui.screens.ingest import IngestedSheet, IngestSheet, first_order, in_words
from workbench.tui.screens.open import Named, OpenSheet, named
from workbench.tui.screens.sheets import ErrorSheet
from workbench.tui.widgets.virtual_table import Rows, VirtualTable
from workbench.workspace import FIRST_SAMPLE

if TYPE_CHECKING:
    from workbench.services.intake.ingest import Delivery
    from workbench.services.intake.order import Order
    from workbench.services.looking.overview import Summary
    from workbench.services.publishing.arriving import Arrived, Asked

_VERSION = "newest version"
_ROOM, _MIDDLE_ROOM = 120, 100
"""Cells from which on every column is shown, and all but the kind and a version's digest."""
_WIDE = (
    Column("corpus", 18),
    Column("kind", 11),
    Column("records", 10),
    Column("errors", 7),
    Column("warnings", 8),
    Column(_VERSION, 36),
)
_MIDDLE = (*(column for column in _WIDE if column.label not in ("kind", _VERSION)), Column(_VERSION, 22))
_RUN = Column("newest run", 44)
_LEAST = 16
"""Cells that are left to the run in a narrow terminal."""
_NARROW = (
    Column("corpus", 14),
    Column("records", 9),
    Column("errors", 6),
    Column(_VERSION, 22),
    Column("newest run", 22),
)
_READING = "reading the store ..."
_EMPTY = """Nothing here yet. Begin with

  o   open a file or a folder      jsonl json csv tsv parquet arrow txt md
      or a repository on the Hub   OWNER/NAME
  d   take in the sample corpus    296 questions with planted faults
  ?   see every key

Or paste a path, or drop a file on this window."""


class CorporaScreen(WorkScreen):
    """The corpora of a workspace."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="home.open", tooltip="Look at the records of the corpus"),
        Binding("o", "add", "Open a file", id="home.add", tooltip="Take in files, or a repository of the Hub"),
        Binding("d", "sample", "Sample", id="home.sample", tooltip="Take in a sample corpus with planted faults"),
        Binding("i", "ingest", "Ingest", id="home.ingest", tooltip="Ingest the declared sources once more"),
        Binding("s", "cut", "Split", id="home.split", tooltip="Cut a version, with the settings used last"),
        Binding("t", "mode('train')", "Runs", show=False, id="home.runs"),
        Binding("r", "reread", "Read again", show=False, id="home.reread"),
        Binding("q", "app.leave", "Quit", id="quit"),
    ]

    def __init__(self, desk: Desk) -> None:
        """Begin with no corpus known."""
        super().__init__(desk)
        self.summaries: list[Summary] = []
        self._is_read = False
        self._wanted = ""
        """The corpus that the cursor goes to when it is listed."""

    def compose_body(self) -> ComposeResult:
        """Hold one table."""
        yield VirtualTable(Rows(_WIDE), note=_READING, id="corpora")

    def on_mount(self) -> None:
        """Name the place before anything is read."""
        self.set_title("corpora")

    def on_screen_resume(self) -> None:
        """Read what may have changed meanwhile."""
        self.refresh_data()

    def on_resize(self) -> None:
        """Show the columns that have room."""
        self._draw()

    def on_paste(self, event: events.Paste) -> None:
        """Take what is pasted for the names of files: terminals paste what is dropped on them."""
        event.stop()
        self.in_background(lambda: self._named(event.text), self._taken, SHEET)

    def refresh_data(self) -> None:
        """Read the list; what a corpus holds is counted after it is on the screen."""
        self.in_background(self._outline, self._take_outline)

    action_reread = refresh_data

    def _outline(self) -> list[Summary]:
        from workbench.services.looking.overview import outline

        with self.desk.store() as store:
            return outline(store)

    def _take_outline(self, found: list[Summary]) -> None:
        known = {(old.name, old.head): old for old in self.summaries if old.records is not None}
        self._is_read = True
        self.summaries = [_as_counted(new, known.get((new.name, new.head))) for new in found]
        self._draw()
        self._count_next()

    def _count_next(self) -> None:
        uncounted = (line for line in self.summaries if line.ingested and line.records is None and not line.fault)
        wanted = next(uncounted, None)
        if wanted is not None:
            self.in_background(lambda: self._count(wanted), self._take_count, "count")

    def _count(self, line: Summary) -> Summary:
        from workbench.services.looking.overview import counted

        with self.desk.store() as store:
            return counted(store, line)

    def _take_count(self, line: Summary) -> None:
        self.summaries = [line if old.name == line.name else old for old in self.summaries]
        self._draw()
        self._count_next()

    def _draw(self) -> None:
        table = self.query_one("#corpora", VirtualTable)
        columns = _columns(self.size.width)
        rows = [[_cells(line, columns)[column.label] for column in columns] for line in self.summaries]
        names = [line.name for line in self.summaries]
        cursor = names.index(self._wanted) if self._wanted in names else table.cursor
        self._wanted = ""
        table.set_source(Rows(columns, rows), cursor=cursor, note=_EMPTY if self._is_read else _READING)
        self.set_title("corpora", f"{len(self.summaries)}")

    @property
    def chosen(self) -> Summary | None:
        """Return the corpus under the cursor."""
        row = self.query_one("#corpora", VirtualTable).cursor
        return self.summaries[row] if row < len(self.summaries) else None

    def chosen_corpus(self) -> str:
        """Return the corpus under the cursor."""
        return self.chosen.name if self.chosen else ""

    def go_to(self, place: str) -> None:
        """Put the cursor on a corpus, now or as soon as it is listed."""
        self._wanted = place
        self._draw()
        self._wanted = place

    @on(VirtualTable.Selected)
    def action_open(self) -> None:
        """Open the records of the corpus under the cursor."""
        if self.chosen and self.chosen.fault:
            self.app.push_screen(ErrorSheet(UsageError(self.chosen.fault, self._where_to_mend(self.chosen.name))))
        elif self.chosen and not self.chosen.ingested:
            self.tell(f"{self.chosen.name} is not ingested yet: press i")
        elif self.chosen:
            self.app.show_mode("data", self.chosen.name)

    def _where_to_mend(self, corpus: str) -> str:
        workspace = self.desk.workspace
        return f"mend {workspace.relative(workspace.corpus_file(corpus))}, then press r here"

    def action_add(self) -> None:
        """Ask for files to take in."""
        self.app.push_screen(OpenSheet(Path.cwd()), self._opened)

    def _opened(self, what: Named | None) -> None:
        if isinstance(what, NamedRepository):
            self._show_repository(what)
        elif what:
            self.in_background(lambda: first_order(what), self._show_order, SHEET)

    def _taken(self, found: Order | NamedRepository) -> None:
        if isinstance(found, NamedRepository):
            self._show_repository(found)
        else:
            self._show_order(found)

    def _named(self, text: str) -> Order | NamedRepository:
        what = named(text, Path.cwd())
        return what if isinstance(what, NamedRepository) else first_order(what)

    def _show_repository(self, named: NamedRepository) -> None:
        from workbench.tui.screens.pull import PullSheet

        self.app.push_screen(PullSheet(self.desk, named), self._pull)

    def _pull(self, asked: Asked | None) -> None:
        from workbench.services.publishing.arriving import arrive

        if asked is not None:
            work = partial(arrive, self.desk.workspace, asked)
            name = f"pull {asked.repository}"
            self.begin(name, lambda report: self.desk.apart(work, report), self._pulled, corpus=asked.corpus)

    def _pulled(self, done: Arrived) -> None:
        self._show_deliveries(done.corpus, done.deliveries, done.said)

    def _show_order(self, order: Order) -> None:
        self.app.push_screen(IngestSheet(self.desk, order), self._accepted)

    def action_ingest(self) -> None:
        """Ingest the declared sources of the corpus under the cursor."""
        if self.chosen:
            self._begin(self.chosen.name, partial(self._ingest, self.chosen.name, None))

    def _accepted(self, order: Order | None) -> None:
        if order is not None:
            self._begin(order.corpus, partial(self._ingest, order.corpus, order))

    def _begin(self, corpus: str, work: Callable[[Report], list[Delivery]]) -> None:
        self.begin(f"ingest {corpus}", work, partial(self._show_deliveries, corpus), corpus=corpus)

    def _ingest(self, corpus: str, order: Order | None, report: Report) -> list[Delivery]:
        from workbench.services.intake.order import Order
        from workbench.services.intake.take_in import take_in

        return self.desk.apart(partial(take_in, self.desk.workspace, order or Order(corpus)), report)

    def action_sample(self) -> None:
        """Take in the sample corpus of the package."""
        self._begin(FIRST_SAMPLE, self._ingest_sample)

    def _ingest_sample(self, report: Report) -> list[Delivery]:
        from workbench.services.intake.take_in import take_in_sample

        return self.desk.apart(partial(take_in_sample, self.desk.workspace), report)

    def _show_deliveries(self, corpus: str, deliveries: Sequence[Delivery], said: Sequence[str] = ()) -> None:
        """Say what became of every row: on a sheet, or in a notice where another screen is looked at."""
        self.go_to(corpus)
        self.refresh_data()
        if self.app.screen is self:
            self.app.push_screen(IngestedSheet(corpus, deliveries, said))
            return
        for one in deliveries:
            self.tell(f"{one.name}: {in_words(one)}")

    def action_cut(self) -> None:
        """Cut a version of the corpus under the cursor."""
        if self.chosen:
            self.cut(self.chosen.name)

    def action_back(self) -> None:
        """Stay: there is nothing before this screen, and esc never quits."""


def _as_counted(line: Summary, before: Summary | None) -> Summary:
    """Return a line with the counts it had before, if it was counted."""
    if before is None:
        return line
    return replace(line, records=before.records, errors=before.errors, warnings=before.warnings)


def _columns(width: int) -> tuple[Column, ...]:
    """Return the columns that a terminal of some width has room for."""
    if width < _MIDDLE_ROOM:
        return _NARROW
    shown = _WIDE if width >= _ROOM else _MIDDLE
    rest = width - sum(column.width + 1 for column in shown) - 4  # the frame, and a gap behind the last column
    return (*shown, replace(_RUN, width=max(_LEAST, min(rest, _RUN.width))))


def _cells(line: Summary, columns: Sequence[Column]) -> dict[str, object]:
    """Return what a line shows, by the label of the column; a version's digest where there is room for it."""
    waits = "..." if line.ingested and not line.fault else ""
    counts = {"records": line.records, "errors": line.errors, "warnings": line.warnings}
    shown = {name: waits if count is None or line.fault else count for name, count in counts.items()}
    has_room = any(column.width > len(line.newest) for column in columns if column.label == _VERSION)
    newest = (line.newest if has_room else line.newest.rpartition("  ")[0]) or "none: press s to split"
    if line.fault:
        newest = line.fault
    elif not line.ingested:
        newest = "not ingested: press i"
    return {"corpus": line.name, "kind": line.kind, _VERSION: newest, "newest run": line.run, **shown}
