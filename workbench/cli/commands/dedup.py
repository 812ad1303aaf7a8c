"""`workbench dedup`: which records stand twice."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.options import AsJson, In, Named, Option, corpus_name, opened
from workbench.cli.output import result, say, table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("dedup")(dedup)


def dedup(
    corpus: Named = None,
    option: Option = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0.6, max=1.0, help="Jaccard from which a redundant record goes; kept in corpus.yaml."),
    ] = None,
    apart: Annotated[
        tuple[str, str] | None,
        typer.Option("--not-duplicates", metavar="ID ID", help="Judge two records to be no duplicates."),
    ] = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Find duplicates, verified by exact Jaccard and judged; redundant ones leave the next version, nothing is deleted.

    A conflict (same question, another answer) is never removed by itself.

    \b
    Examples:
      workbench dedup quiz
      workbench dedup quiz --threshold 0.9
    """
    with opened(workspace) as store:
        from workbench.services import curate

        name = corpus_name(store, corpus, option)
        if apart:
            curate.set_apart(store, name, apart)
        if threshold is not None:
            curate.set_threshold(store, name, threshold)
        say("comparing records")
        judged = curate.curate(store, name).judgement
    counts = judged.counts()
    pairs = judged.pairs.sort("kind", "jaccard", descending=[False, True])
    facts = {"corpus": name} | counts | {"pairs": pairs.to_dicts(), "removed_records": judged.removed.to_dicts()}
    lines = [f"{name}: " + ", ".join(f"{count:,} {what}" for what, count in counts.items()), ""]
    lines += table(
        [[k, f"{j:.3f}", a, b] for a, b, j, k in pairs.head(40).iter_rows()],
        ["kind", "jaccard", "one", "other"],
    )
    if pairs.height > 40:
        lines.append(f"first 40 of {pairs.height:,} pairs; all of them with --json")
    result(facts, lines, as_json=as_json)
