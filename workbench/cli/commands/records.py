"""`workbench show`, `edit` and `log`: look at records, change them, see what was changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.options import AsJson, In, Option, corpus_name, opened
from workbench.cli.output import indented, result, table
from workbench.errors import UsageError, unknown
from workbench.text import show as shown

if TYPE_CHECKING:
    from workbench.services.records import Shown
    from workbench.store.store import Store

Corpus = Annotated[str | None, typer.Argument(metavar="[CORPUS]", help="Corpus; implied where there is only one.")]
Record = Annotated[str | None, typer.Argument(metavar="[RECORD]", help="Record id, or a unique prefix of one.")]


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
    limit: Annotated[int, typer.Option(min=1, help="How many records to list.")] = 20,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Show a record with its lineage back to the raw bytes, or list a corpus' records.

    \b
    Examples:
      workbench show quiz 3f9a
      workbench show quiz --quarantine
    """
    with opened(workspace) as store:
        from workbench.services import records

        name, wanted = _parted(store, corpus, record, option)
        if wanted:
            found = records.show_record(store, name, wanted)
            result(_facts(name, found), _lines(name, found), as_json=as_json)
            return
        listed = records.listing(store, name, quarantine=quarantine, conflicts=conflicts, limit=limit)
    rows = listed["rows"]
    lines = [f"{name}: {len(rows):,} of {listed['total']:,} {listed['what']}"]
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
        from workbench.services import records

        name, wanted = _parted(store, corpus, record, option)
        if fix and preview:
            rows = records.fixes(store, name, fix).select("record", "field", "value", "fix").to_dicts()
            lines = table(
                [[shown(cell, limit=50) for cell in row.values()] for row in rows],
                ["record", "field", "value", "fix"],
            )
            result({"corpus": name, "rule": fix, "would_edit": rows}, lines, as_json=as_json)
            return
        if fix:
            count = records.fix(store, name, fix)
        elif undo:
            count = len(records.undo(store, name, undo))
        elif readmit:
            source, _, unit = readmit.rpartition(":")
            wanted = records.readmit(store, name, source, _number(unit), _values(values))
            count = 1
        elif wanted and (drop or back):
            count = records.drop(store, name, [wanted], reason=reason, back=back)
        elif wanted and values:
            count = records.edit(store, name, wanted, _values(values), reason=reason)
        else:
            raise UsageError(
                "nothing to change", "name a record with --set, --drop or --restore, or use --fix or --undo"
            )
    said = f"{name}: {count:,} edits" if count or not undo else f"{name}: nothing to take back (a re-admission: --drop)"
    result({"corpus": name, "record": wanted, "edits": count}, [said], as_json=as_json)


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
    corpus: Corpus = None,
    option: Option = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows, newest first.")] = 20,
    as_json: AsJson = False,
    workspace: In = None,
) -> None:
    """Show the newest rows of the append-only log: deliveries, edits, judgements, versions, runs, pushes.

    \b
    Example: workbench log quiz --limit 5
    """
    with opened(workspace) as store:
        from workbench.services.records import history

        name = corpus_name(store, corpus, option) if corpus or option else None
        if name is not None and name not in store.corpora():
            raise unknown("corpus", name, store.corpora())
        rows = history(store, name, limit)
    lines = table([[r["seq"], r["at"], r["who"], r["kind"], r["corpus"], shown(r["subject"], limit=24)] for r in rows])
    result({"corpus": name, "rows": rows}, lines, as_json=as_json)
