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
EVALUATED = "o"
"""Stands where the validation split was measured."""
_WINDOW = 0.03
"""Share of all points that one smoothed point is the mean of."""


def braille(x: Numbers, y: Numbers, size: tuple[int, int]) -> list[str]:
    """Return a line through points (x rising, y finite) as text of `size` = (cells wide, cells high).

    Every pixel column keeps the smallest and the largest value that falls into it, so no spike is lost.
    """
    return _drawn(scaled(x, x, 2 * size[0]), scaled(y, y, 4 * size[1]), size)


def scaled(values: Numbers, over: Numbers, steps: int) -> NDArray[np.int64]:
    """Return values as whole numbers, the range of `over` being 0 to steps - 1."""
    low, high = over.min(), over.max()
    span = high - low or 1.0
    found: NDArray[np.int64] = np.rint((values - low) / span * (steps - 1)).astype(np.int64)
    return found


def smoothed(y: Numbers) -> Numbers:
    """Return the mean of each point and the few before it, at a cost linear in the points."""
    width = max(int(len(y) * _WINDOW), 3)
    sums = np.cumsum(np.concatenate([[0.0], y]))
    first = np.maximum(np.arange(1, len(y) + 1) - width, 0)
    last = np.arange(1, len(y) + 1)
    means: Numbers = (sums[last] - sums[first]) / (last - first)
    return means


def squeezed(x: Numbers, y: Numbers, over: Numbers, columns: int) -> tuple[Numbers, Numbers]:
    """Return fewer points that draw the same line: of each pixel column the lowest, the highest and the last one.

    `over` holds the ends of what the columns stand for.
    """
    if len(x) <= 3 * columns:
        return x, y
    first = np.flatnonzero(np.diff(scaled(x, over, columns), prepend=-1))
    last = np.append(first[1:], len(x)) - 1
    extremes = np.minimum.reduceat(y, first), np.maximum.reduceat(y, first), y[last]
    return np.repeat(x[last], 3), np.column_stack(extremes).ravel()


def _drawn(place: NDArray[np.int64], height: NDArray[np.int64], size: tuple[int, int]) -> list[str]:
    columns, rows = 2 * size[0], 4 * size[1]
    if len(place) < columns:
        whole = np.arange(place[0], place[-1] + 1)
        height, place = np.rint(np.interp(whole, place, height)).astype(np.int64), whole
    level = rows - 1 - height
    first = np.flatnonzero(np.diff(place, prepend=-1))
    top, bottom = np.minimum.reduceat(level, first), np.maximum.reduceat(level, first)
    last = np.append(level[first[1:] - 1], level[-1])
    top[1:], bottom[1:] = np.minimum(top[1:], last[:-1]), np.maximum(bottom[1:], last[:-1])
    dots = np.zeros((rows, columns), dtype=np.int64)
    for column, high, low in zip(place[first], top, bottom, strict=True):
        dots[high : low + 1, column] = 1
    cells = np.einsum("racb,ab->rc", dots.reshape(size[1], 4, size[0], 2), _DOTS)
    return ["".join(chr(0x2800 + bits) for bits in row) for row in cells]


class LossChart(Widget):
    """The training loss over the steps, and where the validation loss was measured."""

    def __init__(self, *, id: str | None = None) -> None:
        """Begin with no points."""
        super().__init__(id=id)
        self.is_logarithmic = False
        self.is_smoothed = False
        self._steps: Numbers = np.empty(0)
        self._losses: Numbers = np.empty(0)
        self._evaluated: tuple[Numbers, Numbers] = (np.empty(0), np.empty(0))
        self._lines: list[str] = []

    def set_points(
        self, steps: Sequence[float], losses: Sequence[float], evaluated: Sequence[tuple[float, float]] = ()
    ) -> None:
        """Draw other points; losses that are no number are left out."""
        self._steps, self._losses = _finite(steps, losses)
        self._evaluated = _finite([step for step, _ in evaluated], [loss for _, loss in evaluated])
        self.draw()

    def on_resize(self) -> None:
        """Draw again for the new size."""
        self.draw()

    def draw(self) -> None:
        """Draw again, on another scale for example."""
        width, height = self.size.width - _MARGIN, self.size.height - 1
        self._lines = []
        if len(self._steps) > 1 and width > 1 and height > 1:
            rows, (low, high) = self._chart((width, height))
            labels = {0: f"{high:.3g}", height - 1: f"{low:.3g}"}
            self._lines = [f"{labels.get(row, ''):>7} │{line}" for row, line in enumerate(rows)]
            self._lines.append(self._axis(width))
        self.refresh()

    def _chart(self, size: tuple[int, int]) -> tuple[list[str], tuple[float, float]]:
        """Return the rows of the chart, and the losses at its bottom and top."""
        losses = smoothed(self._losses) if self.is_smoothed else self._losses
        steps, measured = self._evaluated
        places, columns = np.concatenate([self._steps[[0, -1]], steps]), 2 * size[0]
        taken, losses = squeezed(self._steps, losses, places, columns)
        every = np.concatenate([losses, measured])
        levels, heights = self._levels(every), 4 * size[1]
        rows = _drawn(scaled(taken, places, columns), scaled(levels[: len(losses)], levels, heights), size)
        cells = scaled(steps, places, columns) // 2
        lines = size[1] - 1 - scaled(levels[len(losses) :], levels, heights) // 4
        for column, line in zip(cells, lines, strict=True):
            rows[line] = f"{rows[line][:column]}{EVALUATED}{rows[line][column + 1 :]}"
        return rows, (float(every.min()), float(every.max()))

    def _levels(self, losses: Numbers) -> Numbers:
        """Return how high losses stand; one of nothing at all has no logarithm, and stands where the least one does."""
        if not self.is_logarithmic:
            return losses
        levels: Numbers = np.log10(np.maximum(losses, losses[losses > 0].min(initial=1.0)))
        return levels

    def _axis(self, width: int) -> str:
        how = [name for name, is_on in (("log", self.is_logarithmic), ("smooth", self.is_smoothed)) if is_on]
        left = "  ".join(
            [f"step {self._steps[0]:,.0f}", *how, *([f"{EVALUATED} validation"] * bool(len(self._evaluated[0])))]
        )
        right = f"{self._steps[-1]:,.0f}"
        return f"{'loss':>7} └{left}{right:>{max(width - len(left), 0)}}"

    def render_line(self, y: int) -> Strip:
        """Return one line of the chart."""
        text = self._lines[y] if y < len(self._lines) else self._note(y)
        return Strip([Segment(text, self.rich_style)]).adjust_cell_length(self.size.width, self.rich_style)

    def _note(self, y: int) -> str:
        return "  The loss is drawn from the second logged step on." if not self._lines and y == 1 else ""


def _finite(steps: Sequence[float], losses: Sequence[float]) -> tuple[Numbers, Numbers]:
    # Copied: an array that somebody looks into cannot grow.
    x, y = np.array(steps, dtype=float), np.array(losses, dtype=float)
    finite = np.isfinite(y)
    return (x, y) if finite.all() else (x[finite], y[finite])
