"""The console script and `python -m workbench`: the command line, with the terminal interface behind it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from workbench.cli.main import run
from workbench.errors import UsageError
from workbench.workspace import Workspace

_ENGINE = "daft"


def open_interface(place: Workspace | Path) -> None:
    """Open the terminal interface on a workspace, or on a folder that has none yet, where it asks to make one.

    It is imported only now, because a command needs none of it.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the terminal interface needs a terminal", "name a command: workbench --help")
    from workbench.tui.app import run as run_interface

    run_interface(place)


def main() -> None:
    """Run the command line; without a command it opens the terminal interface."""
    try:
        run(open_interface)
    except SystemExit as end:
        if end.code and _ENGINE in sys.modules:
            # What it was doing goes on in threads, and the interpreter, ending beneath them, would abort.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(int(end.code))
        raise


if __name__ == "__main__":
    main()
