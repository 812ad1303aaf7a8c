"""`workbench dedup`: which records stand twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.engines import EngineName, OnEngine, Workers, engine_of
from workbench.cli.options import AsJson, In, Named, Option, corpus_name, opened
from workbench.cli.output import fitted, left_beside, progress, result
from workbench.text import counted

if TYPE_CHECKING:
    import polars as pl

    from workbench.services.duplicates.removals import Removal

MOST = 40
"""Pairs or removals that are printed for a person."""
ID = 12
"""Characters of a record id that are printed for a person: any command takes them for the whole."""
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
    duplicates: Annotated[
        tuple[str, str] | None,
        typer.Option("--duplicates", metavar="ID ID", help="Judge two records to be duplicates; the first stays."),
    ] = None,
    ledger: Annotated[
        bool, typer.Option("--ledger", help="List every removal with the kept record and the words that differ.")
    ] = False,
    engine: OnEngine = EngineName.local,
    workers: Workers = None,
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
        from workbench.curation.judge import in_order
        from workbench.services.checking import curate
        from workbench.services.duplicates import members, removals, verdicts

        name = corpus_name(store, corpus, option)
        if apart:
            verdicts.set_apart(store, name, apart)
        if duplicates:
            members.judge_duplicates(store, name, *duplicates)
        if threshold is not None:
            verdicts.set_threshold(store, name, threshold)
        with engine_of(store, engine, workers) as spread:  # its pairs are in files that go with it
            curated = curate.curate(store, name, report=progress, engine=spread)
            judged, method = curated.judgement, removals.method(curated)
            counts, total = judged.counts(), judged.count
            shown = judged.first(0 if as_json or ledger else MOST)
            pairs = in_order(judged.pairs).to_dicts() if as_json else []
        listed = list(removals.removals(curated, None if as_json else MOST)) if ledger else []
        texts = removals.read_by(curated, {*shown["a"], *shown["b"]})
    facts = {"corpus": name} | counts | method
    facts |= {"pairs": pairs, "removed_records": judged.removed.to_dicts()}
    facts |= {"ledger": listed} if ledger else {}
    lines = [f"{name}: {_counted(counts)}", *_method_lines(method)]
    if ledger:
        lines += _ledger_lines(listed, judged.removed.height)
    else:
        lines += _pair_lines(shown, total, texts, set(judged.removed["id"]))
    result(facts, lines, as_json=as_json)


def _counted(counts: dict[str, int]) -> str:
    what = {"clusters": "cluster", "paraphrase": "paraphrase", "conflict": "conflict", "translation": "translation"}
    return ", ".join(counted(n, what[name]) if name in what else f"{n:,} {name}" for name, n in counts.items())


def _method_lines(method: dict[str, Any]) -> list[str]:
    bands = method["bands"]
    found = ", ".join(f"{chance:.5f} at {at}" for at, chance in method["recall"].items())
    out = [f"  {bands['bands']} bands x {bands['rows']} rows; a pair is found with probability {found}"]
    for template in method["templates"]:
        words = template["words"]
        shown = words if len(words) <= SHOWN else f"{words[:SHOWN]}..."
        out.append(f"  not compared, a template of {counted(template['records'], 'record')}: {shown}")
    if method["left_out"]:
        left_out = counted(method["left_out"], "pair")
        out.append(f"  up to {left_out} in crowded buckets not compared (texts of one template)")
    return out


def _pair_lines(pairs: pl.DataFrame, total: int, texts: dict[str, str], removed: set[str]) -> list[str]:
    """Return two lines a pair: each record, whether it stays, and how it reads where the two differ."""
    from workbench.curation.difference import windows

    rows: list[list[str]] = []
    width = left_beside(pairs["kind"].to_list(), ["jaccard"], ["removed"], ["x" * ID])
    for a, b, jaccard, kind in pairs.iter_rows():
        for first, record, text in zip((True, False), (a, b), windows(texts[a], texts[b], width), strict=True):
            head = [kind, f"{jaccard:.3f}"] if first else ["", ""]
            rows.append([*head, "removed" if record in removed else "kept", record[:ID], text])
    out = fitted(rows, ["kind", "jaccard", "", "record", "text"])
    more = [f"first {MOST} of {total:,} pairs; all of them with --json"] if total > MOST else []
    return ["", *out, *more] if out else []


def _ledger_lines(listed: list[Removal], count: int) -> list[str]:
    out = []
    for one in listed:
        out.append(f"{one.record} goes for {one.kept}  {one.kind}  Jaccard {one.jaccard:.3f}")
        out += [f"    - {change.removed or '(nothing)'}  + {change.kept or '(nothing)'}" for change in one.changes]
    return [*out, f"first {MOST} of {count:,} removals; all of them with --json"] if count > MOST else out
