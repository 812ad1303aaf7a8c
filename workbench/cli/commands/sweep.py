"""`workbench sweep`: train variants of a recipe and compare them with their baseline in one table."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from workbench.cli.numbers import shown
from workbench.cli.options import AsJson, In, Option, opened, reference
from workbench.cli.output import progress, result, say, table
from workbench.errors import ExitCode

_COLUMNS = {
    "n": "n",
    "em": "EM",
    "f1": "F1",
    "first_token_p50": "first p50 s",
    "first_token_p95": "first p95 s",
    "token_p50": "token p50 s",
    "token_p95": "token p95 s",
    "memory_gib": "GiB",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sweep")(sweep)


def sweep(
    over: Annotated[
        list[str],
        typer.Option("--over", metavar="KEY=A,B,..", help="Recipe key and its values; several keys: all combinations."),
    ],
    what: Annotated[
        str | None,
        typer.Argument(metavar="[CORPUS[@VERSION]]", help="Version to train on; default: the newest."),
    ] = None,
    option: Option = None,
    recipe: Annotated[str, typer.Option(help="Recipe, by the name of its file.")] = "tiny",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a recipe key for all variants.")
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(metavar="FLAG", help="Train in spite of an X-ray flag, named.")
    ] = None,
    together: Annotated[
        bool, typer.Option("--zip", help="First values together, then second ones, and so on.")
    ] = False,
    latency: Annotated[int, typer.Option(min=0, help="Prompts whose waiting times are measured; 0: none.")] = 50,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Train a variant of a recipe for each value of its keys, measure them all, and print them under their baseline.

    Each variant is a run like any other. What is trained or measured already is not done again, so a sweep that was
    ended goes on where it stood. It ends 3 where a variant does not finish.

    \b
    Examples:
      workbench sweep domain-qa@latest --recipe tiny --over lora.r=8,16,32
      workbench sweep domain-qa --recipe domain-qa --over lora.r=8,16,32 --over lora.alpha=16,32,64 --zip
    """
    with opened(workspace) as store:
        from workbench.services.training import sweep as service
        from workbench.services.training.train import Training

        corpus, version = reference(store, what, option)
        axes = tuple(service.parse_axis(axis) for axis in over)
        training = Training(corpus, version, recipe, tuple(overrides or ()), tuple(allow or ()))
        try:
            done = service.sweep(store, service.Sweep(training, axes, together, latency), progress)
        except KeyboardInterrupt:
            say("a run that was started goes on; the same sweep takes it up again")
            raise
    result(done, _lines(done), as_json=as_json)
    if any(row["state"] != "finished" for row in done["rows"]):
        raise typer.Exit(int(ExitCode.OUTSIDE))


def _lines(done: dict[str, Any]) -> list[str]:
    rows = done["rows"]
    languages = sorted({language for row in rows for language in row["languages"]})
    spoken = [f"{name} {language}" for language in languages for name in ("EM", "F1")]
    header = ["variant", *_COLUMNS.values(), *spoken, "run"]
    lines = [f"{done['corpus']}@{done['version']}, recipe {done['recipe']}, on {done['split']}"]
    lines += table([_cells(row, languages) for row in rows], header)
    if not done["equal_precision"]:
        lines.append("base or precision differ between the variants: their numbers are not those of one model")
    lines += [f"{row['run']}: {row['state']}: {row['reason']}" for row in rows if row["state"] != "finished"]
    return lines + _reasons(rows)


def _cells(row: dict[str, Any], languages: list[str]) -> list[str]:
    spoken = [row["languages"].get(language, {}).get(name) for language in languages for name in ("em", "f1")]
    return [row["variant"], *(_shown(row[name]) for name in _COLUMNS), *map(_shown, spoken), row["run"]]


def _shown(value: Any) -> str:  # noqa: ANN401 - a number, or why there is none
    if value is None or isinstance(value, dict):
        return "n/a"
    return shown(value)


def _reasons(rows: list[dict[str, Any]]) -> list[str]:
    """Return once why a number is not there."""
    found = {
        f"{_COLUMNS[name]}: n/a ({row[name]['reason']})"
        for row in rows
        for name in _COLUMNS
        if isinstance(row[name], dict) and row["state"] == "finished"
    }
    return sorted(found)
