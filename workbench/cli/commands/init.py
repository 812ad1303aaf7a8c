"""`workbench init`: make a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.options import AsJson
from workbench.cli.output import result


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder to make it in.")] = Path(),
    bare: Annotated[bool, typer.Option("--bare", help="Leave the sample corpora out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a workspace with schemas, recipes and the sample corpora; what is there is kept.

    \b
    Example: workbench init ~/tuning
    """
    from workbench.workspace import Workspace

    workspace = Workspace.create(folder, with_samples=not bare)
    facts = {
        "workspace": str(workspace.root),
        "corpora": workspace.corpora(),
        "schemas": workspace.named("schemas"),
        "recipes": workspace.named("recipes"),
    }
    first = facts["corpora"][0] if facts["corpora"] else "FILE --corpus NAME"
    lines = [
        f"workspace {workspace.root}",
        *(f"  {k}: {', '.join(v) or 'none yet'}" for k, v in facts.items() if isinstance(v, list)),
        f"next, in that folder: workbench ingest {first}, or workbench alone for the terminal interface",
    ]
    result(facts, lines, as_json=as_json)
