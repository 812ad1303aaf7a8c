"""Write a description as one page that asks nothing of anybody: no script, no font, no request, all text escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from workbench.curation.measures import Absent, Share, Spread
from workbench.errors import UsageError
from workbench.services.checking import plots
from workbench.services.checking.describe import Description
from workbench.services.checking.plots import safe
from workbench.services.checking.sections import (
    Bars,
    Block,
    Cell,
    Lengths,
    Section,
    Stacked,
    percent,
    sections,
    title_of,
    written,
)
from workbench.workspace import write_text

_LONGEST = 120
"""Characters of a value that are shown on a page."""


def refuse_to_replace(path: Path) -> None:
    """Refuse to write where something stands."""
    if path.exists() or path.is_symlink():
        raise UsageError(f"{str(path)!r} is there already", "name another file, or replace it with --force")


def write(found: Description, path: Path) -> None:
    """Write the page, whole or not at all, in place of what stood there."""
    write_text(path, page(found))


def page(found: Description) -> str:
    """Return the page of a description; the same description gives the same bytes."""
    style = files("workbench.services.checking").joinpath("page.css").read_text(encoding="utf-8")
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    title = safe(title_of(found))
    head = [
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{title}</title>",
        f"<style>{style}</style>",
    ]
    body = [f"<h1>{title}</h1>", *_identity(found), *(_section(section) for section in sections(found))]
    parts = ['<!doctype html>\n<html lang="en">\n<head>', *head, "</head>\n<body>\n<main>", *body]
    return "\n".join([*parts, "</main>\n</body>\n</html>", ""])


def _identity(found: Description) -> list[str]:
    named = f", version {found.version}" if found.version else ""
    return [f'<p class="soft">Records of kind {safe(found.kind)}{safe(named)}</p>']


def _section(section: Section) -> str:
    lines = [f"<p>{safe(line)}</p>" for line in section.lines]
    return "\n".join(
        ["<section>", f"<h2>{safe(section.title)}</h2>", *lines, *map(_block, section.blocks), "</section>"]
    )


def _block(block: Block) -> str:
    if isinstance(block, Bars):
        return _bars(block)
    if isinstance(block, Lengths):
        return _lengths(block)
    return _stacked(block) if isinstance(block, Stacked) else _table(block.header, block.rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return a table; a column that holds a number stands right, with its heading."""
    right = {place for row in rows for place, cell in enumerate(row) if not isinstance(cell, str)}
    kinds = [' class="number"' if place in right else "" for place in range(len(header))]
    named = "".join(f'<th scope="col"{kind}>{_short(name)}</th>' for name, kind in zip(header, kinds, strict=True))
    body = "\n".join(f"<tr>{_cells(row, kinds)}</tr>" for row in rows)
    return f'<div class="wide"><table>\n<thead><tr>{named}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _cells(row: Sequence[Cell], kinds: Sequence[str]) -> str:
    return "".join(f"<td{kind}>{_short(written(cell))}</td>" for cell, kind in zip(row, kinds, strict=True))


def _short(value: object) -> str:
    text = str(value)
    return safe(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def _folded(table: str) -> str:
    return f"<details><summary>as a table</summary>{table}</details>"


def _bars(block: Bars) -> str:
    if not block.shares.n:
        return f"<h3>{safe(block.title)}</h3><p>n/a (no {safe(block.of)})</p>"
    rows = "\n".join(_bar(block.title, one) for one in block.shares.shares)
    caption = f"<figcaption>of {block.shares.n:,} {safe(block.of)}</figcaption>"
    return f"<figure><h3>{safe(block.title)}</h3>{caption}\n{rows}</figure>"


def _bar(title: str, one: Share) -> str:
    drawing = plots.bar(one.share, f"{title} {one.value[:_LONGEST]}")
    told = f"{one.count:,} · {safe(percent(one.share))}"
    return f'<div class="row"><span>{_short(one.value)}</span>{drawing}<span>{told}</span></div>'


def _lengths(block: Lengths) -> str:
    pictures = "\n".join(_histogram(block.title, name, found) for name, found in block.rows)
    header = ("field", "n", "min", "5 %", "median", "mean", "95 %", "max", "sum")
    table = _table(header, [_numbers(name, found) for name, found in block.rows])
    told = '<p class="soft">Bars are equally wide; the last one holds all that is longer.</p>'
    return f'<h3>{safe(block.title)}</h3>{told}\n<div class="plots">{pictures}</div>\n{table}'


def _numbers(name: str, found: Spread | Absent) -> tuple[Cell, ...]:
    if isinstance(found, Absent):
        return (name, 0, *["n/a"] * 7)
    middle = (found.p5, found.median, found.mean, found.p95)
    return (name, found.n, found.min, *middle, found.max, found.total)


def _histogram(unit: str, name: str, found: Spread | Absent) -> str:
    if isinstance(found, Absent):
        return f"<figure><figcaption>{safe(name)}: n/a ({safe(found.reason)})</figcaption></figure>"
    drawing = plots.histogram(found.histogram, f"{unit} of {name}")
    ends = f'<div class="ends soft"><span>{found.min:,}</span><span>{found.max:,}</span></div>'
    rows = [(f"{part.low:,} to {part.high:,}", part.count) for part in found.histogram]
    caption = f"<figcaption>{safe(name)}, n = {found.n:,}</figcaption>"
    return f"<figure>{caption}{drawing}{ends}{_folded(_table((unit, 'count'), rows))}</figure>"


def _stacked(block: Stacked) -> str:
    found, told = block.balance, f"<h3>{safe(block.balance.category)}</h3><p>{safe(block.meaning)}</p>"
    if len(found.values) < 2:
        return f"<figure>{told}</figure>"
    present = [side for side, count in found.n.items() if count]
    bars = "\n".join(
        f'<div class="row"><span>{side}</span>{plots.stacked(found, side)}<span>n = {found.n[side]:,}</span></div>'
        for side in present
    )
    header = ("value", *(f"{part} {side}" for side in present for part in ("records in", "share of")))
    rows = [
        (one.value, *(cell for side in present for cell in (one.counts[side], percent(one.shares[side]))))
        for one in found.values
    ]
    return f"<figure>{told}\n{bars}\n{_legend(found.values)}{_folded(_table(header, rows))}</figure>"


def _legend(values: Sequence[object]) -> str:
    names = [_short(getattr(one, "value", one)) for one in values[: plots.COLOURS]]
    if len(values) > plots.COLOURS:
        names[-1] = f"{len(values) - plots.COLOURS + 1} others"
    swatch = '<svg viewBox="0 0 10 10" aria-hidden="true"><rect class="{}" width="10" height="10"/></svg>'
    entries = (f"<li>{swatch.format(plots.colour(place))}{name}</li>" for place, name in enumerate(names))
    return f'<ul class="legend">{"".join(entries)}</ul>'
