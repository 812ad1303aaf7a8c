"""The near pairs among texts, over shards: the stages of `curation.nearness`, with its own functions inside of each.

sign    shard -> the band keys of its texts
meet    key -> the texts that share it, where they are several
attach  shard -> signature bytes of those of its texts
pair    key -> candidate pairs, by signature bytes
bring   shard of the one text -> each different pair with this text
verify  shard of the other text -> the pairs at the floor, by exact Jaccard

No worker holds more than a shard of texts with the pairs that end there, or one bucket; nobody holds all candidates,
nor all pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.bands import FLOOR
from workbench.curation.minhash import signatures_of, signed
from workbench.curation.nearness import (
    CROWDED,
    Near,
    close_enough,
    enough,
    further_rows,
    measured,
    neighbours,
    uncompared,
)
from workbench.scale.engine import Engine
from workbench.scale.shards import SHARD, Parts, Shards, packed, part_written, unpacked, written
from workbench.scale.surface import Plan, collected

BLOCK = 32_768
"""Pairs that are verified at a time, so that the texts brought for them stay few."""
_HASH = np.uint64(32)
_ROW = 0xFFFFFFFF
_KEYS = {"part": pl.Int64, "key": pl.UInt64, "number": pl.Int64}
_MET = {"shard": pl.Int64, "key": pl.UInt64, "number": pl.Int64, "size": pl.Int64}
_MEMBERS = {"number": pl.Int64, "size": pl.Int64}
_ATTACHED = {
    **{"part": pl.Int64, "key": pl.UInt64, "number": pl.Int64, "side": pl.UInt8},
    **{"low": pl.Binary, "further": pl.Binary},
}
_CANDIDATES = {"shard": pl.Int64, "one": pl.Int64, "other": pl.Int64, "close": pl.Boolean, "crowded": pl.Boolean}
_BROUGHT = {"shard": pl.Int64, "one": pl.Int64, "others": pl.List(pl.Int64), "text": pl.String}
PAIRS = {"one": pl.Int64, "other": pl.Int64, "jaccard": pl.Float64}
_COMPARED = {"compared": pl.Int64}


@dataclass(frozen=True)
class NearParts:
    """Near pairs in Parquet files, part by part and in no order; they can be read again."""

    files: tuple[Path, ...]
    """Columns of PAIRS."""
    left_out: int

    def __iter__(self) -> Iterator[Near]:
        """Yield the pairs; how many were left out stands with the last, which holds none."""
        for part in Parts(self.files, tuple(PAIRS)):
            yield Near(part["one"].to_numpy(), part["other"].to_numpy(), part["jaccard"].to_numpy(), 0)
        none = np.empty(0, np.int64)
        yield Near(none, none, np.empty(0, np.float64), self.left_out)


def kept_by(engine: Engine, parts: Iterable[Near]) -> tuple[Path, ...]:
    """Write near pairs, one part at a time, as files for `NearParts`."""
    folder, files = engine.kept(), []
    for number, part in enumerate(parts):
        pairs = pl.DataFrame({"one": part.one, "other": part.other, "jaccard": part.jaccard})
        files.append(part_written(pairs, folder, number))
    return tuple(files)


def near_parts(
    engine: Engine,
    texts: pl.Series,
    ngram: int,
    *,
    floor: float = FLOOR,
    sides: NDArray[np.uint8] | None = None,
) -> NearParts:
    """Return just the pairs that `curation.nearness.near_pairs` returns, worked out by an engine."""
    standing = np.full(len(texts), 3, np.uint8) if sides is None else sides
    if not len(texts):
        return NearParts((), 0)
    with engine.folder() as folder:
        run = _Run(engine, written(texts, standing, folder), ngram, floor)
        met = run.met()
        candidates = run.candidates(met)
        return NearParts(run.verified(candidates), run.left_out(met, candidates))


@dataclass(frozen=True)
class _Run:
    """One look at some texts, stage by stage; every stage leaves Parquet files."""

    engine: Engine
    shards: Shards
    ngram: int
    floor: float

    def met(self) -> list[Path]:
        """Return the texts of each bucket of two or more, with its size."""
        shards = pl.DataFrame({"shard": range(self.shards.count)}, schema={"shard": pl.Int64})
        sign = partial(_sign, shards=self.shards, ngram=self.ngram)
        keys = Plan.of(shards, self.shards.count, self.engine.marks()).grouped("shard", sign, _KEYS)
        return self._ran("looking for texts that share a band", keys.grouped("part", _meet, _MET))

    def candidates(self, met: list[Path]) -> list[Path]:
        """Return the candidate pairs; one that shares several buckets stands there several times."""
        attach = partial(_attach, shards=self.shards, ngram=self.ngram)
        attached = Plan.read(met, self.shards.count, _MET, self.engine.marks()).grouped("shard", attach, _ATTACHED)
        return self._ran(
            "comparing signatures", attached.grouped("part", partial(_pair, floor=self.floor), _CANDIDATES)
        )

    def verified(self, candidates: list[Path]) -> tuple[Path, ...]:
        """Return the pairs at the floor or above, in files that last as long as the engine."""
        bring = partial(_bring, shards=self.shards)
        verify = partial(_verify, shards=self.shards, ngram=self.ngram, floor=self.floor)
        brought = Plan.read(candidates, self.shards.count, _CANDIDATES, self.engine.marks()).grouped(
            "shard", bring, _BROUGHT
        )
        plan = brought.grouped("shard", verify, PAIRS)
        return tuple(self.engine.ran("comparing texts", plan, self.engine.kept()))

    def left_out(self, met: list[Path], candidates: list[Path]) -> int:
        """Return how many pairs of crowded buckets were not compared, at most."""
        parts = (part.filter(pl.col("size") > CROWDED) for part in Parts(tuple(met), tuple(_MEMBERS)))
        crowded = pl.concat([pl.DataFrame(schema=_MEMBERS), *parts])
        of_buckets = (pl.col("size") - 1).sum()  # a bucket stands there once a member, so each pair counts twice
        twice, members = crowded.select(of_buckets, pl.col("number").n_unique()).row(0)
        if not members:
            return 0
        counted = Plan.read(candidates, self.shards.count, _CANDIDATES, self.engine.marks()).grouped(
            "shard", _compared, _COMPARED
        )
        counts = collected(self._ran("counting what is left out", counted), _COMPARED)
        return uncompared(twice // 2, members, int(counts["compared"].sum()))

    def _ran(self, line: str, plan: Plan) -> list[Path]:
        return self.engine.ran(line, plan, self.shards.folder)


def _sign(numbers: pl.DataFrame, shards: Shards, ngram: int) -> pl.DataFrame:
    """Return the band keys of a shard's texts: band, then 32 bits of hash."""
    shard = numbers["shard"][0]
    keys, _ = signed(shards.read(shard)["text"], ngram)
    bands = np.arange(len(keys), dtype=np.uint64)[:, None] << _HASH
    named = (bands | keys >> _HASH).reshape(-1)
    number = (keys & np.uint64(_ROW)).astype(np.int64).reshape(-1) + shard * SHARD
    return pl.DataFrame({"part": (named % np.uint64(shards.count)).astype(np.int64), "key": named, "number": number})


