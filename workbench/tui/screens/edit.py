"""Edit the fields of one record; nothing is kept before it is saved, and a refused value stays on the sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea
from textual.worker import Worker, WorkerState

from workbench.errors import WorkbenchError
from workbench.services.looking.column import Column
from workbench.text import show
from workbench.tui.desk import Desk
from workbench.tui.field_text import from_text, is_plain, to_text
from workbench.tui.screens.base import ENDED
from workbench.tui.widgets.safe_input import SafeTextArea
from workbench.tui.widgets.virtual_table import Rows, VirtualTable

if TYPE_CHECKING:
    from workbench.services.looking.contents import Contents
    from workbench.services.looking.detail import Detail
    from workbench.tui.app import WorkbenchApp

_COLUMNS = (Column("", 1), Column("field", 22), Column("as", 5), Column("what is wrong", 60))
_LOOK, _SAVE = "look", "save"
_PAUSE = 0.2
"""Seconds without a key after which the record is checked as it would be."""
_KEYS = "ctrl+s saves   tab: fields / text   esc leaves"


class EditSheet(ModalScreen[int]):
    """The fields of a record above the text of one of them; answers with the number of edits made."""

    app: WorkbenchApp
    CSS_PATH = "edit.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save", id="edit.save"),
        Binding("escape", "leave", "Leave without saving", id="edit.leave"),
    ]

    def __init__(self, desk: Desk, contents: Contents, detail: Detail) -> None:
        """Edit a record; fields of plain text are edited as they stand, all others as JSON."""
        super().__init__()
        self.desk, self.contents, self.row, self.shown = desk, contents, detail.row, detail.shown
        shown, text_fields = detail.shown, contents.opened.text_fields
        self.fields = tuple(shown.fields)
        self.plain = {name: is_plain(value, text_field=name in text_fields) for name, value in shown.fields.items()}
        self.before = {name: to_text(shown.fields[name], plain=self.plain[name]) for name in self.fields}
        self.drafts = dict(self.before)
        self.field = next((i["field"] for i in shown.issues if i["field"] in self.drafts), self.fields[0])
        self._warned = self._refused = False

    def compose(self) -> ComposeResult:
        """Hold the fields, the text of one, and a line for what is wrong."""
        with Vertical(id="edit"):
            yield Static(Content.assemble(("edit ", "bold"), self.shown.record[:16]), id="edit-title", markup=False)
            yield VirtualTable(Rows(_COLUMNS, self._rows()), id="edit-fields")
            yield SafeTextArea(self.drafts[self.field], id="edit-text", tab_behavior="focus")
            yield Static(_KEYS, id="edit-say", markup=False)

    def on_mount(self) -> None:
        """Begin in the text of the faulty field."""
        table = self.query_one("#edit-fields", VirtualTable)
        table.styles.height = min(len(self.fields) + 1, 9)
        table.set_source(table.source, cursor=self.fields.index(self.field))
        self._text.focus()

    @property
    def _text(self) -> SafeTextArea:
        return self.query_one("#edit-text", SafeTextArea)

    def _rows(self) -> list[tuple[str, ...]]:
        wrong = {issue["field"]: issue["message"] for issue in reversed(self.shown.issues)}
        kinds = {True: "text", False: "JSON"}
        return [
            ("!" if name in wrong else "", name, kinds[self.plain[name]], wrong.get(name, "")) for name in self.fields
        ]

    @on(VirtualTable.Moved, "#edit-fields")
    def _change_field(self, event: VirtualTable.Moved) -> None:
        if self.fields[event.row] != self.field:
            self.field = self.fields[event.row]
            self._text.load_text(self.drafts[self.field])

    @on(VirtualTable.Selected, "#edit-fields")
    def _go_to_text(self) -> None:
        self._text.focus()

    @on(TextArea.Changed, "#edit-text")
    def _keep_draft(self) -> None:
        self.drafts[self.field] = self._text.text
        self._warned = self._refused = False
        drafts = dict(self.drafts)
        self.set_timer(_PAUSE, lambda: self._look_at(drafts))

    def _look_at(self, drafts: dict[str, str]) -> None:
        """Say, once no key was pressed for a while, which rules the record would break by itself."""
        if drafts != self.drafts or self._warned or self._refused:
            return
        try:
            values = self._values()
        except WorkbenchError as error:
            self._say(error.what, "$text-error")
            return
        self.run_worker(lambda: self._faults(values), thread=True, exclusive=True, exit_on_error=False, group=_LOOK)

    def _faults(self, values: dict[str, Any]) -> str:
        from workbench.services.looking.detail import faults_of

        try:
            found = faults_of(self.contents, self.row, values)
        except WorkbenchError as error:
            return error.what
        worst = sorted(found, key=lambda issue: issue["severity"] != "error")
        return "".join(f"{one['rule']}: {one['message']}" for one in worst[:1])

    def _show_fault(self, fault: str) -> None:
        if fault:
            self._say(f"! {fault}", "$text-error")
        else:
            self._say(f"no rule is broken   {_KEYS}" if self.drafts != self.before else _KEYS)

    def _values(self) -> dict[str, Any]:
        changed = [name for name in self.fields if self.drafts[name] != self.before[name]]
        return {name: from_text(name, self.drafts[name], plain=self.plain[name]) for name in changed}

    def _say(self, line: str, style: str = "") -> None:
        self.query_one("#edit-say", Static).update(Content.assemble((show(line, lines=True), style)))

    @property
    def _is_saving(self) -> bool:
        """Say whether it is being saved: a second save would find nothing to do, and its answer hide the first's."""
        return any(one.group == _SAVE and one.node is self and not one.is_finished for one in self.workers)

    def action_save(self) -> None:
        """Save all changed fields at once."""
        if self._is_saving:
            return
        try:
            values = self._values()
        except WorkbenchError as error:
            self._say(f"{error.what}. {error.hint}", "$text-error")
            return
        record, corpus = self.shown.record, self.contents.opened.corpus
        self._say("saving ...")
        saving = self.run_worker(
            lambda: self.desk.edit(corpus, record, values, seen=self.shown.fields),
            thread=True,
            exclusive=True,
            exit_on_error=False,
            group=_SAVE,
        )
        self.app.hold_keys(saving)  # what is typed behind it is for the screen below, or for the text that was refused

    async def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Close after saving; keep the text where the service refused it."""
        if event.worker.group == _LOOK:
            if event.state is WorkerState.SUCCESS and not self._refused:  # why it was refused stays to be read
                self._show_fault(str(event.worker.result))
        elif event.state is WorkerState.SUCCESS:
            self.dismiss(event.worker.result)
        elif event.state is WorkerState.ERROR:
            error, self._refused = event.worker.error, True
            hint = f". {error.hint}" if isinstance(error, WorkbenchError) else ""
            self._say(f"{error}{hint}", "$text-error")
        if event.state in ENDED:
            await self.app.release_keys(event.worker)

    def action_leave(self) -> None:
        """Leave; text that was changed is given up only at the second key."""
        if self._is_saving:
            return
        if self.drafts != self.before and not self._warned:
            self._warned = True
            self._say("not saved yet: ctrl+s saves, esc once more gives it up", "$text-warning")
        else:
            self.dismiss(0)
