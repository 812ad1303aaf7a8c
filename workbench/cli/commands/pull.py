"""`workbench pull`: records from the Hub into a corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.options import AsJson, In, opened
from workbench.cli.output import progress, result
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.services.publishing.pull import Pulled


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pull")(pull)


def pull(
    what: Annotated[str, typer.Argument(metavar="ORG/NAME[@REVISION]", help="Repository of records on the Hub.")],
    corpus: Annotated[
        str | None, typer.Option(help="Corpus to take them into; default: the repository's name.")
    ] = None,
    schema: Annotated[str | None, typer.Option(help="Kind of record; default: as it says, or as it looks.")] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", metavar="FIELD=EXPR", help="As of ingest, where columns differ.")
    ] = None,
    config: Annotated[str | None, typer.Option(help="Configuration of the card, where there are several.")] = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Take the records of a repository on the Hub into a corpus, checked and with lineage to the commit.

    Pulling again takes in what is there by then as a new delivery: edits made here are replayed on it.

    \b
    Examples:
      workbench pull me/quiz
      workbench pull me/quiz@v3 --corpus quiz-of-others
    """
    with opened(workspace) as store:
        from workbench.services.publishing.pull import Wanted
        from workbench.services.publishing.pull import pull as take

        repo, _, revision = what.partition("@")
        fields = dict(_pair(text) for text in mapping or ())
        done = take(store, Wanted(repo, revision or None, corpus, schema, config, fields), progress)
    facts = {
        "corpus": done.corpus,
        "repo": done.repo,
        "commit": done.commit,
        "verified": done.verified,
        "sources": [_source(delivery) for delivery in done.deliveries],
        "gone": list(done.gone),
        "ignored": [{"path": path, "reason": reason} for path, reason in done.ignored],
    }
    result(facts, _lines(done), as_json=as_json)


def _pair(text: str) -> tuple[str, str]:
    name, equals, expression = text.partition("=")
    if not equals:
        raise UsageError(f"--map {text!r} is no FIELD=EXPR", "for example: --map question=prompt")
    return name.strip(), expression.strip()


def _source(delivery: Any) -> dict[str, Any]:  # noqa: ANN401 - a Delivery, whose module is heavy
    counts = ("read", "kept", "merged", "quarantined", "matched", "left", "conflicts")
    return {key: getattr(delivery, key) for key in ("name", "digest", "reader", "encoding", *counts)}


def _lines(done: Pulled) -> list[str]:
    from workbench.services.publishing.pull import said

    out = [f"{done.corpus}: {done.repo} at {done.commit[:12]}"]
    for one in done.deliveries:
        counts = f"kept {one.kept:,} + merged {one.merged:,} + quarantined {one.quarantined:,}"
        out.append(f"  {one.name}: read {one.read:,} = {counts}")
        told = {
            "changed rows matched to the records they were": one.matched,
            "records gone, which the pull before held": one.left,
            "edits no longer fitting": one.conflicts,
        }
        out += [f"    {count:,} {line}" for line, count in told.items() if count]
    return [*out, *(f"  {line}" for line in said(done))]
