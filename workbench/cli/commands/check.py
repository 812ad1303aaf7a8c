"""`workbench check`: what is wrong with the records."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.options import AsJson, In, Named, Option, corpus_name, opened
from workbench.cli.output import result, table
from workbench.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    corpus: Named = None,
    option: Option = None,
    rule: Annotated[str | None, typer.Option(help="List every record that breaks this rule.")] = None,
    show: Annotated[int, typer.Option(min=0, help="How many records to list a rule.")] = 3,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Check every record against its schema and the quality flags; errors end with exit code 1.

    \b
    Examples:
      workbench check quiz
      workbench check quiz --rule answer-index --json
    """
    from workbench.text import show as shown

    with opened(workspace) as store:
        import polars as pl

        from workbench.services.check import check as checked
        from workbench.services.check import issue_counts

        name = corpus_name(store, corpus, option)
        state, found = checked(store, name)
    if rule:
        found = found.filter(pl.col("rule") == rule)
    counts = issue_counts(found)
    facts = {
        "corpus": name,
        "records": state.records.height,
        "quarantined": state.rejects.height,
        "issues": counts,
    }
    lines = [f"{name}: {state.records.height:,} records, {found.height:,} issues, {state.rejects.height:,} quarantined"]
    for count in counts:
        some = found.filter(pl.col("rule") == count["rule"])
        lines += ["", f"{count['severity']}  {count['rule']}  {count['count']:,}  {some['message'][0]}"]
        listed = some if rule else some.head(show)
        lines += [
            f"  {line}"
            for line in table(
                [[r, f, shown(v, limit=60)] for r, f, v in listed.select("record", "field", "value").iter_rows()]
            )
        ]
        lines.append(f"  do: {some['hint'][0]}{_fix_text(name, some['fix'].null_count() < some.height, count['rule'])}")
    if rule:
        facts["records_found"] = found.to_dicts()
    result(facts, lines, as_json=as_json)
    if any(count["severity"] == "error" for count in counts):
        raise typer.Exit(int(ExitCode.DATA))


def _fix_text(corpus: str, fixable: bool, rule: str) -> str:
    return f"  (all at once: workbench edit {corpus} --fix {rule})" if fixable else ""
