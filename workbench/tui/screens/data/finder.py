"""The line below the table: a text to search, or a condition over fields with their names completed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.suggester import Suggester
from textual.widgets import Static

from workbench.text import show
from workbench.tui.widgets.safe_input import SafeInput

_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*$")


class FieldSuggester(Suggester):
    """Completes the field name that is being written."""

    def __init__(self) -> None:
        """Begin without fields."""
        super().__init__(use_cache=False, case_sensitive=True)
        self.fields: Sequence[str] = ()

    async def get_suggestion(self, value: str) -> str | None:
        """Return the line with its last word completed."""
        word = _WORD.search(value)
        if word is None:
            return None
        whole = next((name for name in self.fields if name.startswith(word[0]) and name != word[0]), None)
        return None if whole is None or show(whole) != whole else value[: word.start()] + whole


class Finder(Vertical):
    """Two inputs, of which at most one is seen, and what is wrong with what was written."""

    def compose(self) -> ComposeResult:
        """Hold both lines."""
        self.suggester = FieldSuggester()
        yield SafeInput(
            placeholder="text to find; enter keeps it, esc ends the search", id="find", select_on_focus=False
        )
        yield SafeInput(
            placeholder="a condition, for example: lang = 'en' AND LENGTH(answer) > 40",
            id="where",
            suggester=self.suggester,
            select_on_focus=False,
        )
        yield Static(id="wrong", markup=False)

    def on_mount(self) -> None:
        """Begin unseen."""
        self.close()

    def open(self, name: str) -> None:
        """Show one of the two lines and write in it."""
        for line in self.query(SafeInput):
            line.display = line.id == name
        self.query_one(f"#{name}", SafeInput).focus()

    def close(self) -> None:
        """Take the lines away."""
        for line in self.query(SafeInput):
            line.display = False
        self.show_wrong("")

    @property
    def is_open(self) -> bool:
        """Say whether a line is seen."""
        return any(line.display for line in self.query(SafeInput))

    def clear(self) -> None:
        """Empty both lines."""
        for line in self.query(SafeInput):
            line.value = ""

    def text(self, name: str) -> str:
        """Return what stands in a line."""
        return self.query_one(f"#{name}", SafeInput).value

    def show_wrong(self, line: str) -> None:
        """Say what is wrong, or nothing."""
        wrong = self.query_one("#wrong", Static)
        wrong.update(Content.assemble((f" {show(line)}", "$text-error")) if line else "")
        wrong.display = bool(line)