def _meet(keys: pl.DataFrame) -> pl.DataFrame:
    """Return the texts that do not stand alone under their key: most do, and go no further."""
    sized = keys.with_columns(size=pl.len().over("key").cast(pl.Int64)).filter(pl.col("size") > 1)
    return sized.with_columns(shard=pl.col("number") // SHARD)


def _attach(met: pl.DataFrame, shards: Shards, ngram: int) -> pl.DataFrame:
    """Return the members of buckets with what they are compared by first."""
    shard = met["shard"][0]
    texts = shards.read(shard)
    rows = met["number"].unique().sort() - shard * SHARD
    signatures = signatures_of(texts["text"].gather(rows), ngram)
    place = rows.search_sorted(met["number"] - shard * SHARD).to_numpy()
    bands = (met["key"].to_numpy() >> _HASH).astype(np.int64)
    further = np.zeros((len(place), len(further_rows(0))), np.uint32)
    for band in np.unique(bands):
        further[bands == band] = signatures[place[bands == band]][:, further_rows(band)]
    return met.select(
        "key",
        "number",
        part=(pl.col("key") % shards.count).cast(pl.Int64),
        side=texts["side"].gather(met["number"] - shard * SHARD),
        low=packed((signatures & np.uint32(255)).astype(np.uint8)[place]),
        further=packed(further),
    )


def _pair(attached: pl.DataFrame, floor: float) -> pl.DataFrame:
    """Return the candidates of some buckets."""
    banded = attached.with_columns(band=(pl.col("key") // 2**32)).sort("band", "number")
    made = [_paired(members, floor) for _, members in banded.group_by("band", maintain_order=True)]
    return pl.concat(made)


def _paired(members: pl.DataFrame, floor: float) -> pl.DataFrame:
    """Return the candidates of one band's buckets; its texts are numbered by their place meanwhile."""
    from workbench.curation.comparing import alike_pairs, buckets

    low, sides = unpacked(members["low"], np.uint8), members["side"].to_numpy()
    keys = (members["key"].to_numpy() << _HASH | np.arange(len(low), dtype=np.uint64))[None, :]
    keys.sort(axis=1)
    found = buckets(keys, CROWDED)
    pairs = alike_pairs(keys, found, low, sides, enough(floor)).astype(np.int64)
    out = [_named(members, pairs, np.ones(len(pairs), np.bool_), crowded=False)]
    for _, first, last in found.crowds:
        rows = (keys[0, first:last] & np.uint64(_ROW)).astype(np.int64)
        listed = neighbours(rows, unpacked(members["further"].gather(rows), np.uint32))
        out.append(_named(members, listed, close_enough(low, sides, listed, floor), crowded=True))
    return pl.concat(out)


def _named(members: pl.DataFrame, pairs: NDArray[Any], close: NDArray[np.bool_], *, crowded: bool) -> pl.DataFrame:
    one, other = (members["number"].gather(end) for end in (pairs >> 32, pairs & _ROW))
    made = pl.DataFrame({"one": one, "other": other, "close": close})
    return made.select(pl.col("one").floordiv(SHARD).alias("shard"), "one", "other", "close", crowded=pl.lit(crowded))


def _bring(candidates: pl.DataFrame, shards: Shards) -> pl.DataFrame:
    """Return the text of the one end of each different pair, once for each shard that holds other ends of it."""
    pairs = candidates.filter("close").select("one", "other").unique()
    ends = pairs.group_by("one", shard=pl.col("other") // SHARD).agg(others="other")
    shard = candidates["shard"][0]
    texts = shards.read(shard)["text"]
    return ends.with_columns(text=texts.gather(ends["one"] - shard * SHARD))


def _verify(brought: pl.DataFrame, shards: Shards, ngram: int, floor: float) -> pl.DataFrame:
    """Return the pairs at the floor or above; both ends of each are here now."""
    shard = brought["shard"][0]
    here = shards.read(shard)["text"]
    firsts = brought.select("one", "text").sort("one")
    pairs = brought.select("one", other="others").explode("other").sort("one", "other")
    made = [pl.DataFrame(schema=PAIRS)]
    for first in range(0, pairs.height, BLOCK):
        block = pairs[first : first + BLOCK]
        ends = block.select("one").unique(maintain_order=True).join(firsts, on="one", maintain_order="left")
        made.append(_verified(block, ends, (here, shard * SHARD), ngram, floor))
    return pl.concat(made)


def _verified(
    block: pl.DataFrame, firsts: pl.DataFrame, here: tuple[pl.Series, int], ngram: int, floor: float
) -> pl.DataFrame:
    """Return those of some pairs that are at the floor; `here` holds the other ends, from a number on."""
    texts, begin = here
    seconds = block["other"].unique().sort()
    both = pl.concat([firsts["text"], texts.gather(seconds - begin)])
    one = firsts["one"].search_sorted(block["one"]).cast(pl.Int64).to_numpy()
    other = seconds.search_sorted(block["other"]).cast(pl.Int64).to_numpy() + firsts.height
    near = measured(both, ngram, one << 32 | other, floor, 0)
    numbers = pl.concat([firsts["one"], seconds])
    return pl.DataFrame({"one": numbers.gather(near.one), "other": numbers.gather(near.other), "jaccard": near.jaccard})


def _compared(candidates: pl.DataFrame) -> pl.DataFrame:
    pairs = candidates.filter("crowded").select("one", "other").unique()
    return pl.DataFrame({"compared": [pairs.height]})
