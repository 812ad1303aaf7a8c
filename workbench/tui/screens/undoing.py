"""A screen that changes the log of its corpus, and takes back or does again what was done there last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from workbench.tui.screens.base import WorkScreen

_NAMED = 3
"""Places that are named of those that were taken back at once; the others are counted."""


class UndoingScreen(WorkScreen):
    """The keys `u` and `U`, which mean the same wherever they are."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "undo", "Undo", show=False, id="undo"),
        Binding("U", "redo", "Redo", show=False, id="redo"),
    ]

    order_stays: ClassVar[str] = ""
    """What has to be said where this screen reads again without putting its lines in order."""

    def changed(self, line: str) -> None:
        """Say what was changed, and read again; what is typed meanwhile is for the rows as they stand then."""
        self.tell(line)
        before = set(self._then)
        self.refresh_data()
        for reading in self._then.keys() - before:
            self.app.hold_keys(reading)

    def action_undo(self) -> None:
        """Take back the newest change of this corpus."""
        self.change("taking back", lambda: self.desk.undo(self.corpus), self._undone)

    def action_redo(self) -> None:
        """Repeat what was taken back last."""
        self.change("doing again", lambda: self.desk.redo(self.corpus), self._redone)

    def _undone(self, places: Sequence[dict[str, Any]]) -> None:
        self.taken_back([str(one["record"]) for one in places])
        self.changed(
            f"took back: {_in_words(places)}{self.order_stays}" if places else "no change is left to take back"
        )

    def _redone(self, places: Sequence[dict[str, Any]]) -> None:
        self.done_again([str(one["record"]) for one in places])
        self.changed(f"did again: {_in_words(places)}{self.order_stays}" if places else "no change is left to do again")

    def taken_back(self, records: Sequence[str]) -> None:
        """Follow what `u` took back, before this screen reads again."""

    def done_again(self, records: Sequence[str]) -> None:
        """Follow what `U` repeated, before this screen reads again."""


def _in_words(places: Sequence[dict[str, Any]]) -> str:
    """Return what changed where, as `undo` and `redo` of the services tell it."""
    named = [f"{one['field'] or 'drop'} of {one['record'][:10]}" for one in places[:_NAMED]]
    more = f" and {len(places) - _NAMED:,} more" if len(places) > _NAMED else ""
    return f"{', '.join(named)}{more}"
