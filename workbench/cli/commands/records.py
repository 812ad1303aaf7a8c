"""`workbench show`, `edit` and `log`: look at records, change them, see what was changed."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.options import AsJson, In, Option, corpus_name, opened, reference
from workbench.cli.output import indented, result, table
from workbench.errors import UsageError, unknown
from workbench.text import show as shown

if TYPE_CHECKING:
    from workbench.services.records import Shown
    from workbench.services.refs import Labels
    from workbench.store.store import Store
    from workbench.store.versions import Version

Corpus = Annotated[str | None, typer.Argument(metavar="[CORPUS]", help="Corpus; implied where there is only one.")]
Record = Annotated[str | None, typer.Argument(metavar="[RECORD]", help="Record id, or a unique prefix of one.")]
What = Annotated[str | None, typer.Argument(metavar="[CORPUS[@VERSION]]", help="Corpus, or one of its versions.")]
_ALL = sys.maxsize


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("show")(show)
    app.command("edit")(edit)
    app.command("log")(log)


def _parted(store: Store, corpus: str | None, record: str | None, option: str | None) -> tuple[str, str | None]:
    """Part the two arguments: a single one is the record where the corpus is implied or given as an option."""
    if corpus and record is None and corpus not in store.corpora():
        return corpus_name(store, None, option), corpus
    return corpus_name(store, corpus, option), record


def show(
    corpus: Corpus = None,
    record: Record = None,
    option: Option = None,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="List the units that could not become records.")
    ] = False,
    conflicts: Annotated[bool, typer.Option("--conflicts", help="List edits that no longer fit their record.")] = False,
    find: Annotated[str | None, typer.Option(metavar="TEXT", help="List the records that hold a text.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many records to list.")] = 20,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Show a record with its lineage back to the raw bytes, or list a corpus' records.

    \b
    Examples:
      workbench show quiz 3f9a
      workbench show quiz --quarantine
      workbench show quiz --find "two options"
    """
    with opened(workspace) as store:
        from workbench.services import listing, records

        name, wanted = _parted(store, corpus, record, option)
        if wanted:
            found = records.show_record(store, name, wanted)
            result(_facts(name, found), _lines(name, found), as_json=as_json)
            return
        if quarantine:
            listed = listing.quarantined(store, name, limit)
        elif conflicts:
            listed = listing.conflicts(store, name, limit)
        elif find:
            listed = listing.holding(store, name, find, limit)
        else:
            listed = listing.listing(store, name, limit)
    rows = listed["rows"]
    total = "more" if listed["total"] is None else f"{listed['total']:,}"
    lines = [f"{name}: {len(rows):,} of {total} {listed['what']}"]
    lines += table([[shown(value, limit=40) for value in row.values()] for row in rows], list(rows[0]) if rows else ())
    result({"corpus": name} | listed, lines, as_json=as_json)


def _facts(corpus: str, found: Shown) -> dict[str, Any]:
    return {"corpus": corpus} | {name: getattr(found, name) for name in found.__dataclass_fields__}


def _lines(corpus: str, found: Shown) -> list[str]:
    out = [f"{corpus} {found.record}{'  (dropped)' if found.dropped else ''}"]
    out.append(
        f"  from {found.source}, unit {found.position}, bytes {found.span[0]:,}-{found.span[1]:,}, "
        f"sha256 {found.digest[:12]}"
    )
    for field, value in found.fields.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        first, *rest = text.splitlines() or [""]
        out += (
            [f"  {field}: {first}", *indented("\n".join(rest), " " * (len(field) + 4))]
            if rest
            else [f"  {field}: {first}"]
        )
    out += [f"  {issue['severity']} {issue['rule']}: {issue['message']} -> {issue['hint']}" for issue in found.issues]
    out += [
        f"  edit {e['seq']} by {e['who']}: {e['field'] or 'record'} = {shown(e['value'], limit=60)}  {e['reason']}"
        for e in found.edits
    ]
    return out


