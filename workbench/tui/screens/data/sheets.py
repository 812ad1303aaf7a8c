"""Sheets over the records: the raw bytes of one, an edit that no longer fits, a row that could not be read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from workbench.text import moment, show
from workbench.tui.screens.sheets import Piece, Sheet
from workbench.tui.widgets.safe_input import SafeTextArea

if TYPE_CHECKING:
    from workbench.services.records.bulk import Settlement
    from workbench.store.edits import Conflict

_LENGTH = 6000
_ANSWERS = "k keeps what is there   t takes the edit   x drops the record   esc leaves it open"


class RawSheet(Sheet):
    """The bytes that a record was read from."""

    CSS_PATH = "../sheets.tcss"

    def __init__(self, record: str, raw: Mapping[str, Any]) -> None:
        """Show a record's bytes, as `lineage.bytes_of` gives them, with their `delivery`."""
        super().__init__()
        self.record, self.raw = record, raw

    def pieces(self) -> Iterator[Piece]:
        """Yield where the bytes stand, then the bytes."""
        delivery = self.raw["delivery"]
        yield f"{self.record[:16]} as it was delivered\n", "bold"
        yield f"{show(delivery.subject)}  {show(moment(delivery.at))}  sha256 {delivery.body['digest'][:16]}\n\n"
        if self.raw["text"] is None:
            yield show(self.raw["reason"]), "$text-warning"
            return
        yield show(self.raw["text"], lines=True, limit=_LENGTH)
        if self.raw["shown"] < self.raw["bytes"]:
            yield f"\n{self.raw['bytes'] - self.raw['shown']:,} more bytes", "$foreground-muted"


class ConflictSheet(ModalScreen["Settlement | None"]):
    """What an edit wants and what stands there now; answers how to settle that, or not at all."""

    CSS_PATH = "../sheets.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "answer('keep')", "Keep what is there", id="conflict.keep"),
        Binding("t", "answer('take')", "Take what the edit wants", id="conflict.take"),
        Binding("x", "answer('drop')", "Drop the record", id="conflict.drop"),
        Binding("escape,q", "answer(None)", "Leave it open", id="conflict.leave"),
    ]

    def __init__(self, conflict: Conflict) -> None:
        """Ask about one edit."""
        super().__init__()
        self.conflict = conflict

    def compose(self) -> ComposeResult:
        """Show both values and the keys."""
        edit, wanted = self.conflict.edit, self.conflict.edit.value
        whole = "dropped" if wanted else "brought back"
        with VerticalScroll(id="sheet"):
            yield Static(
                Content.assemble(
                    (f"{show(edit.record[:16])}  {show(edit.field) or 'the whole record'}\n", "bold"),
                    "The value that this edit was made for is not there any more.\n",
                    ("\nis now\n", "$text-accent"),
                    _value(self.conflict.found),
                    ("\n\nthe edit wants\n", "$text-accent"),
                    _value(wanted) if edit.field else whole,
                    (f"\n\n{show(edit.reason)}" if edit.reason else "", "$foreground-muted"),
                ),
                markup=False,
            )
            yield Static(Content.styled(_ANSWERS, "$foreground-muted"), classes="keys", markup=False)

    def action_answer(self, how: Settlement | None) -> None:
        """Close with the answer."""
        self.dismiss(how)


def _value(value: Any) -> str:  # noqa: ANN401 - any field
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return show(text, lines=True, limit=_LENGTH)


class ReadmitSheet(ModalScreen["dict[str, Any] | None"]):
    """The bytes of a row that could not be read, above what it shall come back as; answers with that."""

    CSS_PATH = "../edit.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Bring it back", id="readmit.save"),
        Binding("escape", "leave", "Leave it", id="readmit.leave"),
    ]

    def __init__(self, reject: Mapping[str, Any], columns: tuple[str, ...]) -> None:
        """Edit a row in quarantine; `columns` are the raw columns that its source has."""
        super().__init__()
        self.reject = reject
        text = bytes(reject["raw"]).decode("utf-8", "replace")
        begun = text.lstrip().startswith("{")
        # Hidden characters would be lost in the text area; as JSON they can be written as numbers.
        self.text = show(text, lines=True) if begun else json.dumps(dict.fromkeys(columns, ""), indent=2)
        self._warned = False

    def compose(self) -> ComposeResult:
        """Hold the bytes, the row as JSON, and a line for what is wrong."""
        raw = show(bytes(self.reject["raw"]).decode("utf-8", "replace"), lines=True, limit=_LENGTH)
        with Vertical(id="edit"):
            yield Static(
                Content.assemble((f"! {show(self.reject['reason'])}\n", "$text-error"), raw),
                id="readmit-raw",
                markup=False,
            )
            yield SafeTextArea(self.text, id="edit-text", tab_behavior="focus")
            yield Static("one JSON object   ctrl+s brings it back   esc leaves", id="edit-say")

    def on_mount(self) -> None:
        """Begin in the text."""
        self.query_one(SafeTextArea).focus()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Say at once whether this is a row."""
        self._warned = False
        fault = self._fault(event.text_area.text)
        self._say(fault or "ctrl+s brings it back", "$text-error" if fault else "")

    def _fault(self, text: str) -> str:
        try:
            row = json.loads(text)
        except json.JSONDecodeError as error:
            return f"no JSON yet: {error.msg} at line {error.lineno}, column {error.colno}"
        except (ValueError, RecursionError) as error:  # a number of thousands of digits, or lists in lists without end
            return f"this cannot be read: {error}"
        return "" if isinstance(row, dict) else "this is no JSON object"

    def _say(self, line: str, style: str = "") -> None:
        self.query_one("#edit-say", Static).update(Content.assemble((show(line), style)))

    def action_save(self) -> None:
        """Answer with the row, if it is one."""
        text = self.query_one(SafeTextArea).text
        if not self._fault(text):
            self.dismiss(json.loads(text))

    def action_leave(self) -> None:
        """Leave; text that was changed is given up only at the second key."""
        if self.query_one(SafeTextArea).text != self.text and not self._warned:
            self._warned = True
            self._say("not saved yet: ctrl+s brings it back, esc once more gives it up", "$text-warning")
        else:
            self.dismiss(None)
