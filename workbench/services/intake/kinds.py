"""Which kind of record a file holds: every schema is tried on its first rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import polars as pl

from workbench.corpus import Source
from workbench.curation.validate import issues
from workbench.readers import mapping as maps
from workbench.readers.conversion import told_beside
from workbench.readers.record import Origin, Record
from workbench.schema import Schema, load_schema
from workbench.services.intake.rows import columns_of, fields_of, fill
from workbench.store.intake import Intake
from workbench.store.store import Store


class Fit(NamedTuple):
    """How well a schema takes some rows; of two fits the greater one is the better.

    A tie of the first five goes to the kind that asks more of its records.
    """

    columns: int
    """Raw columns that find a field."""
    in_turns: int
    """Parts of turns, beside role and content, that find a place; below zero for a place that no row needs."""
    own_names: int
    """Columns that are named as a field is."""
    is_framed: bool
    """Whether most rows stand in the frame of markers that is the kind's own form, so a few torn ones are faults."""
    errors: int
    """Issues of error level and rows without a place, counted below zero."""
    rules: int
    name: str


def kinds(store: Store, rows: list[dict[str, Any]], source: Source) -> list[str]:
    """Return the names of the schemas that can take rows, the best fitting first; none where none can."""
    fits = (_fit(store, name, rows, source) for name in store.workspace.named("schemas"))
    return [fit.name for fit in sorted((fit for fit in fits if fit), reverse=True)]


def _fit(store: Store, name: str, rows: list[dict[str, Any]], source: Source) -> Fit | None:
    schema = load_schema(store.workspace.schema_file(name))
    proposed = maps.propose(columns_of(rows), rows, fields_of(schema)).expressions
    mapping = maps.Mapping(proposed | source.map)
    if not set(source.map) <= set(schema.columns):
        return None
    if not all(column in mapping.expressions for column in schema.columns if schema.required(column)):
        return None
    with Intake(schema.types, (), store.objects) as taken:
        records = [Record(row, Origin(i, 0, 0)) for i, row in enumerate(rows)]
        fill(taken, records, maps.applied(mapping, fields_of(schema)))
        errors = errors_in(taken, schema).height + len(taken.rejects)
    own_names = sum(column in mapping.expressions for column in columns_of(rows))
    columns = len(mapping.columns)
    in_turns, framed = _in_turns(mapping, rows, schema), _is_framed(mapping, rows, schema)
    return Fit(columns, in_turns, own_names, framed, -errors, len(schema.rules), name)


def _in_turns(mapping: maps.Mapping, rows: list[dict[str, Any]], schema: Schema) -> int:
    fields = fields_of(schema)
    kept = [name for name in mapping.expressions if fields[name].kind == "messages+extra"]
    held = {part for name in kept for row in rows for part in told_beside(row.get(mapping.parsed[name].columns[0]))}
    return len(held) or -len(kept)


def _is_framed(mapping: maps.Mapping, rows: list[dict[str, Any]], schema: Schema) -> bool:
    """Return whether most rows hold each marker of the kind once; a passage of several frames is no record of it."""
    texts = ("\n".join(str(row.get(column, "")) for column in mapping.columns) for row in rows)
    framed = sum(all(text.count(marker) == 1 for marker in schema.declared.markers) for text in texts)
    return bool(schema.declared.markers) and 2 * framed > len(rows)


def nearest(store: Store, columns: int) -> str:
    """Return the kind to begin with where none fits: of those whose needed fields are all texts the one with most.

    `columns` is how many texts a row can give.
    """
    schemas = [load_schema(store.workspace.schema_file(name)) for name in store.workspace.named("schemas")]
    return max((_texts_needed(schema, columns), schema.name) for schema in schemas)[1]


def _texts_needed(schema: Schema, columns: int) -> int:
    needed = [name for name in schema.columns if schema.required(name)]
    texts = all(fields_of(schema)[name].kind == "str" for name in needed)
    return len(needed) if texts and len(needed) <= columns else 0


def errors_in(taken: Intake, schema: Schema) -> pl.DataFrame:
    """Return the issues of error level of rows on their way in, with the row's number as the record."""
    brought = pl.concat([schema.table([]), *(frame.select(schema.columns) for frame in taken.frames())])
    frame = brought.with_columns(
        id=pl.int_range(pl.len()).cast(pl.String), source=pl.lit(""), position=pl.int_range(pl.len())
    )
    return issues(frame, schema).filter(pl.col("severity") == "error")
