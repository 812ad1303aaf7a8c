"""`workbench edit`: change records; every change is a row of the log and can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.options import ID, AsJson, In, Named, Option, Record, opened, parted
from workbench.cli.output import fitted, left_beside, result, say, short
from workbench.cli.values import told
from workbench.errors import UsageError
from workbench.text import counted

if TYPE_CHECKING:
    from workbench.services.records.fixing import Change
    from workbench.store.store import Store


@dataclass(frozen=True)
class _Done:
    """What an edit did: how many edits, on which record if on one, and what stands again where some were taken back."""

    count: int
    record: str | None = None
    again: list[dict[str, Any]] = field(default_factory=list)
    nothing: str = ""
    """What is said where nothing was done."""
    issues: list[dict[str, Any]] | None = None
    """What is wrong by itself with the one record that was set; None where nobody looked."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("edit")(edit)


def edit(
    corpus: Named = None,
    record: Record = None,
    option: Option = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", help="New value; JSON for numbers and lists, or an option's letter."
        ),
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
    undo: Annotated[
        int, typer.Option(min=0, help="Take the newest N edits back; a re-admitted row stays: see --drop.")
    ] = 0,
    redo: Annotated[int, typer.Option(min=0, help="Repeat the N edits that were taken back last.")] = 0,
    readmit: Annotated[
        str | None,
        typer.Option(metavar="SOURCE:ROW", help="Bring a quarantined row back; --set gives its raw columns."),
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
      workbench edit quiz --redo 1
    """
    with opened(workspace) as store:
        name, wanted = parted(store, corpus, record, option)
        if fix and preview:
            _preview(store, name, (fix, against or ()), as_json=as_json)
            return
        if fix:
            done = _fixed(store, name, fix, against or ())
        elif undo or redo:
            done = _undone(store, name, undo) if undo else _redone(store, name, redo)
        elif readmit:
            done = _readmitted(store, name, readmit, _texts(values))
        elif wanted and (drop or back):
            done = _dropped(store, name, wanted, (reason, back))
        else:
            done = _set(store, name, wanted, _texts(values), reason)
    lines = [f"{name}: {counted(done.count, 'edit')}" if done.count or not done.nothing else f"{name}: {done.nothing}"]
    lines += [_again_line(row) for row in done.again[:_ALL_SHOWN]]
    lines += [f"  now {one['severity']} {one['rule']}: {one['message']} -> {one['hint']}" for one in done.issues or ()]
    facts = {"corpus": name, "record": done.record or wanted, "edits": done.count}
    looked = {} if done.issues is None else {"issues": done.issues}
    result(facts | looked, lines, as_json=as_json)


def _fixed(store: Store, corpus: str, rule: str, against: Sequence[str]) -> _Done:
    from workbench.services.records import fixing

    return _Done(fixing.fix(store, corpus, rule, against))


def _undone(store: Store, corpus: str, number: int) -> _Done:
    from workbench.services.intake.quarantine import passed_over
    from workbench.services.records.undo import undo

    kept = passed_over(store, corpus)
    rows = undo(store, corpus, number)
    if kept:
        say(f"note: --undo passes over the newest change, the re-admission of {kept[:ID]}: it stays")
        say(f"  do: workbench edit {corpus} {kept[:ID]} --drop")
    return _Done(len(rows), again=rows, nothing="no edit to take back")


def _redone(store: Store, corpus: str, number: int) -> _Done:
    from workbench.services.records.redo import redo

    rows = redo(store, corpus, number)
    nothing = "no edit to repeat: nothing was taken back, or something was changed since"
    return _Done(len(rows), again=rows, nothing=nothing)


def _readmitted(store: Store, corpus: str, place: str, texts: dict[str, str]) -> _Done:
    from workbench.services.intake.quarantine import readmit
    from workbench.services.records.typed import parsed

    source, _, row = place.rpartition(":")
    values = {name: parsed(text) for name, text in texts.items()}
    return _Done(1, record=readmit(store, corpus, source, _number(row), values))


def _dropped(store: Store, corpus: str, record: str, how: tuple[str, bool]) -> _Done:
    from workbench.services.records.editing import drop

    reason, back = how
    return _Done(drop(store, corpus, [record], reason=reason, back=back))


def _set(store: Store, corpus: str, record: str | None, texts: dict[str, str], reason: str) -> _Done:
    from workbench.services.records.editing import broken_rules
    from workbench.services.records.editing import edit as changed
    from workbench.services.records.typed import is_letter, value_of

    if not record or not texts:
        raise UsageError("nothing to change", "name a record with --set, --drop or --restore, or use --fix or --undo")
    schema = store.schema(store.corpus(corpus))
    values = {name: value_of(schema, name, text) for name, text in texts.items()}
    for name, text in texts.items():
        if is_letter(schema, name, text):
            say(f"{name}: option {text.strip().upper()} is number {values[name]}, counted from 0")
    count = changed(store, corpus, record, values, reason=reason)
    return _Done(count, issues=broken_rules(store, corpus, record))


def _preview(store: Store, corpus: str, asked: tuple[str, Sequence[str]], *, as_json: bool) -> None:
    from workbench.services.records import fixing

    rule, against = asked
    rows = fixing.fixes(store, corpus, rule, against).select("record", "field", "value", "fix").to_dicts()
    lines = [] if as_json else _preview_lines(corpus, rule, fixing.preview(store, corpus, rule, against))
    result({"corpus": corpus, "rule": rule, "would_edit": rows}, lines, as_json=as_json)


_ALL_SHOWN = 20
"""Edits taken back that are named one by one."""


def _preview_lines(corpus: str, rule: str, found: list[Change]) -> list[str]:
    from workbench.curation.difference import windows

    rows = []
    width = left_beside(["x" * ID], [one.field for one in found], ["then"])
    for one in found:
        before, after = windows(one.before, one.before if one.after is None else one.after, width)
        rows.append([one.record[:ID], one.field, "now", before])
        rows.append(["", "", "then", after if one.after is not None else "(the record is dropped)"])
    return fitted(rows, ("record", "field", "", "text")) or [f"{corpus}: no record breaks {rule}"]


def _again_line(row: dict[str, Any]) -> str:
    what = (
        f"{row['field']} = {short(told(row['value']), 60)}" if row["field"] else "dropped" if row["value"] else "back"
    )
    return f"  {row['record'][:12]} is again: {what}"


def _number(text: str) -> int:
    if not text.isdigit():
        raise UsageError(f"{text!r} is no row number", "write --readmit SOURCE:ROW, for example pairs.jsonl:71")
    return int(text)


def _texts(pairs: list[str] | None) -> dict[str, str]:
    out: dict[str, str] = {}
    for pair in pairs or []:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair!r} is no FIELD=VALUE", "for example: --set answer=Paris")
        out[name] = text
    return out
