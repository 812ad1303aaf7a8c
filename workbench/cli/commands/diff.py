"""`workbench diff`: what differs between two versions, or a version and the corpus as it stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.options import AsJson, In, Option, opened, reference
from workbench.cli.output import result, table
from workbench.curation.split import by_side
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.services.versions.diff import Diff, End

First = Annotated[
    str | None,
    typer.Argument(metavar="[CORPUS[@VERSION]]", help="Where to look from; alone: what differs from its parent."),
]
Second = Annotated[
    str | None, typer.Argument(metavar="[VERSION]", help="Where to look to; `now` is the present state.")
]
_SHOWN, _LISTED = 10, 1000
"""Records of each kind that a person and a script get without --limit."""
_TOKENS = "a version knows no tokenizer; `workbench describe` counts tokens with one"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("diff")(diff)


def diff(
    first: First = None,
    second: Second = None,
    option: Option = None,
    limit: Annotated[int | None, typer.Option(min=0, help="Records of each kind to list.")] = None,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Say what differs between two versions: records added, removed, edited, moved, and the text of each split.

    \b
    Examples:
      workbench diff quiz@v2
      workbench diff quiz@v1 v3
      workbench diff quiz@now
    """
    with opened(workspace) as store:
        from workbench.services.versions.diff import diff as compared
        from workbench.services.versions.diff import ends

        corpus, one = reference(store, first, option)
        old, new = (None, one) if second is None else (one, _named(second, corpus))
        found = compared(store, *ends(store, corpus, old, new))
    shown = limit if limit is not None else (_LISTED if as_json else _SHOWN)
    result(_facts(found, shown), [] if as_json else _lines(found, shown), as_json=as_json)


def _named(second: str, corpus: str) -> str:
    name, at, version = second.rpartition("@")
    if at and name not in ("", corpus):
        raise UsageError(f"{second!r} is of another corpus than {corpus!r}", "name two versions of one corpus")
    return version


def _end(end: End) -> dict[str, Any]:
    return {"name": end.name, "version": end.version.id if end.version else None}


def _facts(found: Diff, limit: int) -> dict[str, Any]:
    counts = found.counts()
    listed = {kind: {"total": counts[kind], "records": _listed(found, kind, limit)} for kind in counts}
    return {
        "corpus": found.new.corpus,
        "from": _end(found.old),
        "to": _end(found.new),
        "by": found.by,
        "counts": counts,
        "splits": found.per("now"),
        "strata": found.per("stratum"),
        "moves": found.moves(),
        "texts": _texts(found),
        "tokens": {"value": None, "reason": _TOKENS},
        "records": listed,
    }


def _texts(found: Diff) -> dict[str, dict[str, list[int]]]:
    """Return {side: {records, characters, words: [before, after]}}."""
    none = {"records": 0, "characters": 0, "words": 0}
    sides = by_side(found.texts[0] | found.texts[1])
    both = {side: [texts.get(side, none) for texts in found.texts] for side in sides}
    return {side: {name: [old[name], new[name]] for name in none} for side, (old, new) in both.items()}


def _listed(found: Diff, kind: str, limit: int) -> list[dict[str, Any]]:
    from workbench.curation.difference import IS, changed_words

    rows = []
    for row in found.rows.filter(IS[kind]).head(limit).iter_rows(named=True):
        shown: dict[str, Any] = {"record": row["id"], "from": row["was"], "to": row["now"]}
        if kind == "edited":
            before, after = json.loads(row["before"]), json.loads(row["after"])
            shown["fields"] = {name: changed_words(before[name], after[name]) for name in after}
        rows.append(shown)
    return rows


def _lines(found: Diff, limit: int) -> list[str]:
    counts = found.counts()
    out = [f"{found.new.corpus}: {found.old.name} -> {found.new.name}"]
    out.append("  " + ", ".join(f"{count:,} {kind}" for kind, count in counts.items()))
    for what, column in (("split", "now"), ("stratum", "stratum")):
        rows = [[name, *row.values()] for name, row in found.per(column).items() if name]
        header = (what, "added", "removed", "edited", "moved in", "moved out")
        out += [f"  {line}" for line in table(rows, header)] if rows else []
    out += [f"  {move['records']:,} moved from {move['from']} to {move['to']}" for move in found.moves()]
    out += [f"  {line}" for line in _text_lines(found)]
    for kind in counts:
        out += _record_lines(found, kind, counts[kind], limit)
    return out


def _text_lines(found: Diff) -> list[str]:
    rows = [
        [side, *(f"{old:,} -> {new:,}" if old != new else f"{old:,}" for old, new in parts.values())]
        for side, parts in _texts(found).items()
        if any(map(any, parts.values()))
    ]
    return [*table(rows, ("text of", "records", "characters", "words")), f"tokens: not counted ({_TOKENS})"]


def _record_lines(found: Diff, kind: str, total: int, limit: int) -> list[str]:
    out = []
    for row in _listed(found, kind, limit):
        place = {"added": row["to"], "removed": row["from"], "moved": f"{row['from']} -> {row['to']}"}
        out.append(f"  {kind} {row['record'][:12]}  {place.get(kind, row['to'])}")
        out += [f"      {name}: {words}" for name, words in row.get("fields", {}).items()]
    return out + ([f"  ... and {total - limit:,} more {kind}: --limit {total}"] if limit < total else [])
