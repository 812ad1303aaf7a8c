"""Sheets over the comparison: what to compare, and what came of the verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from workbench.tui.screens.compare_words import verdict_pieces
from workbench.tui.screens.sheets import Piece, Sheet
from workbench.tui.widgets.choice_table import ChoiceTable

if TYPE_CHECKING:
    from workbench.services.evaluation.comparison import Measured, Wanted
    from workbench.services.evaluation.judgements import Tally


class SidesSheet(ModalScreen["Wanted | None"]):
    """A run, what stands beside it, and the split, one a line; answers with all three."""

    CSS_PATH = "sheets.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Compare these", id="sides.take"),
        Binding("escape,s,q", "leave", "Leave", id="sides.leave"),
    ]

    def __init__(self, known: Sequence[Measured], wanted: Wanted) -> None:
        """Choose among finished runs, beginning with what is compared now."""
        super().__init__()
        self.known, self.wanted = known, wanted

    def compose(self) -> ComposeResult:
        """Hold the choices."""
        with Vertical(id="sheet"):
            yield Static(Content.assemble(("compare", "bold")), markup=False)
            yield ChoiceTable(id="sides")
            yield Static(Content("← → choose   enter compares   esc leaves"), markup=False)

    def on_mount(self) -> None:
        """Show the choices."""
        self._show()
        self.query_one(ChoiceTable).focus()

    def _show(self) -> None:
        from workbench.services.evaluation.comparison import choices

        self.query_one(ChoiceTable).set_choices(choices(self.known, self.wanted))

    @on(ChoiceTable.Cycled)
    def _choose(self, event: ChoiceTable.Cycled) -> None:
        from workbench.services.evaluation.comparison import chosen

        self.wanted = chosen(self.wanted, event.choice.name, event.value)
        self._show()

    def action_take(self) -> None:
        """Close with what was chosen."""
        self.dismiss(self.wanted)

    def action_leave(self) -> None:
        """Close without."""
        self.dismiss(None)


class VerdictSheet(Sheet):
    """How often each side was found better, and what that says."""

    def __init__(self, found: Tally, wanted: Wanted) -> None:
        """Show the verdicts on two sides."""
        super().__init__()
        self.found, self.wanted = found, wanted

    def pieces(self) -> Iterator[Piece]:
        """Yield both names with their counts, then the test."""
        yield from verdict_pieces(self.found, self.wanted)
