"""The proof of a version: leaks, how near its sides come, the closest pairs word by word, what was not checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from workbench.services.looking.column import Column
from workbench.text import show
from workbench.tui.desk import Desk
from workbench.tui.screens.sheets import refusal
from workbench.tui.screens.version_words import proof_lines
from workbench.tui.screens.working import WorkingSheet
from workbench.tui.widgets.virtual_table import Rows, VirtualTable
from workbench.tui.widgets.word_diff import DiffPane, field_diffs

if TYPE_CHECKING:
    from workbench.services.duplicates.closest import ClosePair
    from workbench.store.versions import Version

_COLUMNS = (Column("J", 5), Column("one", 12), Column("side", 10), Column("other", 12), Column("side", 10))


class ProofSheet(WorkingSheet[None]):
    """What a proof says above the pairs that came closest."""

    CSS_PATH = "proof.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,p", "leave", "Close", id="proof.close")]

    def __init__(self, desk: Desk, version: Version) -> None:
        """Show the proof of a version."""
        super().__init__(desk)
        self.version = version
        self.pairs: Sequence[ClosePair] = ()

    def compose(self) -> ComposeResult:
        """Hold counts, pairs, one pair word by word, and what is not proved."""
        proof = self.version.proof
        with Vertical(id="proof"):
            head = (f"{show(self.version.corpus)} {self.version.name}\n", "bold")
            yield Static(Content.assemble(head, *proof_lines(proof)), id="counts", markup=False)
            yield VirtualTable(Rows(_COLUMNS), note="reading the closest pairs ...", id="pairs")
            yield DiffPane(id="pair")
            unchecked = "".join(f"not checked: {show(line)}\n" for line in proof.get("unchecked", ()))
            compared = f"compared: {show(proof['compared'], limit=400)}\n" if proof.get("compared") else ""
            yield Static(Content.assemble((f"{compared}{unchecked}", "$foreground-muted")), id="limits", markup=False)

    def on_mount(self) -> None:
        """Read the pairs."""
        self.query_one("#proof").border_subtitle = "j k another pair   esc closes"
        self.query_one("#pairs").focus()
        self.in_background(self._read, self._take)

    def _read(self) -> Sequence[ClosePair]:
        from workbench.services.duplicates.closest import closest_pairs

        with self.desk.store() as store:
            return closest_pairs(store, self.version)

    def _take(self, pairs: Sequence[ClosePair]) -> None:
        self.pairs = pairs
        cells = [
            (f"{one.jaccard:.3f}", one.records[0][:12], one.sides[0], one.records[1][:12], one.sides[1])
            for one in pairs
        ]
        note = "No two records on two sides come nearer than Jaccard 0.3."
        self.query_one("#pairs", VirtualTable).set_source(Rows(_COLUMNS, cells), note=note)

    @on(VirtualTable.Moved, "#pairs")
    def _show_pair(self, event: VirtualTable.Moved) -> None:
        pane = self.query_one(DiffPane)
        if event.row < len(self.pairs):
            pane.show_pieces(*field_diffs(self.pairs[event.row].steps))
        else:
            pane.show_pieces("")

    def refuse(self, error: BaseException) -> None:
        """Say why the pairs cannot be read."""
        self.query_one("#pairs", VirtualTable).give_up("")
        self.query_one(DiffPane).show_pieces((show(refusal(error), limit=600), "$text-error"))

    def action_leave(self) -> None:
        """Take the sheet away."""
        self.dismiss()
