"""`workbench log`: see what was changed; give a version a tag or a note."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.options import AsJson, In, Option, opened, reference
from workbench.cli.output import result, table
from workbench.cli.values import done
from workbench.text import show as shown

if TYPE_CHECKING:
    from workbench.services.versions.refs import Labels
    from workbench.store.versions import Version

What = Annotated[str | None, typer.Argument(metavar="[CORPUS[@VERSION]]", help="Corpus, or one of its versions.")]
_ALL = sys.maxsize
_VERDICTS = {"different": "no duplicates", "duplicate": "the first is kept", "open": "not judged any more"}
"""What a verdict on a pair of records says, in words."""
MARKED = ("preference", "review")
"""Kinds of rows that change no record."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("log")(log)


def log(
    what: What = None,
    option: Option = None,
    tag: Annotated[str | None, typer.Option(help="Name the version; a tag that is there already moves.")] = None,
    note: Annotated[str | None, typer.Option(help="Write a line about the version.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows, newest first.")] = 20,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Show the newest rows of the append-only log, of a corpus or about one version; tag a version, write a note.

    \b
    Examples:
      workbench log quiz --limit 5
      workbench log quiz@v2 --tag baseline --note "before the keys were mended"
    """
    with opened(workspace) as store:
        from workbench.services.looking.listing import history
        from workbench.services.versions import refs

        if tag is not None or note is not None:
            version = store.version(*reference(store, what, option))
            found = refs.label(store, version, tag=tag, note=note)
            result(_labels(version, found), _label_lines(version, found), as_json=as_json)
            return
        name = reference(store, what, option)[0] if what or option else None
        about = store.version(*reference(store, what, option)) if name and "@" in (what or "") else None
        rows = history(store, name, limit if about is None else _ALL)
        rows = refs.labelled(store, [row for row in rows if about is None or refs.is_about(row, about)][:limit])
    result({"corpus": name, "rows": rows}, table([_row(row) for row in rows]), as_json=as_json)


def _row(row: dict[str, Any]) -> list[object]:
    said = "; ".join([*row.get("tags", ()), *row.get("notes", ())]) or _told(row["kind"], row["body"])
    if made := row["body"].get("made"):
        said = f"made by {made['who']} {made['at'][:10]}: {said}"
    subject = f"{row['name']} {row['subject'][:12]}" if "name" in row else shown(row["subject"], limit=24)
    return [row["seq"], row["at"], row["who"], row["kind"], row["corpus"], subject, shown(said, limit=60)]


def _told(kind: str, body: dict[str, Any]) -> str:
    if kind == "edit" and "value" in body:
        return f"{done(body['field'], body['value'])}  {body['reason']}".rstrip()
    if kind == "delivery" and "read" in body:
        return f"{body['kept']:,} kept, {body['merged']:,} merged, {body['quarantined']:,} quarantined"
    if kind == "judgement" and "pair" in body:
        one, other = (record[:12] for record in body["pair"])
        return f"{one} and {other}: {_VERDICTS.get(body['verdict'], body['verdict'])}"
    if kind in MARKED:
        return "taken back" if body.get("undo") else str(body.get("better") or body.get("verdict", ""))
    if kind == "setting" and "value" in body:
        back = "taken back: " if body.get("undo") else "again: " if body.get("redo") else ""
        return f"{back}{body['before']} -> {body['value']}"
    return str(body.get("note") or body.get("text") or body.get("version", "")[:12])


def _labels(version: Version, found: Labels) -> dict[str, Any]:
    facts = {"corpus": version.corpus, "version": version.id, "name": version.name}
    return facts | {"tags": list(found.tags), "notes": list(found.notes)}


def _label_lines(version: Version, found: Labels) -> list[str]:
    out = [f"{version.corpus}@{version.name}  {version.id[:12]}"]
    out += [f"  tag {tag}" for tag in found.tags]
    return out + [f"  note: {note}" for note in found.notes]
