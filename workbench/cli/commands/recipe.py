"""`workbench recipe`: list the recipes, or show one as it resolves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.options import AsJson, In, opened
from workbench.cli.output import indented, result, table
from workbench.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("recipe")(recipe)


def recipe(
    action: Annotated[str, typer.Argument(metavar="show|list")] = "list",
    name: Annotated[str | None, typer.Argument(help="Recipe to show.")] = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """List the recipes, or show one as it resolves, with what to mind before it is trained.

    \b
    Example: workbench recipe show quiz-mistral
    """
    with opened(workspace) as store:
        from workbench.recipe import cautions, dump, load_recipe

        if action == "list":
            names = store.workspace.named("recipes")
            lines = table([[each, _described(store.workspace.recipe_file(each))] for each in names])
            result({"recipes": names}, lines, as_json=as_json)
            return
        if action != "show" or name is None:
            raise UsageError(f"no action {action!r}" if name else "which recipe?", "workbench recipe show NAME")
        found = load_recipe(store.workspace.recipe_file(name))
    warned = cautions(found)
    lines = [*indented(dump(found), ""), *(f"mind: {caution}" for caution in warned)]
    result(found.model_dump(mode="json") | {"cautions": warned}, lines, as_json=as_json)


def _described(path: Path) -> str:
    """Return what a recipe says of itself; one that cannot be read is listed too, with why."""
    from workbench.recipe import load_recipe

    try:
        return load_recipe(path).description
    except UsageError as error:
        return error.what
