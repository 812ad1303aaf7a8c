"""Draw small plots as inline SVG: they stretch with the page and take all colours from its style sheet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from workbench.curation.balance import Balance
from workbench.curation.measures import Bin
from workbench.text import show

COLOURS = 8
"""Colours of the style sheet (`.c0` to `.c7`); later values share the last one."""


def safe(value: object) -> str:
    """Return text for a page: what steers is shown as a stand-in, and nothing of it is markup."""
    return escape(show(value), quote=True)


def bar(share: float, name: str) -> str:
    """Return a share (0 to 1) as a horizontal bar on its track."""
    parts = [_rectangle("track", (0, 0, 100, 10)), _rectangle("c0", (0, 0, 100 * share, 10))]
    return _drawing("bar", name, f"{100 * share:.1f} of 100", (10, parts))


def histogram(bins: Sequence[Bin], name: str) -> str:
    """Return a histogram as upright bars, the fullest bin as high as the drawing."""
    top, width = max((part.count for part in bins), default=1), 100 / max(len(bins), 1)
    parts = [
        _rectangle("c0", (place * width, 40 - 40 * part.count / top, width * 0.92, 40 * part.count / top))
        for place, part in enumerate(bins)
    ]
    told = "; ".join(f"{part.low:,} to {part.high:,}: {part.count:,}" for part in bins)
    return _drawing("histogram", name, told, (40, parts))


def stacked(found: Balance, side: str) -> str:
    """Return the shares of one split as one bar of coloured parts, in the order of the values."""
    start, parts, told = 0.0, [], []
    for place, one in enumerate(found.values):
        share = one.shares[side]
        parts.append(_rectangle(colour(place), (start, 0, 100 * share, 10)))
        told.append(f"{one.value}: {100 * share:.1f} %")
        start += 100 * share
    return _drawing("bar", f"{found.category} in {side}", "; ".join(told), (10, parts))


def colour(place: int) -> str:
    """Return the colour class of the value at a place."""
    return f"c{min(place, COLOURS - 1)}"


def _rectangle(kind: str, box: tuple[float, float, float, float]) -> str:
    x, y, width, height = (f"{number:.2f}" for number in box)
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}"/>'


def _drawing(kind: str, name: str, told: str, body: tuple[int, Iterable[str]]) -> str:
    """Return an SVG that a screen reader reads as one picture with a name and a description."""
    height, parts = body
    head = f'<svg class="{kind}" role="img" aria-label="{safe(name)}" viewBox="0 0 100 {height}"'
    named = f"<title>{safe(name)}</title><desc>{safe(told)}</desc>"
    return f'{head} preserveAspectRatio="none">{named}{"".join(parts)}</svg>'
