"""Inputs that let no control character in: what is pasted passes the same gate as what is shown."""

from __future__ import annotations

from textual import events
from textual.widgets import Input, TextArea

from workbench.text import show


class SafeInput(Input):
    """One line of text."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Say whether a key is typed here; Textual does not know the slash, and would promise that it does more."""
        return key == "slash" or super().check_consume_key(key, character)

    def _on_paste(self, event: events.Paste) -> None:
        # The base class' handler runs after this one and takes the text from the event.
        event.text = show(event.text, lines=True)
        self.call_after_refresh(self.show_cursor)

    def put(self, value: str) -> None:
        """Replace the text, with the cursor at its end and in sight."""
        self.value = value
        self.cursor_position = len(value)
        self.call_after_refresh(self.show_cursor)

    def show_cursor(self) -> None:
        """Scroll to the cursor: where a text grows by more than the line is wide, the base class stays behind."""
        self.scroll_to(x=self.cursor_position, animate=False, force=True)


class SafeTextArea(TextArea):
    """Lines of text."""

    async def _on_paste(self, event: events.Paste) -> None:
        event.text = show(event.text.replace("\r\n", "\n").replace("\r", "\n"), lines=True)
