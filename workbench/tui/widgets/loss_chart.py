"""Draw a run's loss as a braille line whose cost does not grow with the number of points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

Numbers = NDArray[np.float64]
_DOTS = np.array([[1, 8], [2, 16], [4, 32], [64, 128]])
"""Bits of the eight dots in a braille cell, by row and column (Unicode block U+2800)."""
_MARGIN = 9
"""Cells left of the chart, for the values at its top and bottom."""


def braille(x: Numbers, y: Numbers, size: tuple[int, int]) -> list[str]:
    """Return a line through points (x rising, y finite) as text of `size` = (cells wide, cells high).

    Every pixel column keeps the smallest and the largest value that falls into it, so no spike is lost.
    """
    columns, rows = 2 * size[0], 4 * size[1]
    place = _scaled(x, columns)
    if len(x) < columns:
        whole = np.arange(place[0], place[-1] + 1)
        y, place = np.interp(whole, place, y), whole
    level = rows - 1 - _scaled(y, rows)
    first = np.flatnonzero(np.diff(place, prepend=-1))
    top, bottom = np.minimum.reduceat(level, first), np.maximum.reduceat(level, first)
    last = np.append(level[first[1:] - 1], level[-1])
    top[1:], bottom[1:] = np.minimum(top[1:], last[:-1]), np.maximum(bottom[1:], last[:-1])
    dots = np.zeros((rows, columns), dtype=np.int64)
    for column, high, low in zip(place[first], top, bottom, strict=True):
        dots[high : low + 1, column] = 1
    cells = np.einsum("racb,ab->rc", dots.reshape(size[1], 4, size[0], 2), _DOTS)
    return ["".join(chr(0x2800 + bits) for bits in row) for row in cells]


def _scaled(values: Numbers, steps: int) -> NDArray[np.int64]:
    """Return values as whole numbers from 0 to steps - 1."""
    low, high = values.min(), values.max()
    span = high - low or 1.0
    scaled: NDArray[np.int64] = np.rint((values - low) / span * (steps - 1)).astype(np.int64)
    return scaled


class LossChart(Widget):
    """The training loss over the steps."""

    def __init__(self, *, id: str | None = None) -> None:
        """Begin with no points."""
        super().__init__(id=id)
        self._steps: Numbers = np.empty(0)
        self._losses: Numbers = np.empty(0)
        self._lines: list[str] = []

    def set_points(self, steps: Sequence[float], losses: Sequence[float]) -> None:
        """Draw other points; losses that are no number are left out."""
        x, y = np.asarray(steps, dtype=float), np.asarray(losses, dtype=float)
        finite = np.isfinite(y)
        self._steps, self._losses = x[finite], y[finite]
        self._draw()

    def on_resize(self) -> None:
        """Draw again for the new size."""
        self._draw()

    def _draw(self) -> None:
        width, height = self.size.width - _MARGIN, self.size.height - 1
        self._lines = []
        if len(self._steps) > 1 and width > 1 and height > 1:
            drawn = braille(self._steps, self._losses, (width, height))
            labels = {0: f"{self._losses.max():.3g}", height - 1: f"{self._losses.min():.3g}"}
            self._lines = [f"{labels.get(row, ''):>7} │{line}" for row, line in enumerate(drawn)]
            self._lines.append(self._axis(width))
        self.refresh()

    def _axis(self, width: int) -> str:
        left, right = f"step {self._steps[0]:,.0f}", f"{self._steps[-1]:,.0f}"
        return f"{'loss':>7} └{left}{right:>{max(width - len(left), 0)}}"

    def render_line(self, y: int) -> Strip:
        """Return one line of the chart."""
        text = self._lines[y] if y < len(self._lines) else self._note(y)
        return Strip([Segment(text, self.rich_style)]).adjust_cell_length(self.size.width, self.rich_style)

    def _note(self, y: int) -> str:
        return "  The loss is drawn from the second logged step on." if not self._lines and y == 1 else ""
