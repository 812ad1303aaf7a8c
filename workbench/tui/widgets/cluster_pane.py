"""The records of one duplicate cluster, the kept one first, and how the one under the cursor differs from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical

from workbench.text import counted
from workbench.tui.screens.cluster_words import MEMBER_COLUMNS, member_cells, standing
from workbench.tui.widgets.virtual_table import Rows, VirtualTable
from workbench.tui.widgets.word_diff import DiffPane, Step, field_diffs

if TYPE_CHECKING:
    from workbench.services.duplicates.members import Member, Members


class ClusterPane(Vertical):
    """A table of records above one word difference."""

    def __init__(self, *, id: str | None = None) -> None:
        """Begin without a cluster."""
        super().__init__(id=id)
        self.members: Members | None = None

    def compose(self) -> ComposeResult:
        """Hold table and difference."""
        yield VirtualTable(Rows(MEMBER_COLUMNS), id="members")
        yield DiffPane(id="difference")

    @property
    def table(self) -> VirtualTable:
        """Return the table of records."""
        return self.query_one("#members", VirtualTable)

    @property
    def member(self) -> Member | None:
        """Return the record under the cursor."""
        at = self.table.cursor
        return self.members.listed[at] if self.members is not None and at < len(self.members.listed) else None

    def show_members(self, members: Members | None) -> None:
        """Show the records of a cluster, or none."""
        self.members = members
        cells = [] if members is None else [member_cells(members, one) for one in members.listed]
        # The kept one stands first, and what is compared with it is what one looks for.
        self.table.set_source(Rows(MEMBER_COLUMNS, cells), cursor=min(1, max(len(cells) - 1, 0)))

    def show_difference(self, member: Member | None, steps: Mapping[str, list[Step]]) -> None:
        """Show what becomes of a record, and its fields word by word."""
        pane = self.query_one(DiffPane)
        if member is None or self.members is None:
            pane.show_pieces("")
            return
        shown, total = len(self.members.listed), self.members.total
        more = f"the first {shown:,} of {counted(total, 'record')} are listed\n" if total > shown else ""
        fields = field_diffs(steps, alone=member.role == "leader")
        pane.show_pieces(*standing(member), (more, "$text-warning"), "\n", *fields)
