"""`workbench check`: what is wrong with the records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.engines import EngineName, OnEngine, Workers, engine_of
from workbench.cli.options import AsJson, In, Named, Option, corpus_name, opened
from workbench.cli.output import result, table
from workbench.errors import ExitCode
from workbench.text import counted
from workbench.text import show as shown

if TYPE_CHECKING:
    import polars as pl

    from workbench.services.checking.against import Held

_MOST = 1000
"""Records of one rule that are listed at once, unless --show says otherwise; the count is always the true one."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    corpus: Named = None,
    option: Option = None,
    rule: Annotated[str | None, typer.Option(help="List the records that break this rule.")] = None,
    show: Annotated[
        int | None, typer.Option(min=0, help=f"How many records to list a rule; default 3, with --rule {_MOST}.")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option("--against", metavar="CORPUS|FILE", help="Flag the records that repeat another corpus or a file."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with exit code 1 on warnings, too.")] = False,
    engine: OnEngine = EngineName.local,
    workers: Workers = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Check every record against its schema and the quality flags; errors end with exit code 1.

    \b
    Examples:
      workbench check quiz
      workbench check quiz --strict
      workbench check quiz --against benchmark.jsonl
      workbench check quiz --rule answer-index --json
    """
    with opened(workspace) as store:
        import polars as pl

        from workbench.curation.quality import unchecked
        from workbench.services.checking.against import held_against
        from workbench.services.checking.check import check as checked
        from workbench.services.checking.check import issue_counts, letter_balance, of_rule

        name = corpus_name(store, corpus, option)
        with engine_of(store, engine, workers) as spread:
            state, found = checked(store, name, engine=spread)
        held = held_against(store, state, against) if against else None
        if held:
            found = pl.concat([found, held.issues])
        if rule:
            found = of_rule(found, rule, state.schema)
        balance = [] if rule else letter_balance(store, state, name)
    most = (_MOST if rule else 3) if show is None else show
    counts = issue_counts(found)
    facts: dict[str, Any] = {
        "corpus": name,
        "records": state.records.height,
        "quarantined": state.quarantined,
        "issues": counts,
        "balance": balance,
        "unchecked": unchecked(),
    }
    if held:
        facts["against"] = {"others": against, **_held_facts(held)}
    if rule:
        facts["total"] = found.height
        facts["records_found"] = found.head(most).to_dicts()
    result(facts, _lines(facts, found, most), as_json=as_json)
    gates = {"error", "warning"} if strict else {"error"}
    if any(count["severity"] in gates for count in counts):
        raise typer.Exit(int(ExitCode.DATA))


def _held_facts(held: Held) -> dict[str, int]:
    told = {"texts": held.texts, "repeated": held.issues.height}
    return told | {"stock_phrases": held.stock, "too_short": held.too_short}


def _lines(facts: dict[str, Any], found: pl.DataFrame, most: int) -> Iterator[str]:
    name = facts["corpus"]
    size = f"{counted(facts['records'], 'record')}, {counted(found.height, 'issue')}"
    yield f"{name}: {size}, {facts['quarantined']:,} quarantined"
    for count in facts["issues"]:
        yield from _rule_lines(facts, count, found.filter(rule=count["rule"], severity=count["severity"]), most)
    if facts["balance"]:
        yield from ("", "letters of the right answers, and how likely chance alone spreads them so unevenly")
    for spread in facts["balance"]:
        letters = "  ".join(f"{letter} {n:,}" for letter, n in spread["letters"].items())
        verdict = "  uneven" if spread["uneven"] else ""
        yield f"  {spread['scope']}: {letters}  chi-square {spread['chi2']:.1f}, p {spread['p']:.2g}{verdict}"
    if "against" in facts:
        held = facts["against"]
        others = ", ".join(held["others"])
        repeated = counted(held["repeated"], "record repeats", "records repeat")
        yield from ("", f"held against {counted(held['texts'], 'text')} of {others}: {repeated} one")
        if held["too_short"]:
            from workbench.curation.contamination import FEWEST

            short = counted(held["too_short"], "text")
            yield f"  {short} of fewer than {FEWEST} words: not compared, as chance alone repeats them"
        if held["stock_phrases"]:
            runs = counted(held["stock_phrases"], "run of words stands", "runs of words stand")
            yield f"  {runs} in many of its texts: taken for a template"
    yield from ([""] if facts["unchecked"] else [])
    yield from facts["unchecked"]


def _rule_lines(facts: dict[str, Any], count: dict[str, Any], some: pl.DataFrame, most: int) -> Iterator[str]:
    name, others = facts["corpus"], facts.get("against", {"others": []})["others"]
    messages = some["message"].unique(maintain_order=True)
    more = f" (and {counted(messages.len() - 1, 'more message')})" if messages.len() > 1 else ""
    yield from ("", f"{count['severity']}  {count['rule']}  {count['count']:,}  {messages[0]}{more}")
    rows = some.head(most).select("record", "field", "value").iter_rows()
    yield from (f"  {line}" for line in table([record, field, shown(value, limit=60)] for record, field, value in rows))
    if 0 < most < some.height:
        yield f"  ... {some.height - most:,} more of {some.height:,}"
    fixable = some["fix"].null_count() < some.height
    yield f"  do: {some['hint'][0]}{_fix_text(name, count['rule'], others) if fixable else ''}"


def _fix_text(corpus: str, rule: str, others: list[str]) -> str:
    against = "".join(f" --against {other}" for other in others) if rule == "contaminated" else ""
    return f"  (all at once: workbench edit {corpus} --fix {rule}{against})"
