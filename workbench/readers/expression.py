r"""How a field comes from raw columns: `column`, `{a}\n{b}` merged, `[A,B]` gathered, `column:text` cast."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_PLACE = re.compile(r"\{([^{}]+)\}")
_CAST = re.compile(r"(?P<column>.+):(?P<cast>text|index|number)", re.DOTALL)
_BETWEEN = re.compile(r"([)\]}\"'»”’.?!]*)([\s:;,|/–—-]*)(.*)", re.DOTALL)
_ESCAPES = {r"\n": "\n", r"\t": "\t"}


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression; `cast` says how an answer is meant: `text`, `index` from 0, `number` from 1."""

    shape: str
    """`column`, `merged` or `gathered`."""
    columns: tuple[str, ...]
    literals: tuple[str, ...] = ()
    """Merged: the text in front of each column, and behind the last."""
    cast: str = ""


def parsed(text: str) -> Expression:
    """Parse an expression; every text is one, if only the name of a column."""
    if text.startswith("[") and text.endswith("]"):
        return Expression("gathered", tuple(name.strip() for name in text[1:-1].split(",") if name.strip()))
    if _PLACE.search(text):
        pieces = _PLACE.split(text)
        return Expression("merged", tuple(pieces[1::2]), tuple(_unescaped(piece) for piece in pieces[0::2]))
    cast = _CAST.fullmatch(text)
    return Expression("column", (cast["column"],), cast=cast["cast"]) if cast else Expression("column", (text,))


def evaluate(expression: Expression, row: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any raw value
    """Return the raw value of an expression in one row; columns that the row lacks are None."""
    values = [row.get(column) for column in expression.columns]
    if expression.shape == "column":
        return values[0]
    if expression.shape == "gathered":
        # Gaps at the end go, for an item may have fewer options; a gap between them keeps its place.
        while values and values[-1] is None:
            values.pop()
        return values or None
    return _merged(expression.literals, values)


def _unescaped(text: str) -> str:
    for written, meant in _ESCAPES.items():
        text = text.replace(written, meant)
    return text


def _merged(literals: tuple[str, ...], values: list[Any]) -> str | None:
    """Join the columns that hold something, each with its brackets and label, one separator in between."""
    if all(value is None for value in values):
        return None
    befores, separators, afters = [literals[0]], [""], []
    for literal in literals[1:-1]:
        match = _BETWEEN.fullmatch(literal)
        after, separator, before = match.groups() if match else ("", literal, "")
        afters.append(after)
        separators.append(separator)
        befores.append(before)
    afters.append(literals[-1])
    out = ""
    for value, separator, before, after in zip(values, separators, befores, afters, strict=True):
        if value is not None and str(value).strip():
            out += (separator if out else "") + before + str(value) + after
    return out
