"""Turn a raw file into rows on their way in: how it is read, which rows are taken, how columns become fields."""

from __future__ import annotations

import gc
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.curation.split import draw
from workbench.errors import UsageError
from workbench.fingerprint import canonical, digest
from workbench.readers import mapping as maps
from workbench.readers.conversion import EXTRA
from workbench.readers.detect import planned
from workbench.readers.field_spec import Kind
from workbench.readers.record import Reading, Record, Reject, Repair
from workbench.readers.registry import read
from workbench.readers.sight import Sight
from workbench.services.progress import Report
from workbench.sql import expression
from workbench.store.edits import WHOLE
from workbench.store.intake import Arrival, Intake

if TYPE_CHECKING:  # a process that reads a part of a file needs neither, and pandera takes it a second
    from workbench.corpus import Source
    from workbench.schema import Schema

LOOKED_AT = 200
"""Rows that a mapping is proposed from."""
_BATCH = 512
_TOLD = 2_000
"""Rows after which it is told how far the reading is: some ten times a second."""
_SPANLESS = ("parquet_file", "arrow_folder")
"""Readers whose units have numbers instead of byte spans."""


def reading_of(source: Source, sight: Sight) -> Reading:
    """Return how a file that was `seen` is read: what the source says, and what `planned` finds for the rest."""
    found = planned(sight, reader=source.reader, encoding=source.encoding)
    chunk = source.chunk or found.chunk
    return replace(found, chunk=chunk, header=found.header if source.header is None else source.header)


def first_rows(reading: Reading) -> list[dict[str, Any]]:
    """Return the first rows of a file as parsed."""
    rows = []
    for unit in read(reading):
        if isinstance(unit, Record):
            rows.append(unit.fields)
        if len(rows) == LOOKED_AT:
            break
    return rows


def columns_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the raw columns of some rows, in the order in which they appear."""
    return list(dict.fromkeys(name for row in rows for name in row))


def selected(units: Iterator[Record | Reject], source: Source) -> Iterator[Record | Reject]:
    """Yield the rejects, and the records that the source's where, sample and limit leave, in file order.

    A condition and a draw look at all rows at once; without them rows pass one by one.
    """
    if source.where or source.sample is not None:
        return _drawn(list(units), source)
    return units if source.limit is None else _limited(units, source.limit)


def _drawn(units: list[Record | Reject], source: Source) -> Iterator[Record | Reject]:
    records = _meeting([unit for unit in units if isinstance(unit, Record)], source.where)
    lots = {record.origin.position: _lot(record, source.seed) for record in records}
    if source.sample is not None:
        order = sorted((lot, place) for place, lot in lots.items() if lot is not None)
        lots = dict.fromkeys(place for place, lot in lots.items() if lot is None)
        lots |= {place: lot for lot, place in order[: source.sample]}
    left = (unit for unit in units if isinstance(unit, Reject) or unit.origin.position in lots)
    return _limited(left, source.limit)


def _lot(record: Record, seed: int) -> float | None:
    """Return the lot that a row draws; None for one without a stable form, which is taken and then set aside."""
    try:
        return draw(seed, digest(record.fields))
    except TypeError:
        return None


def _meeting(records: list[Record], where: str | None) -> list[Record]:
    if not where or not records:
        return records
    columns = columns_of([record.fields for record in records])
    try:
        frame = pl.DataFrame([record.fields for record in records], infer_schema_length=None, strict=False)
        mask = frame.with_columns(expression(where).alias("_hit"))["_hit"]
    except (pl.exceptions.PolarsError, UsageError) as error:
        raise UsageError(f"--where {where!r} {_where_fault(error)}", f"columns: {', '.join(columns)}") from error
    if mask.dtype != pl.Boolean:
        raise UsageError(f"--where {where!r} is no condition", "for example: --where \"lang = 'fr'\"")
    return [record for record, hit in zip(records, mask.fill_null(value=False), strict=True) if hit]


def _where_fault(error: pl.exceptions.PolarsError | UsageError) -> str:
    """Return what is wrong with a condition; the frame engine's own words are about its types and expressions."""
    if isinstance(error, UsageError):
        return f"cannot be used: {error.what}"
    if isinstance(error, pl.exceptions.ColumnNotFoundError):
        return "names a column that is not there"
    if isinstance(error, (pl.exceptions.SQLSyntaxError, pl.exceptions.SQLInterfaceError)):
        return "is no condition in SQL, or asks for a function that there is not"
    return "compares values of different kinds, or asks what they cannot tell"


