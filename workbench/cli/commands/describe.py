"""`workbench describe`: a corpus or a version in numbers, and as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.engines import EngineName, OnEngine, Workers, engine_of
from workbench.cli.options import AsJson, In, Option, opened, reference
from workbench.cli.output import progress, result, say


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("describe")(describe)


def describe(
    what: Annotated[
        str | None,
        typer.Argument(metavar="[CORPUS[@VERSION]]", help="Corpus as it is now, or one of its versions."),
    ] = None,
    option: Option = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write one self-contained page as well.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the page if it is there.")] = False,
    tokenizer: Annotated[
        str | None, typer.Option(metavar="BASE", help="Count tokens as this base does: tiny, a folder or a Hub id.")
    ] = None,
    engine: OnEngine = EngineName.local,
    workers: Workers = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Describe a corpus: sizes, lengths, answers, languages, issues, and whether its splits differ by more than chance.

    Languages and tokens are read from at most 20,000 records, always the same ones.

    \b
    Examples:
      workbench describe quiz
      workbench describe quiz@v1 --html quiz.html --tokenizer tiny
    """
    with opened(workspace) as store:
        from workbench.cli.description import drawn
        from workbench.services.checking.describe import describe as described
        from workbench.services.checking.page import refuse_to_replace, write
        from workbench.services.checking.sections import sections, title_of

        if html is not None and not force:
            refuse_to_replace(html)
        corpus, version = reference(store, what, option)
        named = version if "@" in (what or "") else None
        with engine_of(store, engine, workers) as spread:
            found = described(store, corpus, named, tokenizer=tokenizer, report=progress, engine=spread)
    if html is not None:
        write(found, html)
        say(f"page: {html}")
    result(found.facts(), drawn(title_of(found), sections(found)), as_json=as_json)
