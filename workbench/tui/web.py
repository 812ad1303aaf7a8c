"""Textual's driver for a browser, kept from what would tear its stream, and ended when nobody is at the other end."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any

from textual.app import App
from textual.drivers.web_driver import WebDriver
from textual.events import AppFocus
from textual.messages import ExitApp


class ServedDriver(WebDriver):
    """Speaks over the pipes of the server that started the application."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        """Keep stdout for packets alone: what a library or a child process prints goes to stderr."""
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        packets = os.dup(self.fileno)
        os.dup2(sys.stderr.fileno(), self.fileno)
        self.fileno = packets
        self._write = partial(os.write, packets)

    def start_application_mode(self) -> None:
        """Begin with the keys going where they go in a terminal; upstream begins as a window that is not looked at."""
        super().start_application_mode()
        self._app.call_later(self._app.post_message, AppFocus())

    def run_input_thread(self) -> None:
        """Read until the pipe is closed; then the server is gone, and so is the screen."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self.send_message(ExitApp())
