"""Markdown made of text from anywhere: tables, lists and blocks in which nothing acts and nothing breaks out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from textwrap import wrap

from workbench.text import show

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~$])")
_FENCE = re.compile(r"`{3,}")
_WIDTH = 100
"""Characters of a line in a block."""


def shown(value: object) -> str:
    """Return text that is only text in Markdown: no markup, no HTML, no table cell, no control character."""
    text = show(_value(value)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", text)


def code(value: str) -> str:
    """Return text in a code span that it cannot end."""
    return f"`{plain(value)}`"


def plain(value: str) -> str:
    """Return one line that is safe inside of code."""
    return show(value).replace("`", "'").replace("<", "\u2039").replace(">", "\u203a")


def block(text: str, *, limit: int) -> str:
    """Return text of several lines as a fenced block that it cannot end, cut at a number of characters."""
    safe = show(text, lines=True, limit=limit).replace("<!--", "<!\u200a--")
    fence = "`" * max(3, *(len(run) + 1 for run in _FENCE.findall(safe)), 3)
    # A block does not break its lines: a long one would have to be scrolled to be read.
    lines = [part for line in safe.split("\n") for part in (wrap(line, _WIDTH, drop_whitespace=False) or [""])]
    return "\n".join([f"{fence}text", *lines, fence])


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table, or nothing where there are no rows."""
    lines = ["| " + " | ".join(shown(cell) for cell in row) + " |" for row in rows]
    rule = "|" + " --- |" * len(header)
    return "\n".join(["| " + " | ".join(header) + " |", rule, *lines]) if lines else ""


def bullets(lines: Iterable[object]) -> str:
    """Return a list."""
    return "\n".join(f"- {shown(line)}" for line in lines)


def section(title: str, *parts: str) -> str:
    """Return a section of the parts that hold something, or nothing where none does."""
    held = [part for part in parts if part]
    return "\n\n".join([f"## {title}", *held]) + "\n" if held else ""


def number(value: float) -> str:
    """Return a number for people: thousands apart, no more digits than it needs."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"


def _value(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
