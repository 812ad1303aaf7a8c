"""Raw columns to schema fields: proposed by name, written down as expressions, applied row by row."""

from __future__ import annotations

from collections import abc
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from workbench.errors import UsageError, unknown
from workbench.readers.choices import Choices, answers, choices_from
from workbench.readers.conversion import convert, indices, tells_more, told_beside
from workbench.readers.expression import Expression, evaluate, parsed
from workbench.readers.field_spec import FieldSpec, Kind, MappingError
from workbench.readers.naming import doubts, proposed
from workbench.text import show

__all__ = ["FieldSpec", "Mapping", "MappingError", "applied", "apply", "parse", "preview", "propose"]

Row = abc.Mapping[str, Any]
_NAMED = 8
"""Columns that a reason names at most."""


@dataclass(frozen=True)
class Mapping:
    """Field to expression, in the order in which it is shown and written to `corpus.yaml`."""

    expressions: dict[str, str]
    guesses: tuple[str, ...] = field(default=(), compare=False)
    """One sentence a guess that a proposal rests on, for a person to confirm."""
    parsed: dict[str, Expression] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Parse the expressions once; they are applied to every row."""
        object.__setattr__(self, "parsed", {name: parsed(text) for name, text in self.expressions.items()})

    @property
    def columns(self) -> frozenset[str]:
        """Return every raw column that an expression uses."""
        return frozenset(column for expression in self.parsed.values() for column in expression.columns)


def parse(pairs: abc.Iterable[str], columns: abc.Iterable[str]) -> Mapping:
    """Read `field=expression` pairs; UsageError names the nearest column for an unknown one."""
    expressions: dict[str, str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip() or not text.strip():
            raise UsageError(f"{pair!r} is no mapping", "write field=column, for example question=prompt")
        if name.strip() in expressions:
            raise UsageError(f"{name.strip()!r} is mapped twice", "merge columns in one expression: {a}\\n{b}")
        expressions[name.strip()] = text.strip()
    mapping, known = Mapping(expressions), list(columns)
    for column in sorted(mapping.columns):
        if column not in known:
            raise unknown("column", column, known)
    return mapping


def propose(columns: abc.Sequence[str], rows: abc.Sequence[Row], fields: dict[str, FieldSpec]) -> Mapping:
    """Propose a mapping by name, alias and shape; what it cannot place stays out, for a person to fill in."""
    found = proposed(columns, rows, fields)
    return Mapping(found, doubts(rows, fields, found))


Applied = abc.Callable[[Row], tuple[dict[str, Any], dict[str, Any]]]
"""What turns a raw row into (typed schema fields, all raw columns that no field took)."""


def apply(mapping: Mapping, row: Row, fields: dict[str, FieldSpec]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (typed schema fields, all raw columns that no field took); MappingError for an impossible value."""
    return applied(mapping, fields)(row)


def applied(mapping: Mapping, fields: dict[str, FieldSpec]) -> Applied:
    """Return what turns raw rows into typed schema fields, so that many rows share one look at the mapping.

    Every field of the schema is in the first part, None where nothing is mapped. An index out of range stays. A row
    without any mapped column is of another shape, and a MappingError: it would be a record of nothing.
    """
    for name in mapping.expressions:
        if name not in fields:
            raise unknown("field", name, fields)
    columns, blank = mapping.columns, dict.fromkeys(fields)
    texts = {name: mapping.parsed[name].columns[0] for name in mapping.expressions if _is_text(mapping, name, fields)}
    others = [name for name in mapping.expressions if name not in texts]
    whole = {mapping.parsed[name].columns[0] for name in others if _is_of(mapping, name, fields, "messages+extra")}
    turns = {mapping.parsed[name].columns[0] for name in others if _is_of(mapping, name, fields, "messages")}

    def row_applied(row: Row) -> tuple[dict[str, Any], dict[str, Any]]:
        if columns and columns.isdisjoint(row):
            raise _of_another_shape(row, columns)
        typed = blank.copy()
        for name, column in texts.items():
            value = row.get(column)
            typed[name] = value if type(value) is str else _named(mapping, name, row, fields)[name]
        for name in others:
            typed |= _named(mapping, name, row, fields)
        # Most values are no lists, and asking that here saves a call for each.
        extra = {
            column: value
            for column, value in row.items()
            if column not in columns or (isinstance(value, list) and column not in whole and tells_more(value))
        }
        for column in turns:
            if isinstance(row.get(column), str) and told_beside(row[column]):
                extra[column] = row[column]
        return typed, extra

    return row_applied


def _of_another_shape(row: Row, columns: abc.Iterable[str]) -> MappingError:
    read, held = (", ".join(show(name, limit=40) for name in islice(names, _NAMED)) for names in (sorted(columns), row))
    return MappingError(f"none of the columns that are read ({read}) is in the row, which holds {held or 'nothing'}")


def _is_text(mapping: Mapping, name: str, fields: dict[str, FieldSpec]) -> bool:
    return _is_of(mapping, name, fields, "str")


def _is_of(mapping: Mapping, name: str, fields: dict[str, FieldSpec], kind: Kind) -> bool:
    """Return whether a field of this kind takes one column as it stands."""
    return fields[name].kind == kind and mapping.parsed[name].shape == "column"


def _named(mapping: Mapping, name: str, row: Row, fields: dict[str, FieldSpec]) -> dict[str, Any]:
    try:
        return _typed(mapping, name, row, fields)
    except MappingError as error:
        raise MappingError(f"{name}: {error}") from error


def _typed(mapping: Mapping, name: str, row: Row, fields: dict[str, FieldSpec]) -> dict[str, Any]:
    spec, expression = fields[name], mapping.parsed[name]
    value = evaluate(expression, row)
    target = spec.choices_in(fields)
    if not target:
        return {name: convert(value, spec)}
    choices = _choices(mapping, target, row) or Choices()
    one, several = indices(answers(value, choices, expression.cast), spec)
    if spec.kind == "list[int]":
        return {name: several} if several else {}
    return {name: one, spec.plural: several} if several and spec.plural else {name: one}


def _choices(mapping: Mapping, target: str, row: Row) -> Choices | None:
    expression = mapping.parsed.get(target)
    return choices_from(evaluate(expression, row)) if expression else None


def preview(mapping: Mapping, rows: abc.Iterable[Row], limit: int = 3) -> list[dict[str, str]]:
    """Return what the expressions make of the first rows, as text that is safe to show."""
    shown: list[dict[str, str]] = []
    for row in rows:
        if len(shown) >= limit:
            break
        values = {name: evaluate(expression, row) for name, expression in mapping.parsed.items()}
        shown.append({name: "" if value is None else show(value, limit=200) for name, value in values.items()})
    return shown
