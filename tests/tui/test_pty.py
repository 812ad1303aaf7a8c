"""A fact about the real terminal: no escape sequence of a record, a file name or a log reaches it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from workbench.training.runs import RunFolder
from workbench.workspace import Workspace

START = """
import sys
from pathlib import Path
from workbench.tui.app import run
from workbench.workspace import Workspace
run(Workspace(Path(sys.argv[1])))
"""
PATIENCE = 60.0
"""Seconds after which a text is given up; a machine under load may need many of them."""
SEQUENCES = (b"\x1b]52", b"\x1b[5;5H", b"PWN-TITLE\x1b", b"\x1b]0;PWN", "\x9b2J".encode(), "\u202e".encode())


class Terminal:
    """The program in a terminal of its own, and everything it wrote there."""

    def __init__(self, primary: int, child: subprocess.Popen[bytes]) -> None:
        self.primary, self.child = primary, child
        self.written = b""
        self.pressed_at = 0

    def until(self, shown: str, *, patience: float = PATIENCE) -> None:
        """Read until a text was written after the last key."""
        deadline = time.monotonic() + patience
        while shown.encode() not in self.written[self.pressed_at :]:
            ready, _, _ = select.select([self.primary], [], [], max(deadline - time.monotonic(), 0))
            assert ready and time.monotonic() < deadline, (
                f"{shown!r} never came; the end of what did: {self.written[-2000:]!r}"
            )
            self.written += os.read(self.primary, 65536)

    def press(self, keys: str) -> None:
        self.pressed_at = len(self.written)
        os.write(self.primary, keys.encode())


@contextmanager
def terminal(
    place: Workspace | Path, program: str = START, environment: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """Run the application in a pseudo-terminal of 36 lines and 140 columns, in a process group of its own."""
    primary, secondary = pty.openpty()
    fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 140, 0, 0))
    # COLUMNS and LINES of whoever runs the tests would win over the size of this terminal.
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    own = inherited | {"TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"} | dict(environment or {})
    command = [sys.executable, "-c", program, str(place.root if isinstance(place, Workspace) else place)]
    ends = {"stdin": secondary, "stdout": secondary, "stderr": secondary}
    child = subprocess.Popen(command, **ends, env=own, process_group=0, preexec_fn=_as_a_terminal_does)
    os.close(secondary)
    try:
        yield Terminal(primary, child)
    finally:
        child.kill()
        child.wait()
        os.close(primary)


def _as_a_terminal_does() -> None:
    """Let a hang-up end the program also where whoever runs the tests ignores it, as under `nohup`."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def test_no_escape_sequence_of_the_data_reaches_the_terminal(workspace: Workspace) -> None:
    run = RunFolder.create(workspace.runs / "first")
    run.set_state("failed", "because \x1b]52;c;UFdOLVJVTg==\x07")
    run.log.write_text("begin \x1b]0;PWN-LOG\x07\x1b[5;5H end of the log\n", encoding="utf-8")
    with terminal(workspace) as screen:
        screen.until("hostile")
        screen.until("press s to split")
        screen.press("\r")
        screen.until("Mediterranean")
        for moved in ("INST", "app.quit", "unclosed", "moved", "clip", "title", "cleared", "gnp.exe"):
            screen.press("j")
            screen.until(moved)
        screen.press("e")
        screen.until("ctrl+s")
        screen.press("\x1b")
        screen.until("unclosed")
        screen.press("3")
        screen.until("end of the log")
        screen.press("q")
        screen.until("\x1b[?1049l")
        assert [sequence for sequence in SEQUENCES if sequence in screen.written] == []