def edit(
    corpus: Corpus = None,
    record: Record = None,
    option: Option = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="New value; JSON for numbers and lists."),
    ] = None,
    fix: Annotated[
        str | None,
        typer.Option(metavar="RULE", help="Apply the suggested fix to every record that breaks RULE."),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option("--against", metavar="CORPUS|FILE", help="With --fix contaminated: what records must not repeat."),
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="With --fix: only show what would change.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Drop the record; it can come back.")] = False,
    back: Annotated[bool, typer.Option("--restore", help="Bring a dropped record back.")] = False,
    undo: Annotated[int, typer.Option(min=0, help="Take the newest N edits back.")] = 0,
    readmit: Annotated[
        str | None,
        typer.Option(metavar="SOURCE:UNIT", help="Bring a quarantined unit back; --set gives its raw columns."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the log.")] = "",
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Change records; every change is a row of the log and can be undone.

    \b
    Examples:
      workbench edit quiz 3f9a --set correct_option_index=2 --reason "key was off by one"
      workbench edit story --fix literal-marker
      workbench edit quiz --undo 1
    """
    with opened(workspace) as store:
        from workbench.services import fixing, records
        from workbench.services.quarantine import readmit as brought_back
        from workbench.services.undo import undo as taken_back

        name, wanted = _parted(store, corpus, record, option)
        if fix and preview:
            rows = fixing.fixes(store, name, fix, against or ()).select("record", "field", "value", "fix").to_dicts()
            lines = table(
                [[shown(cell, limit=50) for cell in row.values()] for row in rows],
                ["record", "field", "value", "fix"],
            )
            result({"corpus": name, "rule": fix, "would_edit": rows}, lines, as_json=as_json)
            return
        undone: list[dict[str, Any]] = []
        if fix:
            count = fixing.fix(store, name, fix, against or ())
        elif undo:
            undone = taken_back(store, name, undo)
            count = len(undone)
        elif readmit:
            source, _, unit = readmit.rpartition(":")
            wanted = brought_back(store, name, source, _number(unit), _values(values))
            count = 1
        elif wanted and (drop or back):
            count = records.drop(store, name, [wanted], reason=reason, back=back)
        elif wanted and values:
            count = records.edit(store, name, wanted, _values(values), reason=reason)
        else:
            raise UsageError(
                "nothing to change", "name a record with --set, --drop or --restore, or use --fix or --undo"
            )
    lines = [f"{name}: {count:,} edit{'' if count == 1 else 's'}"]
    if undo and not undone:
        lines = [f"{name}: no edit to take back; a re-admitted record goes with --drop"]
    lines += [_undone_line(row) for row in undone[:_ALL_SHOWN]]
    result({"corpus": name, "record": wanted, "edits": count}, lines, as_json=as_json)


_ALL_SHOWN = 20
"""Edits taken back that are named one by one."""


def _undone_line(row: dict[str, Any]) -> str:
    what = (
        f"{row['field']} = {shown(row['value'], limit=60)}" if row["field"] else "dropped" if row["value"] else "back"
    )
    return f"  {row['record'][:12]} is again: {what}"


def _number(text: str) -> int:
    if not text.isdigit():
        raise UsageError(f"{text!r} is no unit number", "write --readmit SOURCE:UNIT, for example pairs.jsonl:71")
    return int(text)


def _values(pairs: list[str] | None) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for pair in pairs or []:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair!r} is no FIELD=VALUE", "for example: --set answer=Paris")
        out[name] = _value(text)
    return out


def _value(text: str) -> Any:  # noqa: ANN401 - a JSON value
    try:
        return json.loads(text)
    except ValueError:
        return text


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
        from workbench.services import refs
        from workbench.services.listing import history

        if tag is not None or note is not None:
            version = store.version(*reference(store, what, option))
            found = refs.label(store, version, tag=tag, note=note)
            result(_labels(version, found), _label_lines(version, found), as_json=as_json)
            return
        name = reference(store, what, option)[0] if what or option else None
        if name is not None and name not in store.corpora():
            raise unknown("corpus", name, store.corpora())
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
        what = f"{body['field']} = {body['value']!r}" if body["field"] else "drop" if body["value"] else "bring back"
        return f"{what}  {body['reason']}".rstrip()
    if kind == "delivery" and "read" in body:
        return f"{body['kept']:,} kept, {body['merged']:,} merged, {body['quarantined']:,} quarantined"
    return str(body.get("note") or body.get("text") or body.get("version", "")[:12])


def _labels(version: Version, found: Labels) -> dict[str, Any]:
    facts = {"corpus": version.corpus, "version": version.id, "name": version.name}
    return facts | {"tags": list(found.tags), "notes": list(found.notes)}


def _label_lines(version: Version, found: Labels) -> list[str]:
    out = [f"{version.corpus}@{version.name}  {version.id[:12]}"]
    out += [f"  tag {tag}" for tag in found.tags]
    return out + [f"  note: {note}" for note in found.notes]
