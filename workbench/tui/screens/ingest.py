"""The ingest sheet: how files would be read and mapped, with rows as they will be; enter takes them in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, Static
from textual.worker import Worker, WorkerState

from workbench.errors import WorkbenchError
from workbench.services.looking.column import Column
from workbench.text import counted, show
from workbench.tui.desk import Desk
from workbench.tui.screens.sheets import Piece, Sheet
from workbench.tui.widgets.choice_table import ChoiceTable
from workbench.tui.widgets.safe_input import SafeInput
from workbench.tui.widgets.virtual_table import Rows, VirtualTable

if TYPE_CHECKING:
    from workbench.services.intake.choices import Choice
    from workbench.services.intake.ingest import Delivery
    from workbench.services.intake.order import Order
    from workbench.services.intake.preview import Preview
    from workbench.tui.app import WorkbenchApp

_KEYS = "enter takes it in   ← → choose   e types   tab rows   esc leaves"
_KEYS_OF_SEVERAL = "enter takes all in   [ ] other files   ← → choose   e types   esc leaves"
_PAUSE = 0.12
"""Seconds without a key after which the file is looked at again."""
_GUESSES = 2
_NARROWEST, _WIDEST = 12, 40
_BLANK = (Column("rows as they will be", _WIDEST),)


class IngestSheet(ModalScreen["Order | None"]):
    """What an ingest of some files would do; answers with the order, or with None."""

    CSS_PATH = "ingest.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "Take it in", id="ingest.accept"),
        Binding("e", "type", "Type what is under the cursor", id="ingest.type"),
        Binding("right_square_bracket", "file(1)", "Next file", show=False, id="ingest.next"),
        Binding("left_square_bracket", "file(-1)", "File before", show=False, id="ingest.before"),
        Binding("escape", "leave", "Leave", id="ingest.leave"),
    ]

    def __init__(self, desk: Desk, order: Order) -> None:
        """Begin with an order that leaves all to be detected."""
        super().__init__()
        self.desk, self.order = desk, order
        self.number = 0
        self.seen: Preview | None = None
        self._looked_at: tuple[Order, int] | None = None
        """What `seen` shows; another order or file is still to be looked at."""
        self._shown: int | None = None
        """The file whose choices stand in the table."""
        self._accepting = False
        self._pause: Timer | None = None

    def compose(self) -> ComposeResult:
        """Hold the choices, rows as they will be, and what would become of the others."""
        with Vertical(id="ingest"):
            yield Static(id="ingest-title", markup=False)
            yield ChoiceTable(id="choices")
            yield VirtualTable(Rows(_BLANK), id="samples")
            yield Static(id="verdict", markup=False)
            yield SafeInput(id="typed")
            yield Static(_KEYS_OF_SEVERAL if len(self.order.files) > 1 else _KEYS, id="ingest-keys", markup=False)

    def on_mount(self) -> None:
        """Look at the first file."""
        self.query_one("#typed").display = False
        self._look()

    @property
    def _table(self) -> ChoiceTable:
        return self.query_one("#choices", ChoiceTable)

    def _look(self) -> None:
        order, number = self.order, self.number
        self._title("reading ...")
        self.run_worker(lambda: self._preview(order, number), thread=True, exclusive=True, exit_on_error=False)

    def _preview(self, order: Order, number: int) -> tuple[Order, int, Preview | WorkbenchError]:
        from workbench.services.intake.preview import preview

        try:
            with self.desk.store() as store:
                return order, number, preview(store, order, number)
        except WorkbenchError as error:
            return order, number, error

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show what was seen, or why nothing could be."""
        if event.state is WorkerState.ERROR:
            self._say([("$text-error", f"A fault of the workbench: {event.worker.error!r}")])
        elif event.state is WorkerState.SUCCESS and event.worker.result is not None:
            order, number, found = event.worker.result
            if (order, number) == (self.order, self.number):
                self._looked_at = (order, number)
                self._take(found)

    def _take(self, found: Preview | WorkbenchError) -> None:
        from workbench.services.intake.choices import choices, first_choices

        if isinstance(found, WorkbenchError):
            self.seen = None
            self._title("")
            if self._shown != self.number:  # else what was chosen last can be chosen otherwise
                self._table.set_choices(first_choices(self.order))
            self._draw_samples(None)
            self._say([("$text-error", f"! {found.what}"), ("", found.hint)])
        else:
            self.seen, self._shown = found, self.number
            self._title(_size(found))
            self._table.set_choices(choices(found))
            self._draw_samples(found)
            self._say(_verdict(found))
        if self._accepting:
            self.action_accept()

    def _title(self, detail: str) -> None:
        files = self.order.files
        which = f"  {self.number + 1} of {len(files)} files" if len(files) > 1 else ""
        name = show(files[self.number].name, limit=60)
        title = Content.assemble((f"Take in {name}", "bold"), f"{which}  ", (detail, "$foreground-muted"))
        self.query_one("#ingest-title", Static).update(title)

    def _draw_samples(self, seen: Preview | None) -> None:
        columns, rows = _samples(seen, self.size.width) if seen else (_BLANK, [])
        self.query_one("#samples", VirtualTable).set_source(Rows(columns, rows), note="no row to show")

    def _say(self, lines: Sequence[tuple[str, str]]) -> None:
        pieces = [(show(line, limit=400) + "\n", style) for style, line in lines if line]
        self.query_one("#verdict", Static).update(Content.assemble(*pieces).rstrip())

    @on(ChoiceTable.Cycled)
    def _cycle(self, event: ChoiceTable.Cycled) -> None:
        self._choose(event.choice, event.value)

    @on(VirtualTable.Selected, "#choices")
    def action_type(self) -> None:
        """Type what the line under the cursor shall say."""
        choice = self._table.chosen
        if choice:
            line = self.query_one("#typed", SafeInput)
            line.placeholder = f"{choice.label}: a column, or an expression like {{a}}"
            line.put(show(choice.value))
            line.display = True
            line.focus()

    @on(Input.Submitted, "#typed")
    def _typed(self, event: Input.Submitted) -> None:
        choice = self._table.chosen
        self._hide_line()
        if choice and event.value.strip() != choice.value:
            self._table.put(choice, event.value.strip())
            self._choose(choice, event.value.strip())

    def _hide_line(self) -> None:
        self.query_one("#typed").display = False
        self._table.focus()

    def _choose(self, choice: Choice, value: str) -> None:
        from workbench.services.intake.choices import choices, chosen

        try:
            self.order = chosen(self.order, choice.name, value)
        except WorkbenchError as error:
            self._table.set_choices(choices(self.seen) if self.seen else [])
            self._say([("$text-error", f"! {error.what}"), ("", error.hint)])
            return
        if self._pause:
            self._pause.stop()
        self._pause = self.set_timer(_PAUSE, self._look)

    def action_file(self, steps: int) -> None:
        """Look at another one of the files."""
        if len(self.order.files) > 1:
            self.number = (self.number + steps) % len(self.order.files)
            self._look()

    def action_accept(self) -> None:
        """Take the files in, once what was chosen last has been looked at."""
        from workbench.services.intake.choices import settled

        self._accepting = self._looked_at != (self.order, self.number)
        if self._accepting:
            self._title("reading ... and then taking it in")
        elif self.seen is not None and not self.seen.problem:
            self.dismiss(settled(self.order, self.seen))
        else:
            self.app.bell()

    def action_leave(self) -> None:
        """Give up the line that is typed, else the sheet."""
        if self.query_one("#typed").display:
            self._hide_line()
        else:
            self.dismiss(None)


