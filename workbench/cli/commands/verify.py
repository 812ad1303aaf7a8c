"""`workbench verify`: re-hash everything."""

from __future__ import annotations

import typer

from workbench.cli.options import AsJson, In, opened
from workbench.cli.output import result
from workbench.errors import ExitCode
from workbench.text import counted


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(verify)


def verify(as_json: AsJson = False, workspace: In = None) -> None:
    """Re-hash every object, the log's chain, each delivery and each version; faults end with exit code 1.

    \b
    Example: workbench verify
    """
    with opened(workspace) as store:
        from workbench.services.verify import verify as look

        found = look(store)
        rows = None if found else len(store.catalogue.rows())
    lines = found or [f"whole: {counted(rows or 0, 'log row')} and every object they name"]
    result({"whole": not found, "log_rows": rows, "faults": found}, lines, as_json=as_json)
    if found:
        raise typer.Exit(int(ExitCode.DATA))
