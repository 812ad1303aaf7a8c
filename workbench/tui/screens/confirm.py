"""A sheet that asks before many things are changed at once: how many, some of them, and what takes it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from workbench.text import show

Piece = str | tuple[str, str]
SAMPLES = 3
"""Things that are shown of what would be changed."""
_NAME, _CHANGE = 40, 300
"""Characters of a sample's name and of what becomes of it."""


def change_of(name: object, becomes: object) -> list[Piece]:
    """Return a sample: a record and what becomes of it, both untrusted."""
    return [(f"{show(name, limit=_NAME)}\n", "$text-accent"), f"  {show(becomes, limit=_CHANGE)}"]


class ConfirmSheet(ModalScreen[bool]):
    """A question over a screen; answers True for enter and False for esc."""

    CSS_PATH = "confirm.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "answer(True)", "Do it", id="confirm.yes"),
        Binding("escape,n,q", "answer(False)", "Leave it", id="confirm.no"),
    ]

    def __init__(
        self, question: str, samples: Sequence[Sequence[Piece]] = (), *, more: int = 0, after: str = ""
    ) -> None:
        """Ask a question, with pieces of safe text for each sample of what it is about.

        `more` is how many things like the samples there are besides; `after` says what comes of it.
        """
        super().__init__()
        self.question, self.samples, self.more, self.after = question, samples, more, after

    def compose(self) -> ComposeResult:
        """Show question, samples and keys."""
        pieces: list[Piece] = [(f"{show(self.question, lines=True)}\n", "bold")]
        for sample in self.samples:
            pieces += ["\n", *sample, "\n"]
        pieces += [f"\nand {self.more:,} more\n"] if self.more > 0 else []
        pieces += [f"\n{show(self.after, lines=True)}"] if self.after else []
        with VerticalScroll(id="confirm"):
            yield Static(Content.assemble(*pieces), markup=False)
            with Horizontal(id="answers"):
                yield Static(Content.styled("[enter] do it", "bold $text-success"), id="yes", markup=False)
                yield Static(Content("[esc] leave it"), id="no", markup=False)

    def on_click(self, event: object) -> None:
        """Take a click on one of the two keys for the key."""
        widget = getattr(event, "widget", None)
        if widget is not None and widget.id in ("yes", "no"):
            self.dismiss(widget.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """Take the sheet away with the answer."""
        self.dismiss(answer)
