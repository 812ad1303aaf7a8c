"""SQL expressions that people write, or that came with somebody's files: refused before anything in them is done."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import polars as pl

from workbench.errors import UsageError

_LONGEST = 2_000
"""Characters: some longer ones, such as ten thousand of `n + n + ...`, take polars for ever or end the process."""
_LITERAL = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_FOREIGN = re.compile(r"\b(?:select|with|values|table|union|from|exists|columns)\b|;|--|/\*|\$|`|\w'", re.IGNORECASE)
"""What only a query needs that reads something else than the record: a file, for one."""
_TEXT = re.compile(r"'(?:[^']|'')*'")
_PADDING = re.compile(r"\b[lr]pad\b", re.IGNORECASE)
"""Functions whose short text can ask for more memory than any machine has."""
_DISTINCT = re.compile(r"\bis\s+(?:not\s+)?distinct\s+from\b", re.IGNORECASE)

_BEYOND = frozenset(
    {"Agg", "Over", "Window", "Rolling", "Len", "SubPlan", "Sort", "SortBy", "Gather", "Slice", "Explode"}
)
"""What an expression over single records cannot hold, as polars names it."""


def expression(text: str) -> pl.Expr:
    """Return a SQL expression over the fields of a record; a UsageError where it is more than that, or far too long.

    polars opens the files and addresses that a query names while it reads the text, so one is refused before that;
    what is no SQL raises polars' own error.
    """
    if len(text) > _LONGEST:
        raise UsageError(f"an expression of {len(text):,} characters is too long", f"at most {_LONGEST:,}")
    bare = _DISTINCT.sub("=", _LITERAL.sub("''", text))
    if _PADDING.search(_TEXT.sub("''", text)):
        raise UsageError("LPAD and RPAD may ask for endless memory", "compare LENGTH instead")
    if _FOREIGN.search(bare):
        raise UsageError("this is no single expression over the fields of a record", "no query may stand in it")
    read = pl.sql_expr(text)
    if _BEYOND & set(_nodes(json.loads(read.meta.serialize(format="json")))):
        hint = "of several fields, GREATEST and LEAST tell the largest and the smallest"
        raise UsageError("an expression looks at each record alone: no sums, no counts, no windows", hint)
    return read


def _nodes(tree: Any) -> Iterator[str]:  # noqa: ANN401 - a JSON value
    """Yield the names of an expression's nodes, without what a person wrote: names of columns, and values."""
    if isinstance(tree, dict):
        for name, inner in tree.items():
            yield name
            yield from () if name in ("Column", "Literal") else _nodes(inner)
    elif isinstance(tree, list):
        for inner in tree:
            yield from _nodes(inner)
    elif isinstance(tree, str):
        yield tree
