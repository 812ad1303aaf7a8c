"""Draw how each cost grows with the corpus: processor time a record, and processor time an operation.

Run: .venv/bin/python benchmarks/growth.py --sizes 20000 100000 1000000
Measures in fresh processes and writes benchmarks/growth.svg.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

import duplicates
import records
from measuring import child, machine, table

Series = dict[str, dict[int, float]]
"""Name -> number of records -> cost."""
WHOLE = {
    "ingest": "ingest",
    "rules (pandera and SQL)": "rules",
    "check, all rules": "all checks",
    "split, first version": "whole split",
}
SINGLE = {
    "page of 50": "page",
    "edit": "edit",
    "search, first 50 hits": "search, first hits",
    "version, its one row": "version row",
    "diff": "diff by log",
}
PARTS = ("ingest", "rules", "check", "page", "edit", "search", "split", "version", "diff")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56708a")
"""Distinguishable with any common colour blindness; every line is named beside its end as well."""
WIDTH, HEIGHT, LEFT, TOP, ROOM = 470, 360, 62, 48, 150


class Panel(NamedTuple):
    """One of the drawings: a title, the unit of its upward axis, and its lines."""

    title: str
    unit: str
    lines: Series


def measured(size: int, folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Return seconds of processor time by name: of work on a whole corpus of a size, and of single operations."""
    path = duplicates.written("planted", size, folder)
    arguments = ["--tool", duplicates.OURS, "--texts", str(path), "--kept", str(folder / "growth.npy")]
    found = child([duplicates.__file__, *arguments])
    whole = {"near duplicates": found["cost"][0]} if "cost" in found else {}
    single: dict[str, float] = {}
    records.written(folder / f"records-{size}", size)
    for part in PARTS:
        told = child(
            [records.__file__, "--part", part, "--records", str(size), "--folder", str(folder)],
            threads=len(os.sched_getaffinity(0)),
        )
        for name, cost in told.items():
            short = "diff" if name.startswith("diff") else name
            if name == "error":
                print(f"{part} at {size:,}: not run: {cost}")
            elif name in WHOLE:
                whole[WHOLE[name]] = cost[0]
            elif short in SINGLE:
                single[SINGLE[short]] = cost[0]
    return whole, single


def drawn(panels: list[Panel]) -> str:
    """Return the panels side by side as one SVG, both axes logarithmic."""
    width = len(panels) * (WIDTH + ROOM) + LEFT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT + TOP + 60}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{HEIGHT + TOP + 60}" fill="white"/>',
    ]
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({LEFT + number * (WIDTH + ROOM)},{TOP})">')
        parts += [*_panel(panel), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel) -> Iterator[str]:
    sizes = sorted({size for line in panel.lines.values() for size in line})
    costs = [cost for line in panel.lines.values() for cost in line.values()]
    low, high = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)))
    across = _scale(math.log10(sizes[0]), math.log10(sizes[-1]), 24, WIDTH - 90)
    up = _scale(low, max(high, low + 1), HEIGHT, 0)
    yield f'<text x="0" y="-22" font-size="15" font-weight="bold">{escape(f"{panel.title}, CPU {panel.unit}")}</text>'
    for power in range(low, high + 1):
        y = up(power)
        yield f'<line x1="0" x2="{WIDTH - 66}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        yield f'<text x="-8" y="{y + 4:.1f}" text-anchor="end" fill="#444">{10.0**power:g}</text>'
    for size in sizes:
        x = across(math.log10(size))
        yield f'<text x="{x:.1f}" y="{HEIGHT + 22}" text-anchor="middle" fill="#444">{size:,}</text>'
    yield f'<text x="{(WIDTH - 66) / 2:.0f}" y="{HEIGHT + 44}" text-anchor="middle" fill="#444">records</text>'
    ends = {name: up(math.log10(line[max(line)])) for name, line in panel.lines.items()}
    places = _apart(ends)
    for colour, (name, line) in zip(COLOURS, panel.lines.items(), strict=False):
        points = [(across(math.log10(size)), up(math.log10(cost))) for size, cost in sorted(line.items())]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points)
        yield f'<text x="{points[-1][0] + 12:.1f}" y="{places[name] + 4:.1f}" fill="{colour}">{escape(name)}</text>'


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def _apart(ends: dict[str, float], least: float = 17) -> dict[str, float]:
    """Move the names at the lines' ends down until none covers another."""
    out: dict[str, float] = {}
    below = -math.inf
    for name, y in sorted(ends.items(), key=lambda end: end[1]):
        below = out[name] = max(y, below + least)
    return out


def main() -> None:
    """Measure every size, print the figures and write the drawing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "workbench-benchmarks")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("growth.svg"))
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    print(machine())
    per_record: Series = {}
    per_operation: Series = {}
    for size in asked.sizes:
        whole, single = measured(size, asked.folder)
        for name, seconds in whole.items():
            per_record.setdefault(name, {})[size] = seconds / size * 1e6
        for name, seconds in single.items():
            per_operation.setdefault(name, {})[size] = seconds * 1000
    panels = [Panel("Work on a whole corpus", "µs a record", per_record)]
    panels.append(Panel("One operation", "ms", per_operation))
    for panel in panels:
        rows = [
            [name, *(f"{line.get(size, math.nan):.2f}" for size in asked.sizes)] for name, line in panel.lines.items()
        ]
        print(table([[f"{panel.title}, CPU {panel.unit}", *(f"{size:,}" for size in asked.sizes)], *rows]))
    asked.out.write_text(drawn([panel for panel in panels if panel.lines]), encoding="utf-8")


if __name__ == "__main__":
    main()
