"""The ledger of tests: a record that ever stood in test never trains, nor does its text, whatever is drawn anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from workbench.curation.minhash import digests_of
from workbench.curation.sides import Numbers, numbers_in, picked
from workbench.curation.slices import sliced
from workbench.curation.units import compared_text, key_of
from workbench.schema import Schema
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import Version, versions

_LEDGER = {"id": pl.String, "tested": pl.Int64, "texts": pl.String}
_KEYS = {"id": pl.String, "key": pl.String}


@dataclass(frozen=True, eq=False)
class Ledger:
    """What was ever tested, by record and by text."""

    frame: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_LEDGER))
    """Columns of _LEDGER, each record once, in the order of ids: the number of the first version it stood in test of,
    and the keys of the texts it was tested with, sorted and joined by blanks, null for none."""

    @classmethod
    def of(cls, numbers: Mapping[str, int], texts: Mapping[str, str] | None = None) -> Ledger:
        """Return the ledger of some records' numbers and texts."""
        held = {"id": list(numbers), "tested": list(numbers.values()), "texts": [(texts or {}).get(r) for r in numbers]}
        return cls(pl.DataFrame(held, schema=_LEDGER).sort("id"))

    @classmethod
    def first(cls, records: pl.Series, number: int) -> Ledger:
        """Return the ledger of records, in the order of ids, that one version tested."""
        return cls(_listed(records, tested=pl.lit(number, dtype=pl.Int64)))

    def __eq__(self, other: object) -> bool:
        """Return whether both ledgers say the same."""
        return isinstance(other, Ledger) and self.frame.equals(other.frame)

    __hash__ = None  # type: ignore[assignment]

    def at(self, records: pl.Series) -> Numbers:
        """Return the number of each of some records, 0 for those that were never tested."""
        return self.columns(records)["tested"].fill_null(0).to_numpy().copy()

    def columns(self, records: pl.Series) -> pl.DataFrame:
        """Return `tested` and `texts` of some records, null for those that were never tested."""
        place = numbers_in(self.frame["id"], records)
        return pl.DataFrame([picked(self.frame[name], place).alias(name) for name in ("tested", "texts")])

    def merged(self, other: Ledger) -> Ledger:
        """Return what either ledger holds, with the lowest number of each record."""
        if self.frame.is_empty() or other.frame.is_empty():
            return other if self.frame.is_empty() else self
        both = self.frame.join(other.frame, on="id", how="full", coalesce=True, suffix="_other")
        keys = pl.concat_str("texts", "texts_other", separator=" ", ignore_nulls=True)
        texts = keys.str.split(" ").list.unique().list.sort().list.join(" ")
        numbers = pl.min_horizontal("tested", "tested_other")
        return Ledger(both.select("id", tested=numbers, texts=pl.when(keys != "").then(texts)).sort("id"))

    def bound(self, keys: Iterable[pl.DataFrame]) -> Ledger:
        """Return the ledger with every record whose text, named by `text_keys`, was tested in another record."""
        told = self.frame.select("tested", key=pl.col("texts").str.split(" ")).explode("key").drop_nulls()
        if told.is_empty():
            return self
        first = told.group_by("key").agg(pl.col("tested").min())
        alike = pl.concat([pl.DataFrame(schema=_KEYS), *keys], how="vertical").join(first, on="key")
        return self.merged(Ledger(_listed(alike["id"], tested=alike["tested"]).sort("id")))

    def with_texts(self, keys: Iterable[pl.DataFrame]) -> Ledger:
        """Return the ledger with the texts that its records have now."""
        now = pl.concat([pl.DataFrame(schema=_KEYS), *keys])
        return self.merged(Ledger(_listed(now["id"], texts=now["key"]).sort("id")))


def _listed(records: pl.Series, **told: pl.Expr | pl.Series) -> pl.DataFrame:
    unknown = {name: pl.lit(None, dtype=kind) for name, kind in _LEDGER.items() if name not in {"id", *told}}
    return records.alias("id").to_frame().with_columns(**told, **unknown).select(*_LEDGER)


def text_keys(records: pl.DataFrame, schema: Schema, among: pl.Series | None = None) -> Iterator[pl.DataFrame]:
    """Yield `id` and `key` of records, or of those `among` sorted ids: the key of the whole compared text, in hex.

    An empty text has none: it says nothing.
    """
    empty = key_of("").hex()
    for part in sliced(records):
        some = part if among is None else part.filter(numbers_in(among, part["id"]) >= 0)
        written = digests_of(compared_text(schema.derived(some), schema)).astype("<u8").tobytes().hex()
        keys = [written[first : first + len(empty)] for first in range(0, len(written), len(empty))]
        yield some.select("id", key=pl.Series(keys, dtype=pl.String)).filter(pl.col("key") != empty)


def once_tested(store: Store, state: State, corpus: str) -> Ledger:
    """Return what the log knows to have stood in test, heirs and all they stand for.

    The newest version's assignment holds the whole ledger; of versions made before there was one, each is read.
    """
    known = versions(store.catalogue, corpus)
    if not known:
        return Ledger()
    last = store.objects.table(known[-1].assignment)
    if "tested" in last.columns:
        held = last if "texts" in last.columns else last.with_columns(texts=pl.lit(None, dtype=pl.String))
        return with_heirs(Ledger(held.select(*_LEDGER).drop_nulls("tested").sort("id")), state)
    told = pl.concat([_tested_by(store, version) for version in known])
    first = told.group_by("id").agg(pl.col("tested").min()).sort("id")
    return with_heirs(Ledger(_listed(first["id"], tested=first["tested"])), state)


def _tested_by(store: Store, version: Version) -> pl.DataFrame:
    assignment = store.objects.table(version.assignment, ["id", "split", "prior"])
    tested = assignment.filter((pl.col("split") == "test") | (pl.col("prior") == "test"))
    return tested.select("id", tested=pl.lit(version.number, dtype=pl.Int64))


def with_heirs(tested: Ledger, state: State) -> Ledger:
    """Return the ledger with the records that stand today for vanished ones; the vanished may come back and stay."""
    heirs: dict[str, int] = {}
    old = pl.Series(list(state.heirs), dtype=pl.String).sort()
    vanished = tested.frame.filter(numbers_in(old, tested.frame["id"]) >= 0)
    for record, number in vanished.select("id", "tested").iter_rows():
        heir = state.today(record)
        heirs[heir] = min(number, heirs.get(heir, number))
    return tested.merged(Ledger.of(heirs))
