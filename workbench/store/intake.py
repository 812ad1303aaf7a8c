"""What a delivery brings, before the log knows of it: rows with their digests, repairs, and what could not be a row."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple

import orjson
import polars as pl

from workbench.fingerprint import canonical, digest, digest_bytes
from workbench.readers.record import Origin, Reject, Repair
from workbench.schema import Schema
from workbench.store.objects import Objects
from workbench.store.spool import Spool

SEGMENT_ROWS = 16_384
BROUGHT = {
    "_name": pl.String,
    "_own": pl.String,
    "row_digest": pl.String,
    "extra": pl.String,
    "position": pl.Int64,
    "start": pl.Int64,
    "end": pl.Int64,
}
"""What a brought row holds beside the schema's columns.

`_name` is the digest of its key, `_own` of the row as parsed, `row_digest` of that and its fields; `extra` is the JSON
of the raw columns that no field took.
"""


class Arrival(NamedTuple):
    """One mapped row on its way in."""

    fields: dict[str, Any]
    """The schema's fields."""
    extra: dict[str, Any]
    """Raw columns that no field took."""
    raw: dict[str, Any]
    """The row as parsed: what its identity is made from."""
    origin: Origin
    repairs: tuple[Repair, ...] = ()
    """Repairs by schema field."""


class Intake:
    """Rows and rejects of one delivery, in file order; full segments wait on disk, so that memory does not grow."""

    def __init__(self, schema: Schema, key: tuple[str, ...], objects: Objects, *, joins: bool = False) -> None:
        """Take rows of a schema, each known by the raw columns of a key (none: by the whole row).

        `joins` tells whether the rows stand beside those of the newest delivery instead of replacing them.
        """
        self.schema = schema
        self.key = key
        self.joins = joins
        self.height = 0
        """Rows taken so far."""
        self.rejects: list[Reject] = []
        self.repaired: dict[int, Arrival] = {}
        """The rows that the reader changed, by their number."""
        self._waiting: list[tuple[str, str, str, Arrival]] = []
        self._spool = Spool(objects.scratch, uuid.uuid4().hex)

    def __enter__(self) -> Intake:
        """Return the intake; its files go at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what waited on disk."""
        self._spool.close()

    def add(self, arrival: Arrival) -> None:
        """Take one row; TypeError for one without a stable form, which is then not taken."""
        own = digest(arrival.raw)
        name = digest([arrival.raw.get(column) for column in self.key]) if self.key else own
        # A row mapped anew is another stored row of the same record.
        stored = digest_bytes(b'["%b",%b]' % (own.encode(), canonical(arrival.fields)))
        self._waiting.append((name, own, stored, arrival))
        if arrival.repairs:
            self.repaired[self.height] = arrival
        self.height += 1
        if len(self._waiting) == SEGMENT_ROWS:
            self._spool.add(self._gathered())
            self._waiting.clear()

    def frames(self, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """Yield the rows, at most SEGMENT_ROWS at a time: some or all of the schema's columns and BROUGHT."""
        yield from self._spool.frames(columns)
        if self._waiting:
            rest = self._gathered()
            yield rest if columns is None else rest.select(columns)

    def table(self, columns: list[str]) -> pl.DataFrame:
        """Return some columns of all rows."""
        kinds: dict[str, Any] = {**self.schema.types, **BROUGHT}
        return pl.concat([pl.DataFrame(schema={name: kinds[name] for name in columns}), *self.frames(columns)])

    def _gathered(self) -> pl.DataFrame:
        names, owns, stored, arrivals = zip(*self._waiting, strict=True)
        fields = [arrival.fields for arrival in arrivals]
        columns = {column: [row[column] for row in fields] for column in self.schema.columns}
        positions, starts, ends = zip(*(arrival.origin for arrival in arrivals), strict=True)
        extra = [_json(arrival.extra) for arrival in arrivals]
        brought = (names, owns, stored, extra, positions, starts, ends)
        return pl.DataFrame(columns | dict(zip(BROUGHT, brought, strict=True)), schema={**self.schema.types, **BROUGHT})


def _json(extra: dict[str, Any]) -> str:
    if not extra:
        return "{}"
    try:
        return orjson.dumps(extra, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, a date
        return json.dumps(extra, ensure_ascii=False, default=str, sort_keys=True)
