"""Draw the sections of a description in a terminal: aligned tables and bars of text, within 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from workbench.cli.output import short, table
from workbench.curation.measures import Absent, Spread
from workbench.services.checking.sections import Bars, Block, Lengths, Section, Stacked, Table, percent, written
from workbench.text import show

_ROWS = 10
"""Values of a category that are listed; all of them are in --json and --html."""
_BAR, _LABEL, _VALUE, _FIELD, _LINE, _PERCENT = 24, 28, 16, 13, 78, 8
_EIGHTHS = " ▏▎▍▌▋▊▉"
_HEIGHTS = "▁▂▃▄▅▆▇█"


def drawn(title: str, found: Iterable[Section]) -> Iterator[str]:
    """Yield the lines of a description."""
    yield short(title, _LINE)
    for section in found:
        yield ""
        yield section.title.upper()
        for line in section.lines:
            yield from wrapped(line)
        for block in section.blocks:
            yield from _block(block)


def wrapped(line: str, indent: str = "  ") -> Iterator[str]:
    """Yield a sentence broken at blanks, so that no line is over 80 columns."""
    import textwrap

    yield from textwrap.wrap(show(line), _LINE, initial_indent=indent, subsequent_indent=indent + "  ")


def bar(share: float, width: int = _BAR) -> str:
    """Return a share (0 to 1) as a bar, exact to an eighth of a column; what is above 0 shows."""
    eighths = max(round(share * width * 8), 1) if share > 0 else 0
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).strip()


def sparkline(counts: Iterable[int]) -> str:
    """Return counts as a row of bars, the largest full; a count of 0 is a blank."""
    known = list(counts)
    top = max(known, default=0)
    return "".join(_HEIGHTS[(count * 7 + top - 1) // top] if count else " " for count in known)


def compact(value: float) -> str:
    """Return a number in at most five columns, up to a thousand million."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            scaled = value / (1e3 if sign == "k" else size)
            return f"{scaled:.0f}{sign}" if scaled >= 100 else f"{scaled:.1f}{sign}"
    return f"{value:,.0f}" if float(value).is_integer() or value >= 1000 else f"{value:.1f}"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Bars):
        return _bars(block)
    if isinstance(block, Lengths):
        return _lengths(block)
    return _stacked(block) if isinstance(block, Stacked) else _table(block)


def _indented(rows: Sequence[tuple[str, ...]], header: tuple[str, ...]) -> Iterator[str]:
    yield from (f"  {line}" for line in table(rows[:_ROWS], header))
    if len(rows) > _ROWS:
        yield f"  and {len(rows) - _ROWS:,} more: see --json or --html"


def _table(block: Table) -> Iterator[str]:
    rows = [tuple(short(written(cell), _LABEL) for cell in row) for row in block.rows]
    yield from (f"  {line}" for line in table(rows, block.header))


def _bars(block: Bars) -> Iterator[str]:
    if not block.shares.n:
        yield f"  {short(block.title, _LABEL)}: n/a (no {block.of})"
        return
    header = (short(block.title, _LABEL), "count", "share".rjust(_PERCENT), f"of {block.shares.n:,} {block.of}")
    rows = [
        (short(one.value, _LABEL), f"{one.count:,}", percent(one.share).rjust(_PERCENT), bar(one.share))
        for one in block.shares.shares
    ]
    yield from _indented(rows, header)


def _lengths(block: Lengths) -> Iterator[str]:
    header = (block.title, "n", "min", "5 %", "median", "mean", "95 %", "max", "histogram")
    yield from (
        f"  {line}" for line in table([_length(short(name, _FIELD), found) for name, found in block.rows], header)
    )


def _length(name: str, found: Spread | Absent) -> tuple[str, ...]:
    if isinstance(found, Absent):
        return (name, "0", *["n/a"] * 6, "")
    numbers = (found.n, found.min, found.p5, found.median, found.mean, found.p95, found.max)
    return (name, *(compact(number) for number in numbers), sparkline(part.count for part in found.histogram))


def _stacked(block: Stacked) -> Iterator[str]:
    yield ""
    yield from wrapped(block.meaning)
    found = block.balance
    if len(found.values) < 2:
        return
    present = [side for side, count in found.n.items() if count]
    names = {side: f"{side} ({found.n[side]:,})" for side in present}
    header = (short(found.category, _VALUE), *names.values())
    rows = [
        (short(one.value, _VALUE), *(percent(one.shares[side]).rjust(len(name)) for side, name in names.items()))
        for one in found.values
    ]
    yield from (f"  {line}" for line in _indented(rows, header))
