"""The duplicate clusters of a corpus: look word by word, move the threshold, judge; every verdict can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from workbench.errors import UsageError
from workbench.services.looking.column import Column
from workbench.text import counted, show
from workbench.tui.desk import Desk
from workbench.tui.screens.base import SHEET
from workbench.tui.screens.cluster_words import WRITTEN, threshold_question, totals
from workbench.tui.screens.confirm import ConfirmSheet
from workbench.tui.screens.undoing import UndoingScreen
from workbench.tui.widgets.cluster_pane import ClusterPane
from workbench.tui.widgets.safe_input import SafeInput
from workbench.tui.widgets.threshold_bar import ThresholdBar, stepped
from workbench.tui.widgets.virtual_table import Rows, VirtualTable

if TYPE_CHECKING:
    from workbench.curation.clusters import Clusters
    from workbench.services.duplicates.clusters import Look, Places, Preview
    from workbench.services.duplicates.verdicts import Pair

_ALL = "all"
_PAUSE = 0.12
"""Seconds without a key after which a text is looked for."""


class ClustersScreen(UndoingScreen):
    """A list of clusters beside the records of one, and how one of these differs from the one that stays."""

    CSS_PATH = "clusters.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "accept", "Accept", id="clusters.accept"),
        Binding("A", "accept_all", "Accept all", id="clusters.accept-all"),
        Binding("o,space", "keep", "Keep", key_display="o", id="clusters.keep"),
        Binding("exclamation_mark", "apart", "No duplicate", key_display="!", id="clusters.apart"),
        Binding("minus", "step(-1)", "Lower", key_display="-", id="clusters.lower"),
        Binding("plus,equals_sign", "step(1)", "Higher", key_display="+", id="clusters.higher"),
        Binding("x", "drop", "Drop the record", show=False, id="clusters.drop"),
        Binding("v", "view(1)", "Next class", show=False, id="clusters.next-class"),
        Binding("V", "view(-1)", "Class before", show=False, id="clusters.class-before"),
        Binding("slash", "find", "Find", key_display="/", show=False, id="clusters.find"),
        Binding("enter", "open", "Go into the cluster", show=False, id="clusters.open"),
    ]

    def __init__(self, desk: Desk, corpus: str) -> None:
        """Show the clusters of one corpus."""
        super().__init__(desk, corpus)
        self.compared: Look | None = None
        self.found: Clusters | None = None
        self.threshold = 0.0
        """The one that is shown; 0 until the corpus is read."""
        self.view = _ALL
        self.wanted = ""
        self.rows: dict[str, Places] = {}
        self.places: Places | None = None
        self._counting = Lock()
        """Held while clusters are counted: a key that is held down must not count them all at once."""

    def compose_body(self) -> ComposeResult:
        """Hold classes, threshold, list, cluster and the search line."""
        yield Static(id="classes", markup=False)
        yield ThresholdBar(id="bar")
        with Horizontal(id="panes"):
            yield VirtualTable(Rows([Column("", 1)]), note="looking for duplicates ...", id="clusters")
            yield ClusterPane(id="cluster")
        yield SafeInput(placeholder="text to find; enter keeps it, esc ends the search", id="find")

    def on_mount(self) -> None:
        """Look for duplicates."""
        self.set_title(f"{self.corpus} > clusters")
        self.query_one("#find").display = False
        self._list.focus()
        self.refresh_data()

    @property
    def _list(self) -> VirtualTable:
        return self.query_one("#clusters", VirtualTable)

    @property
    def _cluster(self) -> ClusterPane:
        return self.query_one(ClusterPane)

    def refresh_data(self) -> None:
        """Look again; after verdicts alone no text is compared anew."""
        self.in_background(self._look, self._take)

    def _look(self) -> tuple[Look, Clusters]:
        from workbench.services.duplicates.clusters import look

        with self.desk.store() as store:
            seen = look(store, self.corpus, self.compared)
        return seen, seen.at(self.threshold or seen.threshold)

    def _take(self, made: tuple[Look, Clusters]) -> None:
        self.compared, found = made
        self.threshold = self.threshold or found.threshold
        self._take_clusters(found)
        if found.threshold != self.threshold:  # it was moved meanwhile
            self._move_to(self.threshold)

    def _take_clusters(self, found: Clusters | None) -> None:
        from workbench.services.duplicates.clusters import views

        if self.compared is None or found is None:
            return
        row = self._row
        unit = None if self.found is None or row is None else int(self.found.leaders()[row])
        self.found, self.rows = found, views(self.compared, found)
        same = None if unit is None else found.holding(unit)
        places = self.rows[self.view]
        at = self._list.cursor if same is None else int(places.searchsorted(same))
        self._narrow(min(at, max(len(places) - 1, 0)))

    def action_step(self, steps: int) -> None:
        """Show another threshold; the clusters are counted anew."""
        self._move_to(stepped(self.threshold, steps))

    @on(ThresholdBar.Moved)
    def _clicked(self, event: ThresholdBar.Moved) -> None:
        self._move_to(event.threshold)

    def _move_to(self, threshold: float) -> None:
        seen = self.compared
        if seen is not None:
            self.threshold = threshold
            self._show_bar()
            self.in_background(lambda: self._count(seen, threshold), self._take_clusters, "count")

    def _count(self, seen: Look, threshold: float) -> Clusters | None:
        """Return the clusters; None where the next key has asked for others meanwhile."""
        with self._counting:
            return seen.at(threshold) if threshold == self.threshold else None

    def _show_bar(self) -> None:
        """Say what goes at the shown threshold and what goes now."""
        seen, found = self.compared, self.found
        if seen is None:
            return
        said = f"{self.threshold:.2f}: counting ..."
        if found is not None and found.threshold == self.threshold:
            said = f"{self.threshold:.2f}: {totals(found.counts)}"
        if self.threshold != seen.threshold:
            said += f"   kept {seen.threshold:.2f}; A keeps this"
        self.query_one(ThresholdBar).show_threshold(self.threshold, seen.threshold, said)

    def _narrow(self, otherwise: int = 0) -> None:
        """Show the class and what is searched in it; the cursor goes to a row."""
        from workbench.services.duplicates.clusters import holding

        seen, found, text = self.compared, self.found, self.wanted
        if seen is None or found is None:
            return
        places = self.rows[self.view]
        if text:
            work: Callable[[], Places] = lambda: holding(seen, found, places, text)  # noqa: E731 - one thread, one call
            self.places = None  # those that are shown were counted among other clusters, it may be
            self.in_background(work, lambda hits: self._show_hits(found, text, hits, otherwise), "find")
        else:
            self._show_places(places, otherwise)

    def _show_hits(self, found: Clusters, text: str, hits: Places, otherwise: int) -> None:
        """Show what a search found, unless other clusters or another text are looked for by now."""
        if found is self.found and text == self.wanted:
            self._show_places(hits, otherwise)

    def _show_places(self, places: Places, otherwise: int) -> None:
        from workbench.services.duplicates.clusters import ClusterSource

        if self.compared is None or self.found is None:
            return
        self.places = places
        note = f"No text here holds {self.wanted!r}." if self.wanted else "No record stands twice."
        self._list.set_source(ClusterSource(self.compared, self.found, places), cursor=otherwise, note=show(note))
        searched = f" with {self.wanted!r}" if self.wanted else ""
        detail = f"{self.view}: {len(places):,} of {counted(len(self.found), 'cluster')}{searched}"
        self.set_title(f"{self.corpus} > clusters", detail)
        names = [
            (f" {name} {len(rows):,} ", "reverse" if name == self.view else "" if len(rows) else "$foreground-muted")
            for name, rows in self.rows.items()
        ]
        self.query_one("#classes", Static).update(Content.assemble(*names))
        self._show_bar()

    @on(VirtualTable.Moved, "#clusters")
    def _show_cluster(self) -> None:
        """Read the records of the cluster under the cursor."""
        from workbench.services.duplicates.members import members

        seen, found, row = self.compared, self.found, self._row
        if seen is None or found is None or row is None:
            self._cluster.show_members(None)
        else:
            self.in_background(lambda: members(seen, found, row), self._cluster.show_members, "members")

    @property
    def _row(self) -> int | None:
        """Return which cluster the cursor is on."""
        at = self._list.cursor
        return int(self.places[at]) if self.places is not None and at < len(self.places) else None

    @on(VirtualTable.Moved, "#members")
    def _compare(self) -> None:
        """Compare the record under the cursor with the one that stays."""
        from workbench.curation.difference import field_steps

        pane, member = self._cluster, self._cluster.member
        if pane.members is None or member is None:
            pane.show_difference(None, {})
            return
        before, after = (pane.members.fields.get(record, {}) for record in (member.beside, member.record))
        self.in_background(
            lambda: field_steps(before, after), lambda steps: pane.show_difference(member, steps), "difference"
        )

    def action_view(self, step: int) -> None:
        """Show the next class that holds anything."""
        names = [name for name, rows in self.rows.items() if len(rows) or name in (_ALL, self.view)]
        if names:
            self.view = names[(names.index(self.view) + step) % len(names)]
            self._narrow()

    @on(events.Click, "#classes")
    def _next_class(self) -> None:
        self.action_view(1)

    @on(VirtualTable.Selected, "#clusters")
    def action_open(self) -> None:
        """Go into the cluster: in a narrow terminal it takes the list's place."""
        if not self._list.source.n_rows:
            self.tell("nothing to go into here")
            return
        self.add_class("-opened")
        self._cluster.table.focus()

    def action_back(self) -> None:
        """Go one step back: out of the cluster, out of the search, to where one came from."""
        if self.has_class("-opened"):
            self.remove_class("-opened")
            self._list.focus()
        elif self.wanted or self.query_one("#find").display:
            self._end_search()
        else:
            super().action_back()

    def action_find(self) -> None:
        """Open the search line."""
        self.query_one("#find").display = True
        self.query_one("#find", Input).focus()

    @on(Input.Changed, "#find")
    def _search_soon(self, event: Input.Changed) -> None:
        text = event.value
        self.set_timer(_PAUSE, lambda: self._search(text))

    def _search(self, text: str) -> None:
        if text == self.query_one("#find", Input).value and text != self.wanted:
            self.wanted = text
            self._narrow()

    @on(Input.Submitted, "#find")
    def _keep_search(self, event: Input.Submitted) -> None:
        self._search(event.value)
        self.query_one("#find").display = bool(event.value)
        self._list.focus()

    def _end_search(self) -> None:
        self.wanted = ""
        self.query_one("#find", Input).value = ""
        self.query_one("#find").display = False
        self._list.focus()
        self._narrow()

    def action_accept(self) -> None:
        """Judge those that the shown threshold lets go in this cluster to be duplicates of the one that stays."""
        from workbench.services.duplicates.members import suggested
        from workbench.services.duplicates.verdicts import DUPLICATE

        seen, found, row = self.compared, self.found, self._row
        if seen is not None and found is not None and row is not None:
            self._judge(lambda: suggested(seen, found, row), DUPLICATE, "go at any threshold")

    def action_keep(self) -> None:
        """Judge that the record under the cursor stays in place of the one that it goes for."""
        from workbench.services.duplicates.members import in_favour_of
        from workbench.services.duplicates.verdicts import DUPLICATE

        seen, found, member = self.compared, self.found, self._cluster.member
        if seen is not None and found is not None and member is not None:
            self._judge(lambda: in_favour_of(seen, found, member), DUPLICATE, f"go for {member.record[:12]}")

    def action_apart(self) -> None:
        """Judge that the record under the cursor is no duplicate."""
        from workbench.services.duplicates.members import apart
        from workbench.services.duplicates.verdicts import DIFFERENT

        seen, found, member = self.compared, self.found, self._cluster.member
        if seen is not None and found is not None and member is not None:
            self._judge(lambda: apart(seen, found, member), DIFFERENT, "are no duplicates")

    def _judge(self, pairs: Callable[[], list[Pair]], verdict: str, said: str) -> None:
        from workbench.services.duplicates.verdicts import judge_pairs

        def work() -> str:
            try:
                wanted = pairs()
            except UsageError as error:
                return f"{error.what}: {error.hint}"
            with self.desk.store() as store:
                count = judge_pairs(store, self.corpus, wanted, verdict)
            judged = f"{counted(count, 'pair')} judged: they {said}; u takes it back"
            return judged if count else "judged so already"

        self.change("judging", work, self.changed)

    def action_accept_all(self) -> None:
        """Keep the shown threshold for this and every later version, after a look at what that changes."""
        from workbench.services.duplicates.clusters import preview

        seen, found = self.compared, self.found
        if seen is None or found is None or found.threshold != self.threshold:
            self.tell("one moment: the clusters are being counted")
        elif self.threshold == seen.threshold:
            self.tell(f"{totals(found.counts)} at the kept threshold already; - and + show another one")
        else:
            self.in_background(lambda: preview(seen, found), self._ask, SHEET)

    def _ask(self, told: Preview) -> None:
        if not told.samples:  # only what comes later can be meant: there is nothing to look at
            self._accept_all(True)
            return
        self.app.push_screen(ConfirmSheet(*threshold_question(told), after=WRITTEN), self._accept_all)

    def _accept_all(self, answer: bool | None) -> None:
        from workbench.services.duplicates.verdicts import set_threshold

        threshold = self.threshold

        def work() -> None:
            with self.desk.store() as store:
                set_threshold(store, self.corpus, threshold)

        if answer:
            told = f"from {threshold:.2f} on duplicates go; u takes it back"
            self.change("keeping the threshold", work, lambda _: self.changed(told))

    def action_drop(self) -> None:
        """Drop the record under the cursor."""
        member = self._cluster.member
        if member is not None:
            record = member.record
            self.change("dropping", lambda: self.desk.drop(self.corpus, record), lambda _: self.changed("dropped"))
