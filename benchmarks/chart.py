"""What one frame of the loss chart costs, by the points of the run: processor time, median of several frames.

Run: .venv/bin/python benchmarks/chart.py
"""

from __future__ import annotations

import asyncio
import statistics
import time
from array import array
from collections.abc import Sequence

import numpy as np
from textual.app import App, ComposeResult

from workbench.tui.widgets.loss_chart import LossChart

POINTS = (1_000, 50_000, 500_000)
FRAMES = 15
SIZE = (160, 50)


class ChartApp(App[None]):
    """A chart that fills the terminal."""

    def compose(self) -> ComposeResult:
        """Hold the chart alone."""
        yield LossChart()


def frame(chart: LossChart, steps: Sequence[float], losses: Sequence[float]) -> float:
    """Return the processor time of taking all points and painting every line, in milliseconds."""
    began = time.process_time()
    chart.set_points(steps, losses, [])
    for line in range(chart.size.height):
        chart.render_line(line)
    return (time.process_time() - began) * 1000


async def measured(points: int) -> float:
    """Return the median over some frames of a curve that falls with noise on it."""
    noise = np.random.default_rng(0).normal(0, 0.05, points)
    steps = np.arange(1, points + 1, dtype=float)
    losses = array("d", (3 / np.sqrt(steps) + 0.5 + noise).tolist())
    taken = array("d", steps.tolist())  # as a curve holds them
    async with ChartApp().run_test(size=SIZE) as pilot:
        chart = pilot.app.query_one(LossChart)
        return statistics.median(frame(chart, taken, losses) for _ in range(FRAMES))


def main() -> None:
    """Print a line for each number of points."""
    for points in POINTS:
        print(f"{points:>9,} points  {asyncio.run(measured(points)):6.1f} ms of processor time a frame")


if __name__ == "__main__":
    main()
