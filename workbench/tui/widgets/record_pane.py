"""Show one record whole: its fields, what is wrong with it, where it comes from, what was edited."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from workbench.curation.fixes import changes, in_words
from workbench.text import moment, show

if TYPE_CHECKING:
    from workbench.services.looking.detail import Detail, Tokens
    from workbench.services.records.editing import Shown
    from workbench.store.edits import Conflict

FIELD_LENGTH = 6000
"""Characters of a field that are drawn; the rest is counted. A pane redraws at every step of the cursor."""
_SIGNS = {"error": "!", "warning": "~"}
_COLOURS = {"error": "$text-error", "warning": "$text-warning"}
Piece = str | tuple[str, str]


class RecordPane(VerticalScroll):
    """One record, or one row in quarantine."""

    def compose(self) -> ComposeResult:
        """Hold one text."""
        yield Static(id="record-text", markup=False)

    def show_text(self, *pieces: Piece) -> None:
        """Show pieces of safe text and scroll to their beginning."""
        self.query_one("#record-text", Static).update(Content.assemble(*pieces))
        self.scroll_home(animate=False)

    def show_record(self, found: Detail) -> None:
        """Show a record whole."""
        shown = found.shown
        origin = _origin(shown, found.standing)
        self.show_text(*_issues(shown), *_fields(shown), *_tokens(found.tokens), *origin, *_edits(shown))

    def show_conflict(self, conflict: Conflict) -> None:
        """Show an edit that no longer fits its record."""
        edit = conflict.edit
        self.show_text(
            ("? an edit that no longer fits\n", "$text-warning"),
            ("  enter settles it: keep, take or drop\n\n", "$foreground-muted"),
            (f"{show(edit.field) or 'the whole record'} is now\n", "bold"),
            *_value(conflict.found),
            ("\n\nthe edit wants\n", "bold"),
            *(_value(edit.value) if edit.field else ["the record dropped" if edit.value else "the record back"]),
            f"\n\nlog row {edit.seq}  record {show(edit.record[:16])}\n",
            f"{show(edit.reason)}\n",
        )

    def show_reject(self, reject: Mapping[str, Any]) -> None:
        """Show a row in quarantine: why it could not be read, and its bytes."""
        raw = show(reject["raw"].decode("utf-8", "replace"), lines=True, limit=FIELD_LENGTH)
        self.show_text(
            (f"! {show(reject['reason'])}\n", "$text-error"),
            ("  kept as it was read; it is in no version\n\n", "$foreground-muted"),
            ("bytes\n", "bold"),
            f"{raw}\n\n",
            ("from\n", "bold"),
            f"{show(reject['source'])}, row {reject['position']:,}, bytes {reject['start']:,}-{reject['end']:,}\n",
        )


def _issues(shown: Shown) -> Iterator[Piece]:
    if shown.dropped:
        yield "dropped: it is in no later version; u takes that back\n\n", "$text-warning"
    for issue in shown.issues:
        colour = _COLOURS.get(issue["severity"], "$foreground-muted")
        yield f"{_SIGNS.get(issue['severity'], '-')} {show(issue['field'])}: {show(issue['message'])}", colour
        yield f" ({show(issue['rule'])})\n", "$foreground-muted"
        yield f"  {show(issue['hint'])}\n"
        yield from _suggestion(issue)
    if shown.issues:
        yield "\n"


def _suggestion(issue: Mapping[str, Any]) -> Iterator[Piece]:
    if issue["fix"] is None:
        return
    wanted = changes(issue["field"], issue["fix"])
    yield "  f ", "bold"
    yield (
        "drops the record, F does so for all alike\n"
        if wanted is None
        else f"sets {show(in_words(wanted), limit=300)}\n"
    )


def _fields(shown: Shown) -> Iterator[Piece]:
    faulty = {issue["field"]: issue["severity"] for issue in reversed(shown.issues)}
    empty = [name for name, value in shown.fields.items() if value is None and name not in faulty]
    for name, value in shown.fields.items():
        if name in empty:
            continue
        yield show(name), f"bold {_COLOURS.get(faulty.get(name, ''), '')}".strip()
        yield "\n"
        yield from _value(value)
        yield "\n\n"
    if empty:
        yield f"none: {show(', '.join(empty))}\n\n", "$foreground-muted italic"
    if shown.extra:
        yield "other columns of the source\n", "bold"
        yield f"{show(json.dumps(shown.extra, ensure_ascii=False), limit=FIELD_LENGTH)}\n\n"


def _value(value: Any) -> Iterator[Piece]:  # noqa: ANN401 - any field
    if value is None:
        yield "none", "$foreground-muted italic"
    elif isinstance(value, list):
        for place, entry in enumerate(value):
            yield f"{place} ", "$foreground-muted"
            yield from _entry(entry)
            yield "" if place == len(value) - 1 else "\n"
    else:
        yield from _text(value)


def _entry(entry: Any) -> Iterator[Piece]:  # noqa: ANN401 - one entry of a list
    if not isinstance(entry, Mapping):
        yield from _text(entry)
        return
    role, *rest = entry.values()
    yield f"{show(role)}\n", "$text-accent"
    for part in rest:
        yield from _text(part)


def _text(value: object) -> Iterator[Piece]:
    text = str(value)
    yield show(text, lines=True, limit=FIELD_LENGTH) or "(empty)"
    if len(text) > FIELD_LENGTH:
        yield f"\n{len(text) - FIELD_LENGTH:,} more characters: e shows all", "$foreground-muted"


def _tokens(tokens: Tokens | None) -> Iterator[Piece]:
    if tokens is not None:
        yield "tokens\n", "bold"
        yield f"{tokens.count:,} in {show(tokens.run)}"
        yield f"  {show(', '.join(tokens.flags))}\n\n" if tokens.flags else "\n\n", "$text-warning"


def _origin(shown: Shown, standing: str) -> Iterator[Piece]:
    yield "from\n", "bold"
    yield f"{show(shown.source)}, row {shown.position:,}, bytes {shown.span[0]:,}-{shown.span[1]:,}\n"
    yield f"record {shown.record[:16]}\nraw    {shown.digest[:16]}\n"
    yield "       L shows its bytes\n", "$foreground-muted"
    if standing:
        yield f"newest version: {show(standing)}\n"


def _edits(shown: Shown) -> Iterator[Piece]:
    if shown.edits:
        yield "\nedits\n", "bold"
    for edit in reversed(shown.edits):
        what = show(edit["field"]) or "whole record"
        value = show(json.dumps(edit["value"], ensure_ascii=False), limit=120)
        yield (
            f"{show(moment(edit['at']))} {show(edit['who'])}: {what} = {value} {show(edit['reason'])}\n",
            "$foreground-muted",
        )