def _limited(units: Iterable[Record | Reject], limit: int | None) -> Iterator[Record | Reject]:
    taken = 0
    for unit in units:
        taken += isinstance(unit, Record)
        if isinstance(unit, Reject) or limit is None or taken <= limit:
            yield unit


def told(units: Iterable[Record | Reject], reading: Reading, how: tuple[str, Report]) -> Iterator[Record | Reject]:
    """Yield the units of a file, telling now and then how many there were, and which share of its bytes that was.

    `how` is the name that the file goes by, and where to tell it.
    """
    name, report = how
    spans = reading.path.is_file() and reading.proposal.reader not in _SPANLESS
    size = reading.path.stat().st_size if spans else 0
    for number, unit in enumerate(units):
        if number and number % _TOLD == 0:
            report(f"reading {name}: {number:,} rows", unit.origin.end if spans else number, size)
        yield unit


@dataclass
class Seen:
    """What was seen of the rows of a source so far."""

    rows: list[dict[str, Any]] = field(default_factory=list, init=False)
    """The first rows: shapes are told from them."""
    columns: dict[str, int] = field(default_factory=dict, init=False)
    """The columns of all rows in the order in which they appear, a rare one late, and how many rows hold each."""
    is_again: bool = field(default=False, init=False)
    """Whether the rows that are seen were seen before, so that they tell nothing but how many hold each column."""

    def see(self, units: Iterable[Record | Reject]) -> None:
        """Take note of the rows among some units."""
        rows = [unit.fields for unit in units if isinstance(unit, Record)]
        if not self.is_shaped:
            self.rows += rows[: LOOKED_AT - len(self.rows)]
        for shape, times in Counter(map(tuple, rows)).items():  # rows of a file have few shapes
            self.count(dict.fromkeys(shape, times))

    def count(self, columns: Mapping[str, int]) -> None:
        """Add the numbers of rows that hold some columns."""
        for name, rows in columns.items():
            self.columns[name] = self.columns.get(name, 0) + rows

    def leave_out(self, columns: Mapping[str, int]) -> None:
        """Take rows that were set aside out of the numbers: what they hold is in quarantine, with no record."""
        self.count({name: -rows for name, rows in columns.items()})

    def begin_again(self) -> None:
        """Begin to count anew, with all columns known."""
        self.columns, self.is_again = dict.fromkeys(self.columns, 0), True

    @property
    def is_shaped(self) -> bool:
        """Return whether the rows that come next can tell nothing but columns."""
        return self.is_again or len(self.rows) == LOOKED_AT


@dataclass
class Mapped(Seen):
    """How the rows of a source become fields, as found from the rows seen so far."""

    source: Source
    schema: Schema
    frozen: dict[str, str]
    """The mapping of the source's newest delivery."""

    def mapping(self) -> maps.Mapping:
        """Return the mapping: proposed, then as given; a column that is gone from a later delivery may be named."""
        columns, fields = list(self.columns), fields_of(self.schema)
        proposed = maps.propose(columns, self.rows, fields)
        known = [*columns, *maps.Mapping(self.frozen).columns]
        given = maps.parse([f"{name}={expression}" for name, expression in self.source.map.items()], known)
        guesses = () if given.expressions else proposed.guesses
        mapping = replace(maps.Mapping({**proposed.expressions, **given.expressions}), guesses=guesses)
        missing = [n for n in self.schema.columns if self.schema.required(n) and n not in mapping.expressions]
        if missing and self.rows:
            free = next((column for column in columns if column not in mapping.columns), "COLUMN")
            raise UsageError(
                f"no column of {self.source.name!r} gives {self.schema.name}.{missing[0]} "
                f"(columns: {', '.join(columns)})",
                f"say which, for example --map {shlex.quote(f'{missing[0]}={free}')}",
            )
        return mapping


