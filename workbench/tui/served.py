"""One session of `workbench serve`: `python -m workbench.tui.served WORKSPACE`, started by the server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from workbench.workspace import Workspace


def main() -> None:
    """Run the terminal interface over stdin and stdout, as packets of Textual's driver for the web."""
    # Textual reads this while it is imported.
    os.environ["TEXTUAL_DRIVER"] = "workbench.tui.web:ServedDriver"
    from workbench.tui.app import run

    run(Workspace(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
