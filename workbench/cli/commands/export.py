"""`workbench export`: a version as files, for any tool or for one trainer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.engines import EngineName, OnEngine, Workers, engine_of
from workbench.cli.options import AsJson, In, Option, opened, reference
from workbench.cli.output import progress, result
from workbench.errors import UsageError
from workbench.text import counted

if TYPE_CHECKING:
    from workbench.services.publishing.export import Exported
    from workbench.services.publishing.stubs import StubOrder

What = Annotated[str | None, typer.Argument(metavar="[CORPUS[@VERSION]]", help="Version; default: the newest.")]
Format = Annotated[
    str,
    typer.Option(
        help="Own columns: parquet (a file a split); jsonl or csv (one file with a split column; texts that a "
        "spreadsheet would run as formulas get an apostrophe in csv, csv-exact leaves them). For trainers, JSON lines "
        "a split: messages, sharegpt, chatml, alpaca, prompt-completion, preference, text. For lm-evaluation-harness: "
        "lm-eval."
    ),
]
StubFor = Annotated[
    str | None, typer.Option("--stub", help="Write this trainer's settings too: llama-factory, axolotl or unsloth.")
]
RecipeName = Annotated[str | None, typer.Option("--recipe", help="Recipe whose settings the stub takes.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Recipe key for the stub: train.epochs=2; repeatable.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def export(
    what: What = None,
    option: Option = None,
    format: Format = "parquet",
    stub: StubFor = None,
    recipe: RecipeName = None,
    overrides: Settings = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; default: exports/CORPUS-VERSION.")] = None,
    license: Annotated[str | None, typer.Option(help="Licence identifier; default: corpus.yaml's.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace another export that stands there.")] = False,
    engine: OnEngine = EngineName.local,
    workers: Workers = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Write a version as Parquet with a card; `datasets.load_dataset(folder)` gives the same rows.

    Other formats are for trainers; docs/formats.md says what each keeps. The same export twice is no fault; one of
    other content is replaced by --force alone.

    \b
    Example: workbench export quiz@latest
             workbench export quiz --format messages --stub axolotl --recipe quiz-mistral-improved
    """
    order = _stub_order(stub, recipe, overrides)
    with opened(workspace) as store:
        from workbench.services.publishing.export import export as exported

        corpus, version = reference(store, what, option)
        folder = out.resolve() if out else None
        with engine_of(store, engine, workers) as spread:
            done = exported(
                store,
                corpus,
                version,
                license=license,
                format=format,
                folder=folder,
                force=force,
                stub=order,
                engine=spread,
                report=progress,
            )
    result(_facts(done), _lines(done), as_json=as_json)


def _stub_order(stub: str | None, recipe: str | None, overrides: list[str] | None) -> StubOrder | None:
    if (stub is None) != (recipe is None) or (overrides and not stub):
        raise UsageError("--stub and --recipe go together", "for example: --stub axolotl --recipe tiny")
    if stub is None or recipe is None:
        return None
    from workbench.services.publishing.stubs import StubOrder

    return StubOrder(stub, recipe, tuple(overrides or ()))


def _facts(done: Exported) -> dict[str, object]:
    return {
        "corpus": done.corpus,
        "version": done.version,
        "folder": str(done.folder),
        "already_there": done.was_there,
        "files": list(done.files),
        "rows": done.rows,
        "note": done.note,
    }


def _lines(done: Exported) -> list[str]:
    return [
        f"{done.folder}{': already there, unchanged' if done.was_there else ''}",
        *(f"  {file}" for file in done.files),
        *(f"  {side}: {counted(n, 'row')}" for side, n in done.rows.items()),
        *([f"mind: {done.note}"] if done.note else []),
    ]
