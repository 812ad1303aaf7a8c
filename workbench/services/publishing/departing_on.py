"""The records of a version that leave, read and written by the workers of an engine: no text is held by who asks."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from workbench.curation.split import SPLITS
from workbench.curation.tally import TALLY, Tally, added, in_buckets, lengths, of_bucket
from workbench.errors import OutsideError
from workbench.publish.columns import plain_schema, plain_table, row_bytes
from workbench.publish.pieces import PIECE, Leaving, NewFile, Piece, Put, Work, pieces_of, together
from workbench.scale.engine import Engine
from workbench.scale.records import NUMBER, over, slices
from workbench.scale.surface import Kinds, collected
from workbench.scale.torn import AGAIN, readable
from workbench.schema import Schema
from workbench.services.checking.measured import BUCKETED
from workbench.services.publishing.departing import TextFacts, each, first_texts, text_facts, texts_of
from workbench.store.rows import Rows, listing_file, read, rows_of
from workbench.store.store import Store
from workbench.store.versions import Version, state_of
from workbench.workspace import out_of_space

_SIZES: Kinds = {"part": pl.Int64, "sizes": pl.List(pl.Int64)}
_PUT = {"part": pl.Int64, "path": pl.String, "rows": pl.Int64, "memory": pl.Int64, "size": pl.Int64}
_THERE = "texts in part"
"""What a tally calls the texts of a field that a part holds."""


@contextmanager
def departing_on(engine: Engine, store: Store, version: Version, schema: Schema) -> Iterator[There]:
    """Give the records of a version that leave, for an engine to read."""
    sides = store.objects.table(version.assignment, ["id", "split"]).filter(pl.col("split").is_in(SPLITS))
    state = state_of(store.catalogue, store.objects, schema, version)
    with engine.folder() as folder:
        yield There(engine, rows_of(state, folder).joined(sides), schema, folder)


@dataclass(frozen=True)
class There:
    """Records that leave: which file holds each, and an engine whose workers read them."""

    engine: Engine
    rows: Rows
    schema: Schema
    folder: Path
    """A folder that every worker sees."""

    def leaving(self, names: Sequence[str]) -> Leaving:
        """Return their rows with these columns."""
        return Spread(self.engine, self.rows, tuple(names), self.folder)

    def placed(self) -> pl.DataFrame:
        """Return `id`, `source` and `split` of each."""
        return self.rows.listing.select("id", "source", "split")

    def texts(self) -> TextFacts:
        """Return what a card says of their texts; the few whose language is looked at are read here."""
        listing, folder = self.rows.listing, _new(self.folder)
        counted = [pl.DataFrame(schema=TALLY)]
        if listing.height:
            work = partial(_tallied, schema=self.schema.bare(), buckets=-(-listing.height // 100_000))
            plan = over(self.rows, slices(listing), folder, work, BUCKETED).grouped("bucket", of_bucket, TALLY)
            counted = [collected(self.engine.ran("measuring texts", plan, folder), TALLY)]
        tally = added(counted)
        parts = (read(listing_file(folder, part), self.rows.types) for part in _with_first_texts(tally, self.schema))
        return text_facts(self.schema, Tally(tally), listing.height, first_texts(parts, self.schema))


def _tallied(rows: pl.DataFrame, schema: Schema, buckets: int) -> pl.DataFrame:
    """Return how long the texts of a part are, and how many of each field it holds."""
    texts, part = texts_of(rows, schema), rows[NUMBER][0]
    held = {"field": list(texts), "count": [len(text) - text.null_count() for text in texts.values()]}
    there = pl.DataFrame(held).with_columns(what=pl.lit(_THERE), number=pl.lit(part), value=None, split=None)
    shaped = there.select(pl.col(name).cast(kind) for name, kind in TALLY.items())
    return in_buckets(added([*lengths(texts), shaped]), buckets)


def _with_first_texts(tally: pl.DataFrame, schema: Schema) -> list[int]:
    """Return the parts that hold the first texts of each field, as many as are looked at."""
    there = tally.filter(pl.col("what") == _THERE, pl.col("count") > 0).sort("field", "number")
    before = (pl.col("count").cum_sum() - pl.col("count")).over("field")
    return there.filter(before < each(schema))["number"].unique().sort().to_list()


@dataclass(frozen=True)
class Spread:
    """The rows that leave, by split, each piece read and written by a worker."""

    engine: Engine
    rows: Rows
    names: tuple[str, ...]
    folder: Path

    @cached_property
    def schema(self) -> pa.Schema:
        """Return the columns that every split has."""
        empty = pl.DataFrame(schema={**self.rows.types, "record_id": pl.String}).select(self.names)
        return plain_schema([empty.to_arrow().schema])

    @cached_property
    def _listings(self) -> dict[str, pl.DataFrame]:
        parts = self.rows.listing.partition_by("split", as_dict=True)
        return {side: parts[side,] for side in SPLITS if (side,) in parts}

    @property
    def counts(self) -> Mapping[str, int]:
        """Return the rows of each split that holds any."""
        return {side: listing.height for side, listing in self._listings.items()}

    def sizes(self, split: str) -> NDArray[np.int64]:
        """Return the bytes of each row of a split."""
        folder, work = _new(self.folder), partial(_sizes, names=self.names, schema=self.schema)
        plan = over(self.rows, self._parts(pieces_of(split, self.counts[split])), folder, work, _SIZES)
        told = collected(self.engine.ran(f"measuring the records of {split}", plan, folder), _SIZES)
        return told.sort("part")["sizes"].explode().to_numpy()

    def write(self, files: Sequence[NewFile], work: Work, folder: Path) -> list[Put]:
        """Write files into a folder of this machine, from pieces that workers wrote."""
        own = _new(self.folder)
        pieces = [piece for file in files for piece in file.pieces]
        told = partial(_put, names=self.names, schema=self.schema, work=work, folder=own)
        plan = over(self.rows, self._parts(pieces), own, told, _PUT)
        made = collected(self.engine.ran("writing records", plan, own), _PUT).sort("part").rows()
        written = iter(made)
        return [_settled(file, [next(written) for _ in file.pieces], folder / file.path) for file in files]

    def _parts(self, pieces: Sequence[Piece]) -> Iterator[pl.DataFrame]:
        return (self._listings[split][first:stop] for split, first, stop in pieces)


def _new(folder: Path) -> Path:
    made = folder / uuid.uuid4().hex
    with out_of_space(made):
        made.mkdir()
    return made


def _table(rows: pl.DataFrame, names: tuple[str, ...], schema: pa.Schema) -> pa.Table:
    named = rows.rename({"id": "record_id"}).select(names)
    return plain_table((part.to_arrow() for part in named.iter_slices(PIECE)), schema)


def _sizes(rows: pl.DataFrame, names: tuple[str, ...], schema: pa.Schema) -> pl.DataFrame:
    sizes = row_bytes(_table(rows, names, schema)).tolist()
    return pl.DataFrame({"part": [rows[NUMBER][0]], "sizes": [sizes]}, schema=_SIZES)


def _put(rows: pl.DataFrame, names: tuple[str, ...], schema: pa.Schema, work: Work, folder: Path) -> pl.DataFrame:
    """Write a piece to a file of its own: another run of the same piece writes another one."""
    path = folder / f"{uuid.uuid4().hex}.piece"
    with out_of_space(path), path.open("wb") as handle:
        put = work(_table(rows, names, schema), rows["split"][0], handle)
    told = [rows[NUMBER][0], str(path), put.rows, put.memory, path.stat().st_size]
    return pl.DataFrame([told], schema=_PUT, orient="row")


def _settled(file: NewFile, pieces: Sequence[tuple[int, str, int, int | None, int]], path: Path) -> Put:
    """Join the pieces of a file in their order; each is gone from where it was written once it is here."""
    for _, written, _, _, size in pieces:
        with readable(Path(written)):
            there = Path(written).stat().st_size
        if there != size:
            raise OutsideError(f"shard {written} has {there:,} bytes here, and {size:,} where it was written", AGAIN)
    if len(pieces) == 1 and not file.head:
        shutil.move(pieces[0][1], path)
    else:
        _joined(file.head, [Path(written) for _, written, *_ in pieces], path)
    put = together([Put(rows, memory) for _, _, rows, memory, _ in pieces])
    if not put.rows:
        path.unlink()
    return put


def _joined(head: bytes, pieces: Sequence[Path], path: Path) -> None:
    with path.open("wb") as handle:
        handle.write(head)
        for written in pieces:
            with written.open("rb") as piece:
                shutil.copyfileobj(piece, handle, 1 << 20)
            written.unlink()
