"""What an ingest would make of a file, told from its head; nothing is written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from workbench.corpus import Corpus, Source
from workbench.errors import UsageError
from workbench.readers import mapping as maps
from workbench.readers.detect import seen
from workbench.readers.json_array import OPEN_END
from workbench.readers.record import Reading, Record, Reject
from workbench.readers.registry import read
from workbench.schema import Schema, load_schema
from workbench.services.intake.head import Head, head_of
from workbench.services.intake.kinds import errors_in, kinds, nearest
from workbench.services.intake.order import Order, key_of, sources_of
from workbench.services.intake.rows import LOOKED_AT, Mapped, columns_of, fields_of, fill, reading_of, selected
from workbench.services.intake.turn_parts import left_in_turns
from workbench.store.intake import Intake
from workbench.store.store import Store
from workbench.workspace import safe_name

UNITS = 1000
"""Rows that are tried; the first `LOOKED_AT` of them tell the mapping, as they do at an ingest."""
SAMPLES = 5
_CELL = 300


@dataclass(frozen=True)
class Place:
    """Where a field of the schema comes from."""

    field: str
    expression: str
    """Empty where no column gives it."""
    is_required: bool


@dataclass(frozen=True)
class Sample:
    """One row as the record that it would become."""

    cells: tuple[str, ...]
    """Text of each place, in order; not yet safe to show."""
    reason: str = ""
    """Why it would go to quarantine; then it has no cells."""


@dataclass(frozen=True)
class Tried:
    """What became of the rows that were tried."""

    rows: int = 0
    quarantined: int = 0
    reason: str = ""
    """Of the first quarantined row, with its number."""
    faulty: int = 0
    """Records with an issue of error level."""
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class Preview:
    """What an ingest would make of one file."""

    source: str
    corpus: str
    is_new: bool
    """Whether the corpus would be made."""
    corpora: tuple[str, ...]
    """The corpora there are."""
    schema: str
    kinds: tuple[str, ...]
    """The schemas that can take the rows, the best fitting first."""
    all_kinds: tuple[str, ...]
    reader: str
    encoding: str
    side: str
    """Side that the file was delivered for; empty where none is said."""
    header: bool
    chunk: int
    guesses: tuple[str, ...]
    columns: tuple[str, ...]
    unread: tuple[str, ...]
    """Columns of records, and parts of turns, that no field takes."""
    raw: tuple[tuple[str, ...], ...]
    """The first rows as they stand in the file, a text a column; not yet safe to show."""
    places: tuple[Place, ...]
    key: tuple[str, ...]
    """Raw columns that identify a row; none means the whole row."""
    tried: Tried
    size: int
    is_whole: bool
    """Whether the whole file was looked at."""
    problem: str = ""
    """Why the order cannot be carried out as it stands."""
    hint: str = ""

    @property
    def shared(self) -> dict[str, tuple[str, ...]]:
        """Return the columns that more than one field takes, with those fields."""
        mapped = maps.Mapping({one.field: one.expression for one in self.places if one.expression})
        taken: dict[str, tuple[str, ...]] = {}
        for name, expression in mapped.parsed.items():
            for column in set(expression.columns):
                taken[column] = (*taken.get(column, ()), name)
        return {column: fields for column, fields in taken.items() if len(fields) > 1}


def preview(store: Store, order: Order, number: int = 0) -> Preview:
    """Return what an ingest would make of a file of an order; a file that no reader can take is refused as there."""
    safe_name("corpus", order.corpus)
    path = order.files[number]
    with head_of(path) as head:
        return _Look(store, replace(order, files=(path,)), head).preview()


class _Look:
    """One look at one file."""

    def __init__(self, store: Store, order: Order, head: Head) -> None:
        self.store, self.order, self.head = store, order, head
        self.present = store.corpus(order.corpus) if order.corpus in store.corpora() else None
        given = self.present or Corpus(name=order.corpus, schema_name="")
        self.source = next(sources_of(store, given, order))
        self.reading = reading_of(self.source, seen(head.path, self.source.encoding))
        self.units = _units(self.reading, self.source, is_torn=head.is_torn)
        self.records = [unit for unit in self.units if isinstance(unit, Record)]

    def preview(self) -> Preview:
        rows = [record.fields for record in self.records[:LOOKED_AT]]
        fitting = kinds(self.store, rows, self.source) if rows else []
        columns = tuple(columns_of([record.fields for record in self.records]))
        name = self._schema_name(fitting, len(columns))
        schema = load_schema(self.store.workspace.schema_file(name))
        mapping, problem = self._mapping(schema)
        tried, unread = (_rejected(self.units), columns) if problem else self._tried(schema, mapping)
        proposal = self.reading.proposal
        guesses = (*(guess for guess in proposal.guesses if self.head.is_whole or guess != OPEN_END), *mapping.guesses)
        return Preview(
            source=self.source.name,
            corpus=self.order.corpus,
            is_new=self.present is None,
            corpora=tuple(self.store.corpora()),
            schema=name,
            kinds=tuple(fitting),
            all_kinds=tuple(self.store.workspace.named("schemas")),
            reader=proposal.reader,
            encoding=proposal.encoding,
            side=self.source.split or "",
            header=self.reading.header,
            chunk=self.reading.chunk,
            guesses=guesses,
            columns=columns,
            unread=tuple(name for name in unread if name not in mapping.columns),
            raw=tuple(tuple(_text(row.get(name)) for name in columns) for row in rows[:SAMPLES]),
            places=_places(schema, mapping.expressions),
            key=self.source.key if problem else key_of(self.source, self.reading, schema, mapping),
            tried=tried,
            size=self.head.size,
            is_whole=self.head.is_whole,
            problem=problem.what if problem else "",
            hint=problem.hint if problem else "",
        )

    def _schema_name(self, fitting: Sequence[str], columns: int) -> str:
        if self.present:
            return self.present.schema_name
        return self.order.schema or (fitting[0] if fitting else nearest(self.store, columns))

    def _mapping(self, schema: Schema) -> tuple[maps.Mapping, UsageError | None]:
        """Return the mapping, and what is wrong with it."""
        mapped = Mapped(self.source, schema, self.source.map if self.present else {})
        mapped.see(self.records)
        try:
            if not self.records:
                raise UsageError(
                    f"{self.source.name!r} shows no row that can be read", "try another reader or encoding"
                )
            return mapped.mapping(), None
        except UsageError as error:
            proposed = maps.propose(list(mapped.columns), mapped.rows, fields_of(schema)).expressions
            return maps.Mapping({**proposed, **self.source.map}), error

    def _tried(self, schema: Schema, mapping: maps.Mapping) -> tuple[Tried, tuple[str, ...]]:
        """Return what became of the rows, and the columns of records with what turns hold that no field takes."""
        with Intake(schema.types, (), self.store.objects) as taken:
            refused = fill(taken, self.records, maps.applied(mapping, fields_of(schema)), self.reading)
            rejects = sorted([*taken.rejects, *_rejects(self.units)], key=lambda reject: reject.origin.position)
            faulty = errors_in(taken, schema)["record"].n_unique()
            in_turns = left_in_turns(taken, mapping, fields_of(schema))
        reason = _first_reason(rejects)
        samples = tuple(_sample(record, mapping, schema) for record in self.records[:SAMPLES])
        held = Counter(name for record in self.records for name in record.fields)
        kept = tuple(name for name in held if held[name] > refused.get(name, 0))
        return Tried(len(self.units), len(rejects), reason, faulty, samples), (*kept, *in_turns)


def _units(reading: Reading, source: Source, *, is_torn: bool) -> list[Record | Reject]:
    """Return the first units; one that may be torn is left out."""
    units = list(islice(selected(read(reading), source), UNITS))
    if is_torn and len(units) < UNITS:
        while units and isinstance(units[-1], Reject):
            units.pop()
        return units[:-1]
    return units


def _rejects(units: Sequence[Record | Reject]) -> list[Reject]:
    return [unit for unit in units if isinstance(unit, Reject)]


def _rejected(units: Sequence[Record | Reject]) -> Tried:
    """Return what can be told of rows without a mapping."""
    rejects = _rejects(units)
    return Tried(len(units), len(rejects), _first_reason(rejects))


def _first_reason(rejects: Sequence[Reject]) -> str:
    return f"row {rejects[0].origin.position + 1:,}: {rejects[0].reason}" if rejects else ""


def _places(schema: Schema, expressions: dict[str, str]) -> tuple[Place, ...]:
    return tuple(Place(name, expressions.get(name, ""), schema.required(name)) for name in schema.columns)


def _sample(record: Record, mapping: maps.Mapping, schema: Schema) -> Sample:
    try:
        typed, _ = maps.apply(mapping, record.fields, fields_of(schema))
    except (maps.MappingError, TypeError, RecursionError) as error:
        return Sample((), str(error))
    return Sample(tuple(_text(typed[name]) for name in schema.columns))


def _text(value: Any) -> str:  # noqa: ANN401 - any field
    if value is None or isinstance(value, str):
        return (value or "")[:_CELL]
    return json.dumps(value, ensure_ascii=False, default=str)[:_CELL]
