"""A table of things to choose: arrows change what the line under the cursor says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from workbench.services.looking.column import Column
from workbench.tui.widgets.virtual_table import Rows, VirtualTable

if TYPE_CHECKING:
    from workbench.services.intake.choices import Choice

_COLUMNS = (Column("", 1), Column("choice", 14), Column("as", 30), Column("", 60))


class ChoiceTable(VirtualTable):
    """Choices, one a line; it tells which one is to change, and by how many options."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "cycle(-1)", "Choose the one before", show=False, id="choice.before"),
        Binding("right,l,space", "cycle(1)", "Choose the next one", show=False, id="choice.next"),
    ]

    class Cycled(Message):
        """Another option is wanted for a choice."""

        def __init__(self, choice: Choice, value: str) -> None:
            """Name the choice and the option."""
            self.choice, self.value = choice, value
            super().__init__()

    def __init__(self, id: str | None = None) -> None:
        """Begin with nothing to choose."""
        super().__init__(Rows(_COLUMNS), note="reading ...", id=id)
        self.choices: list[Choice] = []

    def set_choices(self, choices: Sequence[Choice]) -> None:
        """Show choices; the cursor stays on the one it was on, and begins on one that is missing."""
        name = self.chosen.name if self.chosen else next((new.name for new in choices if new.is_missing), "")
        self.choices = list(choices)
        at = next((row for row, choice in enumerate(self.choices) if choice.name == name), self.cursor)
        self.styles.height = len(self.choices) + 1
        self.set_source(Rows(_COLUMNS, [_cells(choice) for choice in self.choices]), cursor=at)

    @property
    def chosen(self) -> Choice | None:
        """Return the choice under the cursor."""
        return self.choices[self.cursor] if self.cursor < len(self.choices) else None

    def action_cycle(self, steps: int) -> None:
        """Take another option of the choice under the cursor, and tell of it."""
        choice = self.chosen
        if choice and len(choice.options) > (choice.value in choice.options):
            value = _after(choice, steps)
            self.put(choice, value)
            self.post_message(self.Cycled(choice, value))

    def put(self, choice: Choice, value: str) -> None:
        """Show another value at once: the next key goes on from it, whoever hears of this one later."""
        changed = replace(choice, value=value, is_missing=False)
        self.set_choices([changed if old.name == choice.name else old for old in self.choices])


def _after(choice: Choice, steps: int) -> str:
    if choice.value not in choice.options:
        return choice.options[0]
    return choice.options[(choice.options.index(choice.value) + steps) % len(choice.options)]


def _cells(choice: Choice) -> tuple[str, ...]:
    value = f"‹ {choice.value} ›" if choice.options[1:] else choice.value
    value = value if choice.value else "‹ none ›"
    return "!" if choice.is_missing else "", choice.label, value, choice.note
