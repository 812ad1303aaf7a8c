"""`workbench init`: make a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.cli.options import AsJson, Place, one_folder
from workbench.cli.output import progress, result


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Folder to make it in; default: where you stand.")
    ] = None,
    bare: Annotated[bool, typer.Option("--bare", help="Leave the sample corpora out.")] = False,
    objects: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Keep raw files and segments at an address too, on any store of fsspec; see docs."
        ),
    ] = None,
    as_json: AsJson = False,
    option: Place = None,
) -> None:
    """Make a workspace with schemas, recipes and the sample corpora; what is there is kept.

    \b
    Examples:
      workbench init ~/tuning
      workbench init ~/tuning --objects s3://bucket/tuning
    """
    from workbench.store.catalogue import Catalogue
    from workbench.workspace import Workspace

    workspace = Workspace.create(one_folder(folder, option) or Path(), with_samples=not bare)
    Catalogue(workspace.catalogue).close()  # the log stands from the beginning
    facts: dict[str, Any] = {
        "workspace": str(workspace.root),
        "corpora": workspace.corpora(),
        "schemas": workspace.named("schemas"),
        "recipes": workspace.named("recipes"),
    }
    if objects is not None:
        from workbench.services.elsewhere import keep_at

        facts["objects"] = {"address": objects, "sent": keep_at(workspace, objects, progress)}
    first = facts["corpora"][0] if facts["corpora"] else "FILE --corpus NAME"
    lines = [
        f"workspace {workspace.root}",
        *(f"  {k}: {', '.join(v) or 'none yet'}" for k, v in facts.items() if isinstance(v, list)),
        *([f"  objects: here and at {objects}, {facts['objects']['sent']:,} sent"] if objects else []),
        f"next, in that folder: workbench ingest {first}, or workbench alone for the terminal interface",
    ]
    result(facts, lines, as_json=as_json)
