"""`workbench build` and `workbench save`: a curation as plain files, and back."""

from __future__ import annotations

import typer

from workbench.cli.commands import split as split_command
from workbench.cli.engines import EngineName, OnEngine, Workers, engine_of
from workbench.cli.options import AsJson, In, Named, Option, corpus_name, opened
from workbench.cli.output import progress, result


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("build")(build)
    app.command("save")(save)


def build(
    corpus: Named = None,
    option: Option = None,
    engine: OnEngine = EngineName.local,
    workers: Workers = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Redo a corpus' whole curation from raw bytes: ingest its sources, replay saved edits, dedup, split.

    \b
    Example: workbench build quiz
    """
    with opened(workspace) as store:
        from workbench.services.versions.build import build as redo

        name = corpus_name(store, corpus, option)
        with engine_of(store, engine, workers) as spread:
            deliveries, version = redo(store, name, progress, spread)
    counts = [{k: getattr(d, k) for k in ("name", "read", "kept", "merged", "quarantined")} for d in deliveries]
    lines = [
        f"{d.name}: read {d.read:,} = kept {d.kept:,} + merged {d.merged:,} + quarantined {d.quarantined:,}"
        for d in deliveries
    ]
    split_command.warn(version)
    facts = split_command.facts(version) | {"sources": counts}
    result(facts, [*lines, *split_command.lines(version)], as_json=as_json)


def save(corpus: Named = None, option: Option = None, as_json: AsJson = False, workspace: In = None) -> None:
    """Write edits, judgements, assignment and versions as plain files beside corpus.yaml, for git and `build`.

    \b
    Example: workbench save quiz
    """
    with opened(workspace) as store:
        from workbench.services.versions.build import save as write

        name = corpus_name(store, corpus, option)
        files = [store.workspace.relative(path) for path in write(store, name)]
    result({"corpus": name, "files": files}, files, as_json=as_json)
