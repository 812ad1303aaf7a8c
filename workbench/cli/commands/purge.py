"""`workbench purge`: take secrets and other texts out of the store for good."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.options import AsJson, In, Named, Option, agreed, corpus_name, opened
from workbench.cli.output import progress, result, say
from workbench.errors import ExitCode, UsageError
from workbench.text import counted

if TYPE_CHECKING:
    from workbench.services.purge import Plan, Purged
    from workbench.store.store import Store

_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("purge")(purge)


def purge(
    corpus: Named = None,
    record: Annotated[str | None, typer.Argument(metavar="[RECORD]", help="With --field: the record.")] = None,
    option: Option = None,
    secrets: Annotated[bool, typer.Option("--secrets", help="All tokens, keys and passwords of the corpus.")] = False,
    text: Annotated[
        str | None, typer.Option(metavar="-", help="- reads the exact text from stdin, and keeps it out of histories.")
    ] = None,
    field: Annotated[str | None, typer.Option(help="The whole value that this field of RECORD holds now.")] = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the log.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Remove texts for good from objects, raw files and log of this workspace; hashes stay. It cannot be undone.

    Records keep their ids, and [purged ...] stands in the texts' place. Your own source files are named and not
    touched. Out of reach: free blocks of the disk, backups, what was pushed, and what a model has learned. Run
    nothing else in the workspace meanwhile. Exit code 1: something in the store holds a text still.

    \b
    Example: workbench purge quiz --secrets
    Example: workbench purge quiz --text - < secret.txt
    """
    if [secrets, text is not None, field is not None].count(True) != 1 or (field is None) != (record is None):
        raise UsageError("what is to be purged?", "give --secrets, or --text -, or RECORD --field FIELD")
    with opened(workspace) as store:
        from workbench.services.purge import facts, planned, purged

        name = corpus_name(store, corpus, option)
        say("looking for the texts")
        plan = planned(store, name, _texts(store, name, text, (record, field)))
        if not (plan.objects or plan.log_rows or plan.leftovers):
            say("nothing in the store holds them; all other files are looked at")
        else:
            for line in _lines(plan):
                say(line)
            if not yes and not agreed("remove these texts for good?"):
                raise UsageError("not purged", "say --yes, or confirm")
        done = purged(store, plan, reason, progress)
    result(facts(done), _done(done), as_json=as_json)
    if any(path.startswith(".workbench/") for path in done.still):
        raise typer.Exit(int(ExitCode.DATA))


def _texts(store: Store, name: str, text: str | None, place: tuple[str | None, str | None]) -> list[str]:
    from workbench.services import purge

    record, field = place
    if record is not None and field is not None:
        return purge.field_texts(store, name, record, field)
    if text is None:
        return purge.secrets(store, name)
    if text != "-":
        raise UsageError("a text on the command line stays in the shell's history", "give it on stdin: --text -")
    given = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    return [given.removesuffix("\n").removesuffix("\r")]


def _lines(plan: Plan) -> list[str]:
    texts = [f"  text {fact['sha256'][:12]}: {counted(fact['length'], 'character')}" for fact in plan.redaction.facts()]
    lines = ["to be removed for good:", *_some(texts)]
    places = {"object": plan.objects, "log row": plan.log_rows, "record": len(plan.records)}
    lines.append(f"  from {', '.join(counted(count, what) for what, count in places.items())}")
    lines.append(f"  {counted(len(plan.versions), 'version')} will hold [purged ...] in their place")
    if plan.leftovers:
        lines.append(f"  {counted(plan.leftovers, 'object')} of an earlier purge will be removed at last")
    return lines + _outside(plan)


def _outside(plan: Plan) -> list[str]:
    return [
        *_some([f"  run {run}: {_learned(run in plan.trained)}" for run in plan.runs]),
        *_some([f"  export {name}: made before; export the version again, with --force" for name in plan.exports]),
        *_some([f"  pushed to {place}: remove it there yourself" for place in plan.publications]),
        *_some(
            [f"  your file {path} is not touched: put the marks in its place, and ingest it" for path in plan.own_files]
        ),
    ]


def _learned(is_trained: bool) -> str:
    if is_trained:
        return "its token cache holds them, and its adapter was trained on them: train again"
    return "its token cache holds them, and its adapter was measured on them, not trained"


def _some(lines: list[str]) -> list[str]:
    return lines[:_SHOWN] + ([f"  ... and {len(lines) - _SHOWN:,} more"] if len(lines) > _SHOWN else [])


def _done(done: Purged) -> list[str]:
    lines = [f"purged {counted(len(done.plan.redaction.texts), 'text')} from {done.plan.corpus}"]
    lines += _some([f"  {name} holds [purged ...] in their place now" for name in done.versions])
    lines += _outside(done.plan)
    lines += [f"  written anew: {path}" for path in done.rewritten]
    lines += _some([f"  still holds a text: {path}" for path in done.still])
    return [*lines, "  checked: all files of this workspace; not: free disk blocks, backups, the Hub"]