@contextmanager
def uncollected() -> Iterator[None]:
    """Do without the cycle collector: parsed rows hold no cycles, and walking them takes a quarter of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def batches(units: Iterator[Record | Reject]) -> Iterator[list[Record | Reject]]:
    """Yield units some at a time: so few that they stay at hand for the processor."""
    while batch := list(islice(units, _BATCH)):
        yield batch


def fill(
    intake: Intake, units: Iterable[Record | Reject], apply: maps.Applied, reading: Reading | None = None
) -> dict[str, int]:
    """Add rows with typed fields; a row that cannot have them is set aside with its reason and its raw bytes.

    Returned are the columns of rows that were set aside, and how many of these hold each.
    """
    columns: Counter[str] = Counter()
    for record in units:
        if isinstance(record, Reject):
            intake.rejects.append(record)
            continue
        try:
            typed, extra = apply(record.fields)
            repairs = _by_field(record, typed, apply) if record.repairs else ()
            intake.add(Arrival(typed, extra, record.fields, record.origin, repairs))
        except (maps.MappingError, TypeError, RecursionError) as error:
            intake.rejects.append(Reject(_raw_bytes(record, reading), record.origin, str(error)))
            columns.update(record.fields.keys())
    return columns


def _raw_bytes(record: Record, reading: Reading | None) -> bytes:
    """Return a row's bytes in its file; where units have no byte span, its canonical JSON or else its text."""
    if reading is not None and reading.proposal.reader not in _SPANLESS:
        with reading.path.open("rb") as handle:
            handle.seek(record.origin.start)
            return handle.read(record.origin.end - record.origin.start)
    try:
        return canonical(record.fields)
    except TypeError:
        return repr(record.fields).encode()


def _by_field(record: Record, typed: dict[str, Any], apply: maps.Applied) -> tuple[Repair, ...]:
    """Return repairs of raw columns as repairs of the schema fields whose typed values they change.

    A repair that would make the row impossible to map is left out: the row stays as it was delivered.
    """
    whole = tuple(repair for repair in record.repairs if repair.field == WHOLE)
    columns = [repair for repair in record.repairs if repair.field != WHOLE]
    try:
        mended, _ = apply(record.fields | {repair.field: repair.value for repair in columns})
    except maps.MappingError:
        return whole
    reason = "; ".join(dict.fromkeys(repair.reason for repair in columns))
    return whole + tuple(Repair(name, value, reason) for name, value in mended.items() if value != typed[name])


def fields_of(schema: Schema) -> dict[str, maps.FieldSpec]:
    """Return what a mapping must know of each schema field."""
    return {
        name: maps.FieldSpec(
            kind=_kind(kind, is_json=name in schema.declared.json_texts),
            required=schema.required(name),
            aliases=schema.declared.aliases.get(name, ()),
            plural=schema.declared.plural.get(name, ""),
        )
        for name, kind in schema.types.items()
    }


def _kind(kind: pl.DataType, *, is_json: bool) -> Kind:
    if isinstance(kind, pl.List) and isinstance(kind.inner, pl.Struct):
        return "messages+extra" if any(field.name == EXTRA for field in kind.inner.fields) else "messages"
    return "json" if is_json else _KINDS[kind]


_KINDS: dict[pl.DataType, Kind] = {
    pl.String(): "str",
    pl.Int64(): "int",
    pl.Float64(): "float",
    pl.Boolean(): "bool",
    pl.List(pl.String): "list[str]",
    pl.List(pl.Int64): "list[int]",
}