def _size(seen: Preview) -> str:
    whole = f"{seen.size / 1e6:,.1f} MB" if seen.size >= 1e5 else f"{seen.size:,} bytes"
    return whole if seen.is_whole else f"the beginning of {whole}"


def _samples(seen: Preview, width: int) -> tuple[Sequence[Column], list[tuple[str, ...]]]:
    """Return the first rows as the records they would become; where nothing can be yet, as they stand in the file."""
    if seen.problem:
        return _columns(seen.columns, width), list(seen.raw)
    shown = [number for number, place in enumerate(seen.places) if place.expression]
    rows = [
        (f"! {one.reason}", *[""] * (len(shown) - 1)) if one.reason else tuple(one.cells[number] for number in shown)
        for one in seen.tried.samples
    ]
    return _columns([seen.places[number].field for number in shown], width), rows


def _columns(names: Sequence[str], width: int) -> Sequence[Column]:
    """Return a column a name, as wide as the screen allows."""
    each = max(_NARROWEST, min(_WIDEST, (width - 16) // max(len(names), 1) - 1))
    return [Column(name, each) for name in names] or _BLANK


def _verdict(seen: Preview) -> list[tuple[str, str]]:
    """Return what would become of the rows, in lines with their style."""
    tried = seen.tried
    if seen.problem:
        return [
            ("$text-error", f"! {seen.problem}"),
            ("", "choose a column for it with ← →, or another kind or reader"),
        ]
    which = f"{tried.rows:,} rows tried" if seen.is_whole else f"first {tried.rows:,} rows tried"
    if tried.quarantined:
        fate = ("$text-warning", f"! {which}: {tried.quarantined:,} would go to quarantine; {tried.reason}")
    else:
        fate = ("$text-success", f"+ {which}: every one becomes a record")
    faults = f"! {counted(tried.faulty, 'record')} would have errors: faulty records come in too, listed as issues"
    guesses = [("$text-warning", f"? {guess}") for guess in seen.guesses[:_GUESSES]]
    shared = [
        ("$text-warning", f"? column {name} goes to more than one field: {', '.join(fields)}")
        for name, fields in seen.shared.items()
    ]
    unread = [("", f"no field takes {', '.join(seen.unread)}")] if seen.unread else []
    return [fate, *([("$text-warning", faults)] if tried.faulty else []), *shared, *guesses, *unread]


class IngestedSheet(Sheet):
    """What became of every row of an ingest; enter goes on to the records."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", "Open its records", id="ingested.open")]

    app: WorkbenchApp

    def __init__(self, corpus: str, deliveries: Sequence[Delivery], said: Sequence[str] = ()) -> None:
        """Show deliveries, and lines that were said of all of them."""
        super().__init__()
        self.corpus, self.deliveries, self.said = corpus, deliveries, said

    def pieces(self) -> Iterator[Piece]:
        """Yield the count of each file, and what was guessed of it."""
        yield f"{show(self.corpus)} is in\n\n", "bold $text-success"
        for one in self.deliveries:
            yield f"{show(one.name)}", "bold"
            yield f"  {one.reader}, {show(one.encoding)}\n"
            yield f"  {in_words(one)}\n", "" if not one.quarantined else "$text-warning"
            for guess in one.guesses:
                yield f"  ? {show(guess)}\n", "$text-warning"
            if one.left_over:
                yield f"  {show(one.left_over)}\n", "$foreground-muted"
            if one.left:
                yield (
                    f"  ! gone: {counted(one.left, 'record')} that it held before and holds no more\n",
                    "$text-warning",
                )
            if one.conflicts:
                yield f"  ! {one.conflicts:,} edits no longer fit their records\n", "$text-warning"
        yield "\n" if self.said else ""
        for line in self.said:
            yield f"{show(line, limit=300)}\n"
        yield "\nenter opens its records", "$foreground-muted"

    def action_open(self) -> None:
        """Go to the records of the corpus."""
        self.dismiss()
        self.app.show_mode("data", self.corpus)


def in_words(one: Delivery) -> str:
    """Return the count of a delivery: every row read is kept, merged or quarantined."""
    return f"read {one.read:,} = kept {one.kept:,} + merged {one.merged:,} + quarantined {one.quarantined:,}"


def first_order(files: tuple[Path, ...]) -> Order:
    """Return an order for files with nothing chosen yet."""
    from workbench.services.intake.choices import name_for
    from workbench.services.intake.order import Order

    return Order(name_for(files[0]), files)
