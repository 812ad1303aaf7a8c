"""Look for rows in a thread, and tell the screen what was found so far."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.message import Message
from textual.message_pump import MessagePump
from textual.worker import get_current_worker

from workbench.errors import WorkbenchError
from workbench.services.looking.lens import Lens

if TYPE_CHECKING:
    from workbench.services.looking.contents import Contents
    from workbench.services.looking.finding import Found
    from workbench.store.view import Rows

_SOON = 0.12
"""Seconds between two words of a search that is under way."""


class FoundSome(Message):
    """Rows that a search came upon so far."""

    def __init__(self, contents: Contents, lens: Lens, found: Found) -> None:
        """Carry what was looked through, what was looked for, and the rows."""
        self.contents, self.lens, self.found = contents, lens, found
        super().__init__()


class Wrong(Message):
    """A condition that cannot be carried out."""

    def __init__(self, lens: Lens, error: WorkbenchError) -> None:
        """Carry what was looked for, and why it cannot be."""
        self.lens, self.error = lens, error
        super().__init__()


def tell_found(screen: MessagePump, contents: Contents, lens: Lens, marked: Rows) -> None:
    """Post the rows of a lens to a screen, more and more of them; to be run in a worker, which a cancel ends soon."""
    from workbench.services.looking.finding import look

    worker, told = get_current_worker(), 0.0
    try:
        for found in look(contents, lens, marked):
            if worker.is_cancelled:
                return
            if found.is_whole or not told or time.monotonic() - told > _SOON:
                told = time.monotonic()
                screen.post_message(FoundSome(contents, lens, found))
    except WorkbenchError as error:
        screen.post_message(Wrong(lens, error))
