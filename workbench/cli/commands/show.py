"""`workbench show`: look at one record with its lineage, or list a corpus' records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.options import ID, AsJson, In, Named, Option, Record, opened, parted
from workbench.cli.output import fitted, indented, page_width, result, short
from workbench.cli.values import done
from workbench.errors import UsageError
from workbench.text import show as shown

if TYPE_CHECKING:
    from workbench.services.records.editing import Shown

_IDS = ("id", "record")
_NAMES = {"position": "row", "id": "record"}
"""What a list calls a column whose name in JSON is another one."""
_CELL = 40
"""Characters of a value in a list."""
_DONE = 80
"""Characters of what an edit did."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("show")(show)


def show(
    corpus: Named = None,
    record: Record = None,
    option: Option = None,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="List the rows that could not become records.")
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
        from workbench.services.looking import listing
        from workbench.services.records import editing

        name, wanted = parted(store, corpus, record, option)
        _check_asked(wanted, quarantine=quarantine, conflicts=conflicts, find=find)
        if wanted:
            found = editing.show_record(store, name, wanted)
            result(_facts(name, found), _lines(name, found), as_json=as_json)
            return
        if quarantine:
            listed = listing.quarantined(store, name, limit)
        elif conflicts:
            listed = listing.conflicts(store, name, limit)
        elif find is not None:
            listed = listing.holding(store, name, find, limit)
        else:
            listed = listing.listing(store, name, limit)
    rows = listed["rows"]
    total = "more" if listed["total"] is None else f"{listed['total']:,}"
    lines = [f"{name}: {len(rows):,} of {total} {listed['what']}"]
    lines += _quarantine_lines(rows) if quarantine else _list_lines(rows)
    if quarantine and rows:
        lines.append(f"to bring one back: workbench edit {name} --readmit SOURCE:ROW --set COLUMN=VALUE ...")
    if conflicts and rows:
        lines.append(f"to settle one: workbench edit {name} RECORD --set FIELD=VALUE")
        lines.append("to keep what is there: run workbench, open the corpus, choose the view conflicts, press k")
    result({"corpus": name} | listed, lines, as_json=as_json)


def _check_asked(record: str | None, *, quarantine: bool, conflicts: bool, find: str | None) -> None:
    """Raise UsageError where two things are asked at once, of which one would be passed over, or an empty text."""
    asked = {"a record": record, "--quarantine": quarantine, "--conflicts": conflicts, "--find": find is not None}
    given = [name for name, value in asked.items() if value]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} are asked for at once", "ask for one of them at a time")
    if find == "":
        raise UsageError("--find has no text to look for", "give one; without --find every record is listed")


def _quarantine_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Return two lines a row: its place, as --readmit takes it, with its beginning, and the whole of its reason."""
    out = []
    for row in rows:
        named = f"  {row['source']}:{row['position']}  "
        out += [named + short(row["raw"], max(page_width() - len(named), _CELL)), f"    {row['reason']}"]
    return out


def _list_lines(rows: list[dict[str, Any]]) -> list[str]:
    columns = list(rows[0]) if rows else []
    cells = [[row[name][:ID] if name in _IDS else _cell(row[name]) for name in columns] for row in rows]
    return fitted(cells, [_NAMES.get(name, name) for name in columns])


def _cell(value: Any) -> str:  # noqa: ANN401 - a JSON value
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return shown(text, limit=_CELL)


def _facts(corpus: str, found: Shown) -> dict[str, Any]:
    return {"corpus": corpus} | {name: getattr(found, name) for name in found.__dataclass_fields__}


def _lines(corpus: str, found: Shown) -> list[str]:
    out = [f"{corpus} {found.record}{'  (dropped)' if found.dropped else ''}"]
    out.append(
        f"  from {found.source}, row {found.position}, bytes {found.span[0]:,}-{found.span[1]:,}, "
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
        f"  edit {e['seq']} by {e['who']}: {short(done(e['field'], e['value']), _DONE)}  {e['reason']}"
        for e in found.edits
    ]
    return out
