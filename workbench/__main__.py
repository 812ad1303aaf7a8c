"""The console script and `python -m workbench`: the command line, with the terminal interface behind it."""

from __future__ import annotations

from workbench.cli.main import run
from workbench.workspace import Workspace


def open_interface(workspace: Workspace) -> None:
    """Open the terminal interface; it is imported only now, because a command needs none of it."""
    from workbench.tui.app import run as run_interface

    run_interface(workspace)


def main() -> None:
    """Run the command line; without a command it opens the terminal interface."""
    run(open_interface)


if __name__ == "__main__":
    main()
