"""Change the records of a corpus: edit, fix, drop, settle, bring back, take back; each is one call of a service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.curation.fixes import changes, in_words
from workbench.errors import UsageError, WorkbenchError
from workbench.services.looking.lens import APART, CONFLICTS, DROPPED, QUARANTINE
from workbench.services.progress import Report, silent
from workbench.text import counted
from workbench.tui import editor
from workbench.tui.screens.base import CHANGE, SHEET
from workbench.tui.screens.confirm import SAMPLES, ConfirmSheet, change_of
from workbench.tui.screens.data.looking import LookingScreen
from workbench.tui.screens.data.sheets import ConflictSheet, RawSheet, ReadmitSheet
from workbench.tui.screens.edit import EditSheet
from workbench.tui.screens.sheets import ErrorSheet
from workbench.workspace import Workspace

if TYPE_CHECKING:
    from workbench.services.looking.detail import Detail
    from workbench.services.records.bulk import Settlement
    from workbench.services.records.record_file import Rows
    from workbench.store.edits import Conflict
    from workbench.store.store import Store
    from workbench.store.view import Rows as RowNumbers

_IN_EDITOR = 200
"""Records that go to an editor at once: more than anybody reads, few enough to be one file."""


_MANY = 500
"""Records from which on a change is a job."""


class EditingScreen(LookingScreen):
    """The table of records with all that changes them."""

    # -- which records --------------------------------------------------------------------------------------------

    def _meant(self, what: str) -> RowNumbers:
        """Return the rows that a key is about: the marked ones, else the one under the cursor."""
        import numpy as np

        if self.marks:
            return self.marks.rows
        if self.lens.view in APART or self.row is None:
            self.tell(f"no record here to {what}")
            return np.empty(0, np.int64)
        return np.array([self.row])

    def _on_store(self, work: Callable[[Store], Any]) -> Any:  # noqa: ANN401 - whatever the service returns
        with self.desk.store() as store:
            return work(store)

    # -- edit -----------------------------------------------------------------------------------------------------

    def action_edit(self) -> None:
        """Edit the record under the cursor in place; a row in quarantine, or an edit that no longer fits, likewise."""
        if self.contents is None or self.row is None:
            self.tell("no record here to edit")
        elif self.lens.view == QUARANTINE:
            self._readmit(self.contents.opened.state.rejects.row(self.row, named=True))
        elif self.lens.view == CONFLICTS:
            self._settle(self.contents.opened.state.replayed.conflicts[self.row])
        else:
            self.with_record(self._edit)

    def _edit(self, found: Detail) -> None:
        assert self.contents is not None
        self.app.push_screen(EditSheet(self.desk, self.contents, found), self._edited)

    def _edited(self, count: int | None) -> None:
        if count:
            self.changed(f"saved {count} field{'s' if count > 1 else ''}: u takes it back")

    def _readmit(self, reject: Mapping[str, Any]) -> None:
        assert self.contents is not None
        mapping = self.contents.opened.state.deliveries[reject["source"]].body["mapping"]
        self.in_background(lambda: _raw_columns(mapping), lambda columns: self._ask_row(reject, columns), SHEET)

    def _ask_row(self, reject: Mapping[str, Any], columns: tuple[str, ...]) -> None:
        self.app.push_screen(ReadmitSheet(reject, columns), partial(self._bring_back, reject))

    def _bring_back(self, reject: Mapping[str, Any], row: dict[str, Any] | None) -> None:
        from workbench.services.intake.quarantine import readmit

        if row is not None:
            source, position = reject["source"], reject["position"]
            self.change(
                "bringing it back",
                lambda: self._on_store(lambda store: readmit(store, self.corpus, source, position, row)),
                lambda record: self.changed(f"back as record {record[:12]}"),
            )

    def _settle(self, conflict: Conflict) -> None:
        self.app.push_screen(ConflictSheet(conflict), partial(self._settled, conflict))

    def _settled(self, conflict: Conflict, how: Settlement | None) -> None:
        from workbench.services.records.bulk import settle

        if how is not None:
            seq = conflict.edit.seq
            self.change(
                "settling",
                lambda: self._on_store(lambda store: settle(store, self.corpus, seq, how)),
                lambda _: self.changed(f"settled: {how}"),
            )

    # -- in an editor ---------------------------------------------------------------------------------------------

    def action_edit_outside(self) -> None:
        """Edit the record, or all marked ones, in your own editor as one file."""
        rows = self._meant("edit")
        if len(rows) > _IN_EDITOR:
            self.tell(f"more than {_IN_EDITOR} records are marked: too many for one file")
        elif len(rows):
            self.in_background(lambda: self._as_file(rows), self._open_editor, SHEET)

    def _as_file(self, rows: RowNumbers) -> tuple[Path, Rows]:
        from workbench.services.records.record_file import written

        assert self.contents is not None
        opened = self.contents.opened
        frame = opened.pages.page(rows).select("id", *opened.schema.columns)
        before = {row.pop("id"): row for row in frame.to_dicts()}
        return editor.draft(written(self.corpus, before), ".yaml"), before

    def _open_editor(self, made: tuple[Path, Rows]) -> None:
        path, before = made
        try:
            text = editor.edited(self.app, path)
        except WorkbenchError as error:
            self.app.push_screen(ErrorSheet(error))
            return
        then = partial(self._save_file, path, before)
        self.in_background(lambda: self._read_file(path, text, before), then, "file")

    def _read_file(self, path: Path, text: str, before: Rows) -> dict[str, dict[str, Any]]:
        from workbench.services.records.record_file import changed

        assert self.contents is not None
        try:
            return changed(text, before, self.contents.opened.schema)
        except WorkbenchError as error:
            raise _with_place(error, path) from error

    def _save_file(self, path: Path, before: Rows, values: dict[str, dict[str, Any]]) -> None:
        from workbench.services.records.bulk import edit_all

        if self.is_busy(CHANGE):
            busy = UsageError("the last change is still being made")
            self.app.push_screen(ErrorSheet(_with_place(busy, path)))
            return
        if not values:
            path.unlink(missing_ok=True)
            self.tell("nothing was changed")
            return

        def work(store: Store) -> int:
            try:
                count = edit_all(store, self.corpus, values, seen=before)
            except WorkbenchError as error:
                raise _with_place(error, path) from error
            path.unlink(missing_ok=True)
            return count

        self.change("saving", lambda: self._on_store(work), self._edited)

    # -- fix ------------------------------------------------------------------------------------------------------

    def action_fix(self) -> None:
        """Apply the first suggested fix of the record under the cursor."""
        self.with_record(self._fix)

    def _fix(self, found: Detail) -> None:
        issue = next((one for one in found.shown.issues if one["fix"] is not None), None)
        if issue is not None:
            self.change("fixing", lambda: self.desk.fix(self.corpus, issue, found.shown.fields), self.changed)
            return
        hints = [one["hint"] for one in found.shown.issues]
        self.tell(f"no fix is suggested; {hints[0]}" if hints else "nothing is wrong with this record")

    def action_fix_all(self) -> None:
        """Apply the suggested fix to all records alike, after a look at some of them."""
        self.with_record(self._count_alike)

    def _count_alike(self, found: Detail) -> None:
        rule = next((one["rule"] for one in found.shown.issues if one["fix"] is not None), None)
        issues = self.contents.issues if self.contents else None
        if rule is None or issues is None:
            self.tell("this record has no issue with a suggested fix")
        else:
            self.in_background(lambda: issues.fixable(rule, SAMPLES), partial(self._ask_fix_all, rule), SHEET)

    def _ask_fix_all(self, rule: str, found: tuple[int, list[dict[str, Any]]]) -> None:
        count, samples = found
        shown = [change_of(f"{one['record'][:12]} {one['field']}", _fix_in_words(one)) for one in samples]
        sheet = ConfirmSheet(
            f"Fix {rule} in {counted(count, 'place')}?", shown, more=count - len(shown), after="u takes all of it back."
        )
        self.app.push_screen(sheet, partial(self._fix_all, rule))

    def _fix_all(self, rule: str, yes: bool | None) -> None:
        if yes:
            work = partial(_fix_all, self.desk.workspace, self.corpus, rule)
            self.begin(f"fix {rule}", lambda report: self.desk.apart(work, report), self._all_fixed)

    def _all_fixed(self, count: int) -> None:
        self.changed(f"{counted(count, 'edit')}: u takes {'it' if count == 1 else 'them'} back")

    # -- drop -----------------------------------------------------------------------------------------------------

    def action_drop(self) -> None:
        """Drop the record, or all marked ones after a question; in the view of dropped ones bring back."""
        rows = self._meant("drop")
        back = self.lens.view == DROPPED
        if len(rows) > 1:
            self._ask_drop(rows, back=back)
        elif len(rows):
            self._drop(rows, back=back)

    def _ask_drop(self, rows: RowNumbers, *, back: bool) -> None:
        from workbench.services.looking.detail import shown_at

        assert self.contents is not None
        contents = self.contents
        what = f"{'Bring back' if back else 'Drop'} {len(rows):,} records?"
        samples = [shown_at(contents, int(row)) for row in rows[:SAMPLES]]
        shown = [
            change_of(one.record[:12], "  ".join(str(value) for value in one.fields.values() if value))
            for one in samples
        ]
        sheet = ConfirmSheet(what, shown, more=len(rows) - len(shown), after="u takes all of it back.")
        self.app.push_screen(sheet, lambda yes: self._drop(rows, back=back) if yes else None)

    def _drop(self, rows: RowNumbers, *, back: bool) -> None:
        assert self.contents is not None
        ids, did = self.contents.opened.delivered["id"], "brought back" if back else "dropped"

        def work(_report: Report) -> int:
            from workbench.services.records.editing import drop

            with self.desk.store() as store:
                return drop(store, self.corpus, ids.gather(rows).to_list(), back=back)

        def then(count: int) -> None:
            self._dropped(count, f"{did} {count:,}: u takes it back")

        if len(rows) > _MANY:
            self.begin(f"{'bring back' if back else 'drop'} {len(rows):,} records", work, then)
        else:
            self.change("bringing back" if back else "dropping", lambda: work(silent), then)

    def _dropped(self, count: int, line: str) -> None:
        if self.marks is not None:
            self.marks.clear()
        self.changed(line if count else "nothing to do: it stands so already")

    # -- raw bytes ------------------------------------------------------------------------------------------------

    def action_raw(self) -> None:
        """Show the bytes that the record was read from."""
        self.with_record(self._read_raw)

    def _read_raw(self, found: Detail) -> None:
        from workbench.services.looking.detail import raw_of

        contents, record = self.contents, found.shown.record
        assert contents is not None
        work = lambda: self._on_store(lambda store: raw_of(store, contents, found.row))  # noqa: E731
        self.in_background(work, partial(self._show_raw, record), SHEET)

    def _show_raw(self, record: str, raw: dict[str, Any]) -> None:
        self.app.push_screen(RawSheet(record, raw))


def _with_place(error: WorkbenchError, path: Path) -> WorkbenchError:
    """Return an error that also says where to find what was written."""
    return type(error)(error.what, f"{error.hint}. What you wrote is kept in {path}".lstrip(". "))


def _raw_columns(mapping: Mapping[str, str]) -> tuple[str, ...]:
    from workbench.readers.mapping import Mapping as RawMapping

    return tuple(sorted(RawMapping(dict(mapping)).columns))


def _fix_in_words(issue: Mapping[str, Any]) -> str:
    wanted = changes(issue["field"], issue["fix"])
    return "drops the record" if wanted is None else f"{issue['value']!r} -> {in_words(wanted)}"


def _fix_all(workspace: Workspace, corpus: str, rule: str, report: Report) -> int:
    from workbench.services.records.fixing import fix
    from workbench.store.store import Store

    report(f"fixing {rule}")
    with Store(workspace) as store:
        return fix(store, corpus, rule)
