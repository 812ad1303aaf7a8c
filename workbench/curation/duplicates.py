"""Pairs of units that may be duplicates: near by text, or asking or answering the same, with exact Jaccards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.bands import FLOOR
from workbench.curation.components import components
from workbench.curation.minhash import facts_of, jaccards_of
from workbench.curation.nearness import LEADERS, Near, near_pairs
from workbench.curation.units import Units

ANSWER_WORDS = 5
"""An answer this long that stands twice marks a paraphrase; shorter ones ("True", "Paris") are shared by chance."""
STOCK = 8
"""A question or answer shared by more units than this is a stock phrase, which says nothing about its records."""
PAIRS = {"a": pl.Int64, "b": pl.Int64, "jaccard": pl.Float64, "question_jaccard": pl.Float64}


@dataclass(frozen=True)
class Pairs:
    """Verified pairs of units by number (a < b), part by part, so that nobody has to hold all of them."""

    units: int
    """The number of units, with a pair or without."""
    parts: Iterable[pl.DataFrame]
    """Columns of PAIRS, each pair in one of the parts, which can be read again. `question_jaccard` is null where
    nothing depends on it: no two questions, or one answer."""
    left_out: int
    """How many pairs at most were not compared, in crowded buckets."""
    known: NDArray[np.int64] | None = None
    """The component of each unit, where it was found already."""

    @property
    def frame(self) -> pl.DataFrame:
        """Return all of them at once, in order."""
        return _in_order(pl.concat([pl.DataFrame(schema=PAIRS), *self.parts]))

    @property
    def near(self) -> pl.DataFrame:
        """Return the pairs from the floor on."""
        return self.frame.filter(pl.col("jaccard") >= FLOOR)

    @cached_property
    def component(self) -> NDArray[np.int64]:
        """Return by unit the smallest one that pairs lead to from it."""
        if self.known is not None:
            return self.known
        frame = self.frame
        return components(self.units, frame["a"].to_numpy(), frame["b"].to_numpy())


def verified_pairs(units: Units, ngram: int, near: Near | None = None) -> Pairs:
    """Return the pairs of units at or above the floor, and those that ask or answer the same, with exact Jaccards.

    `near` are the near pairs of the units' texts, where they are known.
    """
    parts, left_out = zip(*verified_parts(units, ngram, [near or near_pairs(units.texts, ngram)]), strict=True)
    return Pairs(len(units), (_in_order(pl.concat(parts)),), sum(left_out))


def _in_order(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return pairs sorted by a and b, as near pairs come: to see that costs a twentieth of sorting them again."""
    packed = pairs["a"].to_numpy() << 32 | pairs["b"].to_numpy()
    return pairs if (np.diff(packed) >= 0).all() else pairs[np.argsort(packed, kind="stable")]


def verified_parts(units: Units, ngram: int, near: Iterable[Near]) -> Iterator[tuple[pl.DataFrame, int]]:
    """Yield what `verified_pairs` returns in parts, each with the pairs that it leaves out."""
    alike = _alike(units)
    for found, left_out in unit_pairs(units, near):
        alike = alike.join(found, on=["a", "b"], how="anti") if alike.height else alike
        yield _with_questions(units, found, ngram), left_out
    text = units.frame["text"]
    one, other = (text.gather(alike[end]).to_numpy() for end in ("a", "b"))
    measured = alike.with_columns(jaccard=pl.Series(jaccards_of(units.texts, ngram, one, other), dtype=pl.Float64))
    yield _with_questions(units, measured, ngram), 0


def unit_pairs(units: Units, near: Iterable[Near]) -> Iterator[tuple[pl.DataFrame, int]]:
    """Yield pairs of texts as pairs of units (a, b, jaccard), part by part, each with how many pairs it leaves out.

    Those of units that share one text come first. Of a text that more than LEADERS units share, the first LEADERS
    stand for all of them.
    """
    if len(units) == len(units.texts):  # a text a unit, in the same order
        for part in near:
            yield pl.DataFrame({"a": part.one, "b": part.other, "jaccard": part.jaccard}), part.left_out
        return
    held = units.frame.select("text").with_row_index("unit").select("text", pl.col("unit").cast(pl.Int64))
    held = held.with_columns(nth=pl.int_range(pl.len()).over("text"), held=pl.len().over("text").cast(pl.Int64))
    first, sizes = held.filter(pl.col("nth") < LEADERS), held.filter(pl.col("nth") == 0)
    yield _of_one_text(units, held.filter(pl.col("held") > 1), first)
    for part in near:
        yield _of_two_texts(part, first, sizes)


def _of_one_text(units: Units, shared: pl.DataFrame, first: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    shared = shared.filter(pl.Series(facts_of(units.texts.gather(shared["text"]))[0] > 0, dtype=pl.Boolean))
    inside = first.join(shared, on="text").filter(pl.col("nth") < pl.col("nth_right"))
    same = inside.select(a="unit", b="unit_right", jaccard=pl.lit(1.0))
    own = shared.filter(pl.col("nth") == 0)["held"]
    return same, int((own * (own - 1) // 2).sum()) - same.height


def _of_two_texts(near: Near, first: pl.DataFrame, sizes: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    texts = pl.DataFrame({"one": near.one, "other": near.other, "jaccard": near.jaccard})
    across = texts.join(first, left_on="one", right_on="text").join(first, left_on="other", right_on="text")
    ends = pl.col("unit"), pl.col("unit_right")
    different = across.select(a=pl.min_horizontal(*ends), b=pl.max_horizontal(*ends), jaccard="jaccard")
    whole = texts.join(sizes, left_on="one", right_on="text").join(sizes, left_on="other", right_on="text")
    possible = whole.select((pl.col("held") * pl.col("held_right")).sum()).item() - different.height
    return different, near.left_out + possible


def _alike(units: Units) -> pl.DataFrame:
    """Return the pairs of units that ask the same, or answer the same at some length."""
    frame = units.frame.with_row_index("unit").with_columns(pl.col("unit").cast(pl.Int64))
    asked = _pairs_by(frame.select("unit", key="question_key"))
    shared = frame.select("unit", "answer", key="answer_key").filter(pl.col("key").is_not_null() & _few("key"))
    long = pl.Series(facts_of(shared["answer"])[0] >= ANSWER_WORDS, dtype=pl.Boolean)
    return pl.concat([asked, _pairs_by(shared.filter(long))]).unique()


def _few(key: str) -> pl.Expr:
    return pl.len().over(key).is_between(2, STOCK)


def _pairs_by(keyed: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs of units of equal keys, leaving out stock phrases."""
    held = keyed.drop_nulls("key").filter(_few("key")).select("unit", "key")
    both = held.join(held, on="key").filter(pl.col("unit") < pl.col("unit_right"))
    return both.select(a="unit", b="unit_right")


def _with_questions(units: Units, pairs: pl.DataFrame, ngram: int) -> pl.DataFrame:
    """Add the Jaccard of two different questions that are answered differently, null for all other pairs."""
    asked = units.frame.select("question_key", "answer_key")
    one, other = asked[pairs["a"]], asked[pairs["b"]]
    matters = (
        (one["question_key"] != other["question_key"]).fill_null(value=False)
        & one["answer_key"].ne_missing(other["answer_key"])
    ).arg_true()
    a, b = (pairs[end].gather(matters).to_numpy() for end in ("a", "b"))
    measured = jaccards_of(units.frame["question"], ngram, a, b)
    column = pl.repeat(None, pairs.height, dtype=pl.Float64, eager=True).scatter(matters, pl.Series(measured))
    return pairs.with_columns(question_jaccard=column).select(*PAIRS)
