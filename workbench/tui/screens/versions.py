"""The versions of a corpus: what each holds and changed, how it is proved; restore, split, export and push."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from workbench.services.progress import Report
from workbench.services.publishing.leaving import Wanted, leave
from workbench.text import counted
from workbench.tui.desk import Desk
from workbench.tui.screens.ask import AskSheet
from workbench.tui.screens.base import SHEET
from workbench.tui.screens.confirm import ConfirmSheet
from workbench.tui.screens.proof import ProofSheet
from workbench.tui.screens.publish import PublishSheet
from workbench.tui.screens.split import SplitSheet
from workbench.tui.screens.undoing import UndoingScreen
from workbench.tui.screens.version_words import (
    HISTORY_COLUMNS,
    history_rows,
    standing_now,
    summary,
)
from workbench.tui.screens.version_work import cut, described, restore_question, restore_samples
from workbench.tui.widgets.changes_pane import ChangesPane
from workbench.tui.widgets.virtual_table import Rows, VirtualTable
from workbench.tui.widgets.word_diff import DiffPane

if TYPE_CHECKING:
    from workbench.services.checking.describe import Description
    from workbench.services.records.restore import Restoration
    from workbench.services.versions.changes import Changes
    from workbench.services.versions.split import Request
    from workbench.services.versions.version_lines import History, VersionLine
    from workbench.store.versions import Version

NOW = "now"


class VersionsScreen(UndoingScreen):
    """The history beside what the version under the cursor changed, record by record."""

    CSS_PATH = "versions.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "split", "Split", id="versions.split"),
        Binding("d", "mark", "Compare with", id="versions.mark"),
        Binding("r", "restore", "Restore", id="versions.restore"),
        Binding("t", "tag", "Tag", id="versions.tag"),
        Binding("p", "proof", "Proof", id="versions.proof"),
        Binding("P", "publish", "Export", id="versions.publish"),
        Binding("b", "tokens", "Token budget", show=False, id="versions.tokens"),
        Binding("m", "note", "Write a note", show=False, id="versions.note"),
        Binding("C", "clusters", "Duplicate clusters", show=False, id="versions.clusters"),
        Binding("v", "view(1)", "Next kind of change", show=False, id="versions.next-kind"),
        Binding("V", "view(-1)", "Kind of change before", show=False, id="versions.kind-before"),
        Binding("enter", "open", "Go into the changes", show=False, id="versions.open"),
    ]

    def __init__(self, desk: Desk, corpus: str) -> None:
        """Show the versions of one corpus."""
        super().__init__(desk, corpus)
        self.told: History | None = None
        self.marked = ""
        """Name of the version that the one under the cursor is compared with; empty for its parent."""
        self.place = ""
        """Name of the version under the cursor."""
        self._known: dict[tuple[str, str], Changes] = {}
        self._tokens: dict[str, Description] = {}
        """By version, where tokens were counted."""

    def compose_body(self) -> ComposeResult:
        """Hold the history, one version, its changes and one of these."""
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                yield VirtualTable(Rows(HISTORY_COLUMNS), note="reading the log ...", id="history")
                yield DiffPane(id="summary")
            yield ChangesPane(id="right")

    def on_mount(self) -> None:
        """Read the history."""
        self.set_title(f"{self.corpus} > versions")
        self._history.focus()
        self.refresh_data()

    @property
    def _history(self) -> VirtualTable:
        return self.query_one("#history", VirtualTable)

    @property
    def _changes(self) -> ChangesPane:
        return self.query_one(ChangesPane)

    def refresh_data(self) -> None:
        """Read the history again; the cursor stays on its version."""
        self.in_background(self._read, self._take)

    def _read(self) -> History:
        from workbench.services.versions.version_lines import history

        with self.desk.store() as store:
            return history(store, self.corpus)

    def _take(self, told: History) -> None:
        self.told = told
        self._known.clear()
        names = [NOW, *(line.version.name for line in told.lines)]
        newest = names[1] if told.lines else NOW
        self.place = self.place if self.place in names else newest
        self._draw_history(names.index(self.place))

    def go_to(self, place: str) -> None:
        """Put the cursor on a version, by its name."""
        self.place = place

    def _draw_history(self, row: int) -> None:
        if self.told is not None:
            cells = history_rows(self.told, self.marked, datetime.now(UTC))
            self._history.set_source(Rows(HISTORY_COLUMNS, cells), cursor=row)
            count = len(self.told.lines)
            pending = f", {counted(self.told.pending, 'action')} since" if self.told.pending and count else ""
            self.set_title(f"{self.corpus} > versions", f"{counted(count, 'version')}{pending}")

    @property
    def chosen(self) -> VersionLine | None:
        """Return the version under the cursor; None for the corpus as it stands."""
        row = self._history.cursor
        return self.told.lines[row - 1] if self.told is not None and 0 < row <= len(self.told.lines) else None

    def chosen_version(self) -> str:
        """Return the version that training is about."""
        return self.chosen.version.name if self.chosen else "latest"

    @on(VirtualTable.Moved, "#history")
    def _show_chosen(self) -> None:
        """Show the version under the cursor and look for what it changed."""
        line = self.chosen
        if self.told is None:
            return
        self.place = line.version.name if line else NOW
        self._show_summary()
        self._compare()

    def _show_summary(self) -> None:
        told, line = self.told, self.chosen
        if told is not None:
            pieces = summary(line, self._tokens.get(line.version.id)) if line else standing_now(told)
            self.query_one("#summary", DiffPane).show_pieces(*pieces)

    def _compare(self) -> None:
        """Show what differs between the version under the cursor and the marked one, or else its parent."""
        why, pair = self._ends()
        if why:
            self._changes.show_changes(None, why)
        elif pair in self._known:
            self._changes.show_changes(self._known[pair])
        else:
            self._changes.show_changes(None, "comparing ...")
            self.in_background(lambda: (pair, self._differ(*pair)), self._keep_changes, "changes")

    def _ends(self) -> tuple[str, tuple[str, str]]:
        """Return why nothing can be compared, or both ends; an empty first one is the parent."""
        told, line = self.told, self.chosen
        if told is None or not told.lines:
            return "There is no version to compare with.", ("", "")
        if self.marked == self.place:
            return "This is the marked version: move to another one, or d unmarks it.", ("", "")
        if not self.marked and line is not None and line.version.parent is None:
            return "This is the first version: nothing lies before it.", ("", "")
        if not self.marked and line is None and not told.pending:
            return f"Nothing has changed since {told.lines[0].version.name}.", ("", "")
        return "", (self.marked, self.place)

    def _differ(self, old: str, new: str) -> Changes:
        from workbench.services.versions.changes import changes

        with self.desk.store() as store:
            return changes(store, self.corpus, old or None, new)

    def _keep_changes(self, made: tuple[tuple[str, str], Changes]) -> None:
        pair, found = made
        self._known[pair] = found
        if self._ends() == ("", pair):
            self._changes.show_changes(found)

    @on(VirtualTable.Moved, "#changes")
    def _show_change(self) -> None:
        """Tell the changed record under the cursor word by word."""
        from workbench.services.versions.changes import changed

        found, row = self._changes.found, self._changes.row
        if found is None or row is None:
            self._changes.show_change(None)
        else:
            self.in_background(lambda: changed(found, row), self._changes.show_change, "change")

    def action_view(self, step: int) -> None:
        """Show the next kind of change that there is."""
        self._changes.show_next_kind(step)

    @on(VirtualTable.Selected, "#history")
    def action_open(self) -> None:
        """Go into the changes: in a narrow terminal they take the history's place."""
        self.add_class("-opened")
        self._changes.table.focus()

    def action_back(self) -> None:
        """Go one step back: out of the changes, to where one came from."""
        if self.has_class("-opened"):
            self.remove_class("-opened")
            self._history.focus()
        else:
            super().action_back()

    def action_mark(self) -> None:
        """Compare with the version under the cursor from now on, or with parents again."""
        self.marked = "" if self.marked == self.place else self.place
        self._draw_history(self._history.cursor)
        self.tell(f"compared with {self.marked}: move to another version" if self.marked else "compared with parents")

    def action_clusters(self) -> None:
        """Show the duplicate clusters of the corpus."""
        from workbench.tui.screens.clusters import ClustersScreen

        self.app.push_screen(ClustersScreen(self.desk, self.corpus))

    def _of_version(self, doing: Callable[[Version], object]) -> None:
        line = self.chosen
        if line is None:
            self.tell("no version here: s makes one, or move to one")
        else:
            doing(line.version)

    def action_proof(self) -> None:
        """Show the proof of the version under the cursor."""
        self._of_version(lambda version: self.app.push_screen(ProofSheet(self.desk, version)))

    def action_tag(self) -> None:
        """Give the version under the cursor a name."""
        self._of_version(
            lambda version: self.app.push_screen(
                AskSheet(f"Tag {version.name}", "for example baseline; a tag that is there already moves"),
                lambda tag: self._label(version, tag, tag=tag),
            )
        )

    def action_note(self) -> None:
        """Write a line about the version under the cursor."""
        self._of_version(
            lambda version: self.app.push_screen(
                AskSheet(f"Note on {version.name}", "for example: before the keys were mended"),
                lambda note: self._label(version, note, note=note),
            )
        )

    def _label(self, version: Version, said: str | None, **label: str | None) -> None:
        from workbench.services.versions import refs

        def work() -> None:
            with self.desk.store() as store:
                refs.label(store, version, **label)

        if said:
            self.change("writing", work, lambda _: self.changed(f"{version.name}: {said}"))

    def action_tokens(self) -> None:
        """Count the tokens of the version under the cursor as a base's tokenizer does."""
        self._of_version(
            lambda version: self.app.push_screen(
                AskSheet(
                    f"Count the tokens of {version.name} as which base?", "tiny, a folder, or a Hub id on this machine"
                ),
                lambda base: self._count_tokens(version, base) if base else None,
            )
        )

    def _count_tokens(self, version: Version, base: str) -> None:
        work = partial(described, self.desk.workspace, version, base)

        def then(found: Description) -> None:
            self._tokens[version.id] = found
            self._show_summary()

        self.begin(f"count tokens of {version.name}", lambda report: self.desk.apart(work, report), then, writes=False)

    def action_restore(self) -> None:
        """Bring the records back to what the version under the cursor held, after a look at what that takes."""
        self._of_version(self._look_at_restore)

    def _look_at_restore(self, version: Version) -> None:
        from workbench.services.records.restore import planned

        def work() -> Restoration:
            with self.desk.store() as store:
                return planned(store, version)

        self.in_background(work, lambda todo: self._ask_to_restore(version, todo), SHEET)

    def _ask_to_restore(self, version: Version, todo: Restoration) -> None:
        if not todo.entries:
            lost = f"; {len(todo.lost):,} cannot come back" if todo.lost else ""
            self.tell(f"{self.corpus} holds what {version.name} held already{lost}")
            return
        sheet = ConfirmSheet(restore_question(version, todo), restore_samples(todo), after="u takes all of it back.")
        self.app.push_screen(sheet, lambda answer: self._restore(version) if answer else None)

    def _restore(self, version: Version) -> None:
        from workbench.services.records.restore import restored

        def work(report: Report) -> Restoration:
            report(f"restoring {version.name}")
            with self.desk.store() as store:
                return restored(store, version)

        def then(done: Restoration) -> None:
            self.changed(f"as in {version.name} again, by {counted(len(done.entries), 'edit')}; u takes them back")

        self.begin(f"restore {self.corpus} to {version.name}", work, then)

    def action_split(self) -> None:
        """Look at a split with live counts; saving it makes a version."""
        self.app.push_screen(SplitSheet(self.desk, self.corpus), self._split)

    def _split(self, request: Request | None) -> None:
        if request is not None:
            work = partial(cut, self.desk.workspace, request)
            self.begin(f"split {self.corpus}", lambda report: self.desk.apart(work, report), self._made)

    def _made(self, made: tuple[Version, bool]) -> None:
        version, is_new = made
        self.place, self.marked = version.name, ""
        self.changed(f"{version.name} is made and proved" if is_new else f"nothing has changed: {version.name} stands")

    def action_publish(self) -> None:
        """Export the version under the cursor as files, or push it to the Hub, after a look at what leaves."""
        self._of_version(
            lambda version: self.app.push_screen(
                PublishSheet(self.desk, version), lambda wanted: self._publish(version, wanted)
            )
        )

    def _publish(self, version: Version, wanted: Wanted | None) -> None:
        if wanted is None:
            return
        work = partial(leave, self.desk.workspace, version, wanted)
        name = f"{'push' if wanted.is_push else 'export'} {self.corpus} {version.name}"
        self.begin(name, lambda report: self.desk.apart(work, report), self.tell, writes=wanted.is_push)
