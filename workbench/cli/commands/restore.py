"""`workbench restore`: a corpus' records as a version held them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.options import AsJson, In, Option, agreed, opened, reference
from workbench.cli.output import result, say
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.services.records.restore import Restoration
    from workbench.store.versions import Version

What = Annotated[str | None, typer.Argument(metavar="CORPUS@VERSION", help="The version whose records come back.")]
_SHOWN = 10
_LISTED = 1000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("restore")(restore)


def restore(
    what: What = None,
    option: Option = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Bring the records back to what a version held, by further edits: nothing is lost, all of it can be undone.

    \b
    Example: workbench restore quiz@v2
    """
    with opened(workspace) as store:
        from workbench.services.records.restore import planned, restored

        corpus, name = reference(store, what, option)
        if "@" not in (what or ""):
            raise UsageError("which version?", f"for example: workbench restore {corpus}@v1")
        version = store.version(corpus, name)
        todo = planned(store, version)
        for line in _lines(version, todo):
            say(line)
        if todo.entries and not yes and not agreed(f"restore {corpus}@{version.name}?"):
            raise UsageError("not restored", "say --yes, or confirm")
        done = restored(store, version) if todo.entries else todo
    result(_facts(version, done), _done(version, done), as_json=as_json)


def _facts(version: Version, done: Restoration) -> dict[str, Any]:
    named = {"edited": done.edited, "returned": done.returned, "dropped": done.dropped}
    return {
        "corpus": version.corpus,
        "version": version.id,
        "name": version.name,
        "counts": done.counts(),
        **{what: records[:_LISTED] for what, records in named.items()},
        "heirs": dict(list(done.heirs.items())[:_LISTED]),
        "lost": dict(list(done.lost.items())[:_LISTED]),
    }


def _lines(version: Version, todo: Restoration) -> list[str]:
    out = [f"to bring {version.corpus} back to {version.name}:"]
    parts = {"set back": todo.edited, "bring back": todo.returned, "drop, as it came later:": todo.dropped}
    for verb, records in parts.items():
        out += _some([f"  {verb} {record[:12]}" for record in records])
    out += _some([f"  {old[:12]} has vanished: {heir[:12]} stands for it" for old, heir in todo.heirs.items()])
    return out + _some([f"  {record[:12]} cannot come back: {why}" for record, why in todo.lost.items()])


def _some(lines: list[str]) -> list[str]:
    return lines[:_SHOWN] + ([f"  ... and {len(lines) - _SHOWN:,} more"] if len(lines) > _SHOWN else [])


def _done(version: Version, done: Restoration) -> list[str]:
    counts = done.counts()
    if not counts["edits"]:
        return [f"{version.corpus} holds what {version.name} held already" + _left(counts)]
    said = ", ".join(f"{counts[part]:,} {part}" for part in ("edited", "returned", "dropped"))
    undo = f"workbench edit {version.corpus} --undo 1"
    return [f"{version.corpus}: {said}{_left(counts)}", f"  to take it back: {undo}", "  next: workbench split"]


def _left(counts: dict[str, int]) -> str:
    return f"; {counts['lost']:,} cannot come back" if counts["lost"] else ""
