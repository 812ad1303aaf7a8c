"""What a delivery brings, before the log knows of it: rows with their digests, repairs, and what could not be a row."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import orjson
import polars as pl

from workbench.fingerprint import canonical, digest, digest_bytes, record_ids
from workbench.readers.record import Origin, Repair
from workbench.store.objects import Objects
from workbench.store.rejects import Rejects, SetAside
from workbench.store.spool import Spool, evenly

SEGMENT_ROWS = 16_384
_AT_HAND = 2_048
BROUGHT = {
    "_id": pl.String,
    "_name": pl.String,
    "_own": pl.String,
    "row_digest": pl.String,
    "extra": pl.String,
    "position": pl.Int64,
    "start": pl.Int64,
    "end": pl.Int64,
}
"""What a brought row holds beside the schema's columns.

`_name` is the digest of its key, none where the whole row is the key; `_own` is that of the row as parsed, and
`row_digest` of that and its fields. `_id` is the record's id as long as no other row has the same key. `extra` is the
JSON of the raw columns that no field took.
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


class HandedOver(NamedTuple):
    """What one intake hands over to another: the files of its rows, how many rows these are, and its rejects."""

    files: tuple[Path, ...]
    height: int
    rejects: SetAside


class Intake:
    """Rows and rejects of one delivery, in file order; full segments wait on disk, so that memory does not grow."""

    def __init__(
        self,
        types: Mapping[str, pl.DataType],
        key: tuple[str, ...],
        objects: Objects,
        *,
        of: tuple[str, str] = ("", ""),
        joins: bool = False,
        draft: str = "",
    ) -> None:
        """Take rows of these columns and types, each known by the raw columns of a key (none: by the whole row).

        `of` names the corpus and the source; rows that are only looked at, and not kept, are of none. `joins` tells
        whether the rows stand beside those of the newest delivery instead of replacing them. `draft` names its files
        on disk for whoever has to remove them after its process was killed.
        """
        self.types = types
        self.key = key
        self.of = of
        self.joins = joins
        self.height = 0
        """Rows taken so far."""
        self.repaired: dict[int, Arrival] = {}
        """The rows that the reader changed, by their number."""
        self._kinds: dict[str, Any] = {**types, **BROUGHT}
        self._named = record_ids(*of)
        self._waiting: list[tuple[Any, ...]] = []
        """Rows of all columns, in the order of `_kinds`."""
        self._gathered: list[pl.DataFrame] = []
        """The rows before those."""
        self._first: list[int] = []
        """What to add to the positions in each frame of the spool."""
        name = draft or uuid.uuid4().hex
        self._spool = Spool(objects.scratch, name)
        self.rejects = Rejects(objects.scratch, name)

    def __enter__(self) -> Intake:
        """Return the intake; its files go at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what waited on disk."""
        self._spool.close()
        self.rejects.close()

    def add(self, arrival: Arrival) -> None:
        """Take one row; TypeError for one without a stable form, which is then not taken."""
        own = digest(arrival.raw)
        name = digest([arrival.raw.get(column) for column in self.key]) if self.key else None
        # A row mapped anew is another stored row of the same record.
        stored = digest_bytes(b'["' + own.encode() + b'",' + canonical(arrival.fields) + b"]")
        fields = map(arrival.fields.__getitem__, self.types)
        extra = _json(arrival.extra) if arrival.extra else "{}"
        self._waiting.append((*fields, self._named(name or own), name, own, stored, extra, *arrival.origin))
        if arrival.repairs:
            self.repaired[self.height] = arrival
        self.height += 1
        if len(self._waiting) == min(_AT_HAND, SEGMENT_ROWS):
            self._gather()
            if sum(frame.height for frame in self._gathered) >= SEGMENT_ROWS:
                self._spool_all()

    def _gather(self) -> None:
        """Make a frame of the rows that wait: as long as they are few, the processor has them at hand."""
        if self._waiting:
            columns = zip(*self._waiting, strict=True)
            self._gathered.append(pl.DataFrame(dict(zip(self._kinds, columns, strict=True)), schema=self._kinds))
            self._waiting.clear()

    def _spool_all(self) -> None:
        self._gather()
        if self._gathered:
            self._spool.add(pl.concat(self._gathered, rechunk=True))
            self._first.append(0)
            self._gathered.clear()

    def handed_over(self) -> HandedOver:
        """Return what was taken for another intake of the same columns and key; this one is empty then."""
        self._spool_all()
        return HandedOver(self._spool.hand_over(), self.height, self.rejects.handed_over())

    def take_over(self, part: HandedOver) -> None:
        """Put what another intake took from the next part of the file behind the rest; positions go on from here."""
        self._spool_all()
        units = self.height + len(self.rejects)
        self._spool.take_over(part.files)
        self._first += [units] * len(part.files)
        self.height += part.height
        self.rejects.take_over(part.rejects, units)

    def frames(self, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """Yield the rows, SEGMENT_ROWS at a time and then the rest: some or all of the schema's columns and BROUGHT."""
        return evenly(self._taken(columns), SEGMENT_ROWS)

    def _taken(self, columns: list[str] | None) -> Iterator[pl.DataFrame]:
        for first, frame in zip(self._first, self._spool.frames(columns), strict=True):
            moved = "position" in frame.columns and first
            yield frame.with_columns(pl.col("position") + first) if moved else frame
        self._gather()
        if self._gathered:
            rest = pl.concat(self._gathered, rechunk=True)
            yield rest if columns is None else rest.select(columns)

    def files(self) -> tuple[Path, ...]:
        """Put all rows on disk and return their files (Arrow IPC), in order; each has its own count of positions."""
        self._spool_all()
        return self._spool.files

    def table(self, columns: list[str]) -> pl.DataFrame:
        """Return some columns of all rows."""
        empty = pl.DataFrame(schema={name: self._kinds[name] for name in columns})
        return pl.concat([empty, *self._taken(columns)])


def _json(extra: dict[str, Any]) -> str:
    try:
        return orjson.dumps(extra, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, a date
        return json.dumps(extra, ensure_ascii=False, default=str, sort_keys=True)
