"""`workbench export` and `push`: what leaves the workbench."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.options import AsJson, In, Option, agreed, opened, reference
from workbench.cli.output import indented, progress, result, say, table
from workbench.errors import UsageError
from workbench.text import counted

What = Annotated[str | None, typer.Argument(metavar="[CORPUS[@VERSION]]", help="Version; default: the newest.")]
License = Annotated[str | None, typer.Option(help="Licence identifier; there is no default beside corpus.yaml's.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("export")(export)
    app.command("push")(push)


def export(
    what: What = None,
    option: Option = None,
    format: Annotated[
        str,
        typer.Option(
            help="parquet (a file a split); jsonl or csv (one file with a split column). Texts that a spreadsheet "
            "would run as formulas get an apostrophe in csv; csv-exact leaves them."
        ),
    ] = "parquet",
    out: Annotated[Path | None, typer.Option(help="Folder to write; default: exports/CORPUS-VERSION.")] = None,
    license: License = None,
    force: Annotated[bool, typer.Option("--force", help="Replace another export that stands there.")] = False,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Write a version as Parquet with a card; `datasets.load_dataset(folder)` gives the same rows.

    The same export twice is no fault; one of other content is replaced by --force alone.

    \b
    Example: workbench export quiz@latest
    """
    with opened(workspace) as store:
        from workbench.services import publish

        corpus, version = reference(store, what, option)
        done = publish.export(
            store,
            corpus,
            version,
            license=license,
            format=format,
            folder=out.resolve() if out else None,
            force=force,
        )
    facts = {
        "corpus": corpus,
        "version": done.version,
        "folder": str(done.folder),
        "already_there": done.was_there,
        "files": list(done.files),
        "rows": done.rows,
    }
    lines = [
        f"{done.folder}{': already there, unchanged' if done.was_there else ''}",
        *(f"  {file}" for file in done.files),
        *(f"  {side}: {counted(n, 'row')}" for side, n in done.rows.items()),
    ]
    result(facts, lines, as_json=as_json)


def push(
    what: Annotated[str, typer.Argument(metavar="CORPUS[@VERSION]", help="Version to publish.")],
    repo: Annotated[str, typer.Argument(metavar="ORG/NAME", help="Dataset repository on the Hub.")],
    license: License = None,
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public; default: private.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the files and the card.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Publish a version to the Hub as one commit with a tag; pushing it again changes nothing.

    \b
    Example: workbench push quiz@latest me/quiz --license apache-2.0 --dry-run
    """
    with opened(workspace) as store:
        from workbench.services import publish

        corpus, version = reference(store, what)
        todo = publish.planned(store, corpus, version, repo, license=license, report=progress)
        files = [{"path": f.path, "size": f.size, "sha256": f.sha256, "change": f.change} for f in todo.files]
        lines = [
            f"{repo}: {counted(len(files), 'file')}",
            *table([[f["change"], f"{f['size']:,}", f["path"]] for f in files]),
        ]
        if dry_run:
            facts = {"repo": repo, "files": files, "deletes": list(todo.deletes), "card": todo.card}
            result(facts, [*lines, "", *indented(todo.card, "")], as_json=as_json)
            return
        for line in lines:
            say(line)
        if not yes and not agreed(f"push {corpus}@{version} to {repo}?"):
            raise UsageError("not pushed", "say --yes, or confirm")
        done = publish.pushed(store, corpus, version, repo, license=license, private=not public, report=progress)
    facts = {"repo": done.repo, "commit": done.commit, "tag": done.tag, "url": done.url}
    result(facts, [f"{done.url}", f"  commit {done.commit}, tag {done.tag}"], as_json=as_json)
