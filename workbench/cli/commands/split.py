"""`workbench split`: cut a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.options import AsJson, In, Named, Option, corpus_name, opened
from workbench.cli.output import result, say, table
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.store.versions import Version


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("split")(split)


def split(
    corpus: Named = None,
    option: Option = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the draw; default 42.")] = None,
    ratios: Annotated[str | None, typer.Option(help="Shares of train/validation/test, for example 80/10/10.")] = None,
    counts: Annotated[
        str | None,
        typer.Option(help="Exact numbers of records, for example 20/5/5; the surplus is excluded."),
    ] = None,
    keep_source_split: Annotated[
        bool, typer.Option("--keep-source-split", help="Keep the sides the sources came with.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Draw everything anew, whatever was assigned before.")] = False,
    note: Annotated[str, typer.Option(help="A line for the history.")] = "",
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Cut an immutable version: leakage-safe, proved, and nobody moves when records are added.

    \b
    Examples:
      workbench split --seed 42
      workbench split domain-qa --counts 20/5/5
    """
    with opened(workspace) as store:
        from workbench.services.split import Request, requested
        from workbench.services.split import split as cut

        name = corpus_name(store, corpus, option)
        settings = requested(
            store,
            name,
            seed=seed,
            ratios=_three(ratios, float),
            counts=_three(counts, int),
            keep=keep_source_split,
        )
        version = cut(store, Request(name, settings, fresh, note), report=say)
    result(facts(version), lines(version), as_json=as_json)


def _three(text: str | None, kind: Any) -> Any:  # noqa: ANN401 - float or int
    if text is None:
        return None
    try:
        one, two, three = (kind(part) for part in text.replace(",", "/").split("/"))
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not three numbers", "write train/validation/test, for example 80/10/10"
        ) from error
    return one, two, three


def facts(version: Version) -> dict[str, Any]:
    """Return a version as the contract prints it."""
    sides = {side: count for side, count in version.counts.items() if side != "removed"}
    return {
        "version": version.id,
        "name": version.name,
        "corpus": version.corpus,
        "parent": version.parent,
        "splits": sides,
        "removed": version.counts["removed"],
        "proof": version.proof,
    }


def lines(version: Version) -> list[str]:
    """Return a version and its proof sheet for a person."""
    proof = version.proof
    leaks = ("exact", "near", "neighbour", "group")
    out = [f"{version.corpus}@{version.name}  {version.id[:12]}"]
    out += [f"  {line}" for line in table([[f"{count:,}", side] for side, count in version.counts.items()])]
    out.append(
        "  proof: "
        + ", ".join(f"{proof[leak]} {leak}" for leak in leaks)
        + f" leaks; max Jaccard {proof['max_jaccard']}"
    )
    out += [f"  not checked: {line}" for line in proof["unchecked"]]
    return out
