"""The records of a version that leave: how long their texts are, their languages, and their rows by split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import polars as pl

from workbench.curation import describe as columns
from workbench.curation import measures
from workbench.curation.measures import Absent, Spread
from workbench.curation.split import SPLITS
from workbench.curation.tally import Tally, added, lengths
from workbench.publish.columns import plain_schema
from workbench.publish.facts import Length
from workbench.publish.pieces import Held, Leaving, Piece
from workbench.schema import Schema
from workbench.services.progress import Report, silent
from workbench.store.store import Store
from workbench.store.versions import Version, records_of

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.scale.engine import Engine

_READ = 1_000
"""Texts whose language is looked at: enough for a share in whole percents, and done in a second."""
_UNSURE = "not sure"
_PART = 20_000
"""Records whose texts this process measures together."""


@dataclass(frozen=True)
class TextFacts:
    """What a card says of the texts: how long they are, and in which language so many of them are."""

    lengths: tuple[Length, ...]
    spoken: dict[str, float]
    spoken_of: int


class Departing(Protocol):
    """The records that leave, in this process or where an engine's workers read them."""

    def leaving(self, names: Sequence[str]) -> Leaving:
        """Return their rows with these columns."""

    def texts(self) -> TextFacts:
        """Return what a card says of their texts."""

    def placed(self) -> pl.DataFrame:
        """Return `id`, `source` and `split` of each, in source and file order."""


@contextmanager
def departing(
    store: Store, version: Version, schema: Schema, engine: Engine | None = None, report: Report = silent
) -> Iterator[Departing]:
    """Give the records of a version that leave; an engine tells its progress by itself."""
    if engine is not None:
        from workbench.services.publishing.departing_on import departing_on

        with departing_on(engine, store, version, schema) as there:
            yield there
        return
    yield here(store, version, schema, report)


def here(store: Store, version: Version, schema: Schema, report: Report = silent) -> Here:
    """Return the records of a version that leave, held by this process."""
    report("reading records")
    records = records_of(store.catalogue, store.objects, schema, version)
    return Here(records.filter(pl.col("split").is_in(SPLITS)), schema, report)


@dataclass(frozen=True)
class Here:
    """Records that leave, held by this process."""

    records: pl.DataFrame
    schema: Schema
    report: Report = silent

    def leaving(self, names: Sequence[str]) -> Leaving:
        """Return their rows with these columns."""
        return of_frame(self.records.rename({"id": "record_id"}), names, self.report)

    def placed(self) -> pl.DataFrame:
        """Return `id`, `source` and `split` of each."""
        return self.records.select("id", "source", "split")

    def texts(self) -> TextFacts:
        """Return what a card says of their texts."""
        parts = [self.records.slice(first, _PART) for first in range(0, self.records.height or 1, _PART)]
        tally = Tally(added(counts for part in self._told(parts) for counts in lengths(texts_of(part, self.schema))))
        return text_facts(self.schema, tally, self.records.height, first_texts(parts, self.schema))

    def _told(self, parts: Sequence[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        for number, part in enumerate(parts):
            self.report("measuring texts", number * _PART, self.records.height)
            yield part


def of_frame(records: pl.DataFrame, names: Sequence[str], report: Report = silent) -> Held:
    """Return the rows of a frame by `split`, with these columns."""
    places = {side: np.flatnonzero((records["split"] == side).to_numpy()) for side in SPLITS}
    some = {side: found for side, found in places.items() if len(found)}

    def rows(piece: Piece) -> pa.Table:
        return records[some[piece.split][piece.first : piece.stop]].select(names).to_arrow()

    schema = plain_schema([records.clear().select(names).to_arrow().schema])
    return Held({side: len(found) for side, found in some.items()}, schema, rows, report)


def texts_of(records: pl.DataFrame, schema: Schema) -> dict[str, pl.Series]:
    """Return the texts of records by field."""
    return columns.text_fields(schema.derived(records), schema)


def each(schema: Schema) -> int:
    """Return of how many texts of a field the language is looked at."""
    return -(-_READ // len(texts_of(schema.table([]), schema)))


def first_texts(parts: Iterable[pl.DataFrame], schema: Schema) -> dict[str, pl.Series]:
    """Return the first texts of each field, as many as are looked at; no part is read once they are found."""
    found = {name: held.cast(pl.String) for name, held in texts_of(schema.table([]), schema).items()}
    for part in parts:
        texts = texts_of(part, schema)
        found = {
            name: pl.concat([held, texts[name].cast(pl.String).drop_nulls()]).head(each(schema))
            for name, held in found.items()
        }
        if all(len(held) == each(schema) for held in found.values()):
            break
    return found


def text_facts(schema: Schema, tally: Tally, count: int, firsts: Mapping[str, pl.Series]) -> TextFacts:
    """Return what a card says of the texts of so many records."""
    measured = [length for name in firsts for length in _lengths(tally, name)]
    spoken = _spoken(firsts)
    return TextFacts(tuple(measured), spoken, min(_READ, count * len(firsts)) if spoken else 0)


def _spoken(texts: Mapping[str, pl.Series]) -> dict[str, float]:
    """Return the share of each language in texts of all fields, the most frequent first."""
    held = pl.concat([text.rename("text") for text in texts.values()])
    read = columns.spoken(held)
    return {share.value: share.share for share in measures.shares(read.fill_null(_UNSURE)).shares}


def _lengths(tally: Tally, name: str) -> list[Length]:
    spreads = {unit: tally.spread(unit, name) for unit in ("characters", "words")}
    told = {unit: spread for unit, spread in spreads.items() if not isinstance(spread, Absent)}
    return [length_of(name.strip("()"), unit, spread) for unit, spread in told.items()]


def length_of(what: str, unit: str, spread: Spread) -> Length:
    """Return a spread as a card tells it."""
    return Length(what, unit, spread.n, spread.median, spread.p95, spread.max)
