"""A sheet that asks for one line: a tag, a note."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from workbench.text import show
from workbench.tui.widgets.safe_input import SafeInput


class AskSheet(ModalScreen[str]):
    """One line over a screen; answers with it, or with nothing."""

    CSS_PATH = "ask.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", id="ask.leave")]

    def __init__(self, question: str, hint: str = "") -> None:
        """Ask a question; the hint stands in the empty line."""
        super().__init__()
        self.question, self.hint = question, hint

    def compose(self) -> ComposeResult:
        """Hold the question and the line."""
        with Vertical(id="ask"):
            yield Static(Content.assemble((show(self.question), "bold")), markup=False)
            yield SafeInput(placeholder=self.hint, id="line")
            yield Static(Content("enter keeps it   esc leaves"), markup=False)

    @on(Input.Submitted)
    def _answer(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        """Answer with nothing."""
        self.dismiss("")
