"""Small choices on a sheet: a switch that is on or off, and one of a few words; marked by signs as well as colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static


class Changed(Message):
    """A choice was changed."""


class Toggle(Static, can_focus=True):
    """A switch: `[x] label` or `[ ] label`; space or a click turns it."""

    DEFAULT_CSS = """
    Toggle, Cycle {
        width: auto;
        margin-right: 2;
        &:focus { text-style: reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "turn", "Turn", show=False, id="toggle.turn")]

    value: reactive[bool] = reactive(False)

    def __init__(self, label: str, *, value: bool = False, id: str | None = None) -> None:
        """Show a label of safe words."""
        super().__init__(id=id, markup=False)
        self.label = label
        self.set_reactive(Toggle.value, value)

    def render(self) -> Content:
        """Return the switch and its label."""
        return Content(f"[{'x' if self.value else ' '}] {self.label}")

    def action_turn(self) -> None:
        """Turn the switch."""
        self.value = not self.value
        self.post_message(Changed())

    def on_click(self) -> None:
        """Turn the switch."""
        self.action_turn()


class Cycle(Static, can_focus=True):
    """One of a few words: `< word >`; arrows, space or a click take the next."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", "The one before", show=False, id="cycle.before"),
        Binding("right,l,space", "step(1)", "The next", show=False, id="cycle.next"),
    ]

    place: reactive[int] = reactive(0)

    def __init__(self, options: Sequence[str], *, id: str | None = None) -> None:
        """Show the first of some safe words."""
        super().__init__(id=id, markup=False)
        self.options = tuple(options)

    @property
    def value(self) -> str:
        """Return the word that is chosen."""
        return self.options[self.place]

    def render(self) -> Content:
        """Return all words, the chosen one between angles."""
        words = ((f"<{word}>", "bold") if word == self.value else f" {word} " for word in self.options)
        return Content.assemble(*words)

    def action_step(self, steps: int) -> None:
        """Choose another word."""
        self.place = (self.place + steps) % len(self.options)
        self.post_message(Changed())

    def on_click(self) -> None:
        """Choose the next word."""
        self.action_step(1)
