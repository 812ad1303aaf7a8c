"""Inputs that let no control character in: what is pasted passes the same gate as what is shown."""

from __future__ import annotations

from textual import events
from textual.widgets import Input, TextArea

from workbench.text import show


class SafeInput(Input):
    """One line of text."""

    def _on_paste(self, event: events.Paste) -> None:
        # The base class' handler runs after this one and takes the text from the event.
        event.text = show(event.text, lines=True)


class SafeTextArea(TextArea):
    """Lines of text."""

    async def _on_paste(self, event: events.Paste) -> None:
        event.text = show(event.text.replace("\r\n", "\n").replace("\r", "\n"), lines=True)
