"""`workbench dedup`: which records stand twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.options import AsJson, In, Named, Option, corpus_name, opened
from workbench.cli.output import result, say, table

if TYPE_CHECKING:
    import polars as pl

    from workbench.services.removals import Removal

MOST = 40
"""Pairs or removals that are printed for a person."""
SHOWN = 100
"""Characters of a template that are printed for a person."""


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
    ledger: Annotated[
        bool, typer.Option("--ledger", help="List every removal with the kept record and the words that differ.")
    ] = False,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Find duplicates, verified by exact Jaccard and judged; redundant ones leave the next version, nothing is deleted.

    A conflict (same question, another answer) is never removed by itself.

    \b
    Examples:
      workbench dedup quiz
      workbench dedup quiz --threshold 0.9
      workbench dedup quiz --ledger
    """
    with opened(workspace) as store:
        from workbench.services import curate, removals

        name = corpus_name(store, corpus, option)
        if apart:
            curate.set_apart(store, name, apart)
        if threshold is not None:
            curate.set_threshold(store, name, threshold)
        say("comparing records")
        curated = curate.curate(store, name)
        method = removals.method(curated)
        listed = list(removals.removals(curated, None if as_json else MOST)) if ledger else []
    judged = curated.judgement
    counts = judged.counts()
    pairs = judged.pairs.sort("kind", "jaccard", "a", "b", descending=[False, True, False, False])
    facts = {"corpus": name} | counts | method
    facts |= {"pairs": pairs.to_dicts(), "removed_records": judged.removed.to_dicts()}
    facts |= {"ledger": listed} if ledger else {}
    lines = [f"{name}: " + ", ".join(f"{count:,} {what}" for what, count in counts.items()), *_method_lines(method), ""]
    result(
        facts, lines + (_ledger_lines(listed, judged.removed.height) if ledger else _pair_lines(pairs)), as_json=as_json
    )


def _method_lines(method: dict[str, Any]) -> list[str]:
    bands = method["bands"]
    found = ", ".join(f"{chance:.5f} at {at}" for at, chance in method["recall"].items())
    out = [f"  {bands['bands']} bands x {bands['rows']} rows; a pair is found with probability {found}"]
    for template in method["templates"]:
        words = template["words"]
        shown = words if len(words) <= SHOWN else f"{words[:SHOWN]}..."
        out.append(f"  not compared, a template of {template['records']:,} records: {shown}")
    if method["left_out"]:
        out.append(f"  up to {method['left_out']:,} pairs in crowded buckets were not compared (texts of one template)")
    return out


def _pair_lines(pairs: pl.DataFrame) -> list[str]:
    shown = [[kind, f"{jaccard:.3f}", a, b] for a, b, jaccard, kind in pairs.head(MOST).iter_rows()]
    out = table(shown, ["kind", "jaccard", "one", "other"])
    return [*out, f"first {MOST} of {pairs.height:,} pairs; all of them with --json"] if pairs.height > MOST else out


def _ledger_lines(listed: list[Removal], count: int) -> list[str]:
    out = []
    for one in listed:
        out.append(f"{one.record} goes for {one.kept}  {one.kind}  Jaccard {one.jaccard:.3f}")
        out += [f"    - {change.removed or '(nothing)'}  + {change.kept or '(nothing)'}" for change in one.changes]
    return [*out, f"first {MOST} of {count:,} removals; all of them with --json"] if count > MOST else out
