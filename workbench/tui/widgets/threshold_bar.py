"""A Jaccard threshold on a line, with the one that is kept marked on it; a click moves it."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

FLOOR, TOP, STEP = 0.6, 1.0, 0.01
"""Between which a threshold moves, and by how much at each key: stored pairs reach down to the floor."""
_CELLS = round((TOP - FLOOR) / STEP / 2)
"""Width of the line: two steps a cell."""


class ThresholdBar(Static):
    """The line, and what stands behind it."""

    class Moved(Message):
        """A threshold was clicked on."""

        def __init__(self, threshold: float) -> None:
            """Name the threshold."""
            self.threshold = threshold
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:
        """Begin without a threshold."""
        super().__init__(id=id, markup=False)

    def show_threshold(self, shown: float, kept: float, said: str) -> None:
        """Draw the shown threshold, the kept one, and safe words."""
        line = ["-"] * (_CELLS + 1)
        line[_cell(kept)] = "|"
        line[_cell(shown)] = "O"
        self.update(Content.assemble(f"J {FLOOR:.1f} ", ("".join(line), "$text-accent"), f" {TOP:.1f}  {said}"))

    def on_click(self, event: events.Click) -> None:
        """Move the threshold to where was clicked."""
        cell = event.x - self.gutter.left - len(f"J {FLOOR:.1f} ")
        if 0 <= cell <= _CELLS:
            self.post_message(self.Moved(stepped(FLOOR + 2 * STEP * cell, 0)))


def _cell(threshold: float) -> int:
    return round(max(min(threshold, TOP) - FLOOR, 0) / STEP / 2)


def stepped(threshold: float, steps: int) -> float:
    """Return the threshold some steps away, within the line."""
    return round(min(max(threshold + steps * STEP, FLOOR), TOP), 2)
