"""Judge verified pairs: what kind of duplicate each is, which record stays, which goes in its favour."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.components import components
from workbench.curation.duplicates import Pairs
from workbench.curation.minhash import facts_of, jaccards_of, named, numbers_of
from workbench.curation.units import Units, key_of

THRESHOLD = 0.8
AGREEING_WORDS = 0.8
"""Long answers that share this part of their words say the same."""
LONG_ANSWER = 8
"""Words from which an answer is compared by words; shorter ones must be equal."""

JUDGED = {"a": pl.String, "b": pl.String, "jaccard": pl.Float64, "kind": pl.String}
PAIRED = {**JUDGED, "a": pl.Int64, "b": pl.Int64}
"""Judged pairs of units."""
_NONE = pl.DataFrame(schema=PAIRED)
_STAND_IN = {"id": pl.String, "stand_in": pl.String}
REMOVED = {"id": pl.String, "kept": pl.String, "jaccard": pl.Float64}


@dataclass(frozen=True)
class Judgement:
    """What dedup found: judged record pairs, and the records that go, each with the kept one and the Jaccard."""

    parts: Iterable[pl.DataFrame]
    """Columns of JUDGED, which can be read again."""
    removed: pl.DataFrame
    clusters: int

    @property
    def pairs(self) -> pl.DataFrame:
        """Return all judged pairs at once."""
        return pl.concat([pl.DataFrame(schema=JUDGED), *self.parts])

    @property
    def count(self) -> int:
        """Return the number of judged pairs."""
        return sum(part.height for part in self.parts)

    def first(self, count: int) -> pl.DataFrame:
        """Return the first pairs kind by kind, the most alike first; no more are held than a part besides."""
        out = pl.DataFrame(schema=JUDGED)
        for part in self.parts:
            out = in_order(pl.concat([out, part])).head(count)
        return out

    def counts(self) -> dict[str, int]:
        """Return the number of clusters, of removed records and of pairs of each kind."""
        kinds: Counter[str] = Counter()
        for part in self.parts:
            kinds.update(dict(part.group_by("kind").len().iter_rows()))
        named = ("redundant", "paraphrase", "conflict", "translation")
        return {"clusters": self.clusters, "removed": self.removed.height} | {k: kinds[k] for k in named}


def in_order(judged: pl.DataFrame) -> pl.DataFrame:
    """Return judged pairs kind by kind, the most alike first."""
    return judged.sort("kind", "jaccard", "a", "b", descending=[False, True, False, False])


@dataclass(frozen=True)
class Led:
    """What judged pairs make of units."""

    winner: NDArray[np.int64]
    """By unit the one that stays for it, itself where it is kept."""
    jaccard: NDArray[np.float64]
    """By unit its Jaccard with that one."""
    cluster: NDArray[np.int64]
    """By unit the smallest one of its cluster, -1 where it has no pair that is more than similar."""


def judge(
    units: Units,
    pairs: Pairs,
    order: pl.Series,
    *,
    threshold: float = THRESHOLD,
    apart: Set[frozenset[str]] = frozenset(),
    agreed: Set[tuple[str, str]] = frozenset(),
) -> Judgement:
    """Class every verified pair and choose leaders; `order` holds all record ids, the best first.

    A record goes only in favour of a kept one of the same answer at or above the threshold: chains remove
    nobody, and a conflict is never removed. `apart` holds pairs of records that a person judged to be no
    duplicates: their units do not go for each other, and within one unit no kept record stands for both. `agreed`
    holds those that a person judged to be duplicates: of equal or agreeing answers they are, whatever the threshold.
    """
    parted, ranked = parted_units(units, apart), ranking(units, order)
    judged = pl.concat([_NONE, *judged_parts(units, pairs, threshold, parted, agreed)])
    return concluded(units, (judged,), led(best_first(ranked), judged), ranked, parted)


def judged_parts(
    units: Units, pairs: Pairs, threshold: float, parted: pl.DataFrame, agreed: Set[tuple[str, str]]
) -> Iterator[pl.DataFrame]:
    """Yield the pairs of units that nobody judged apart with their kinds, see PAIRED; `parted` as `parted_units`."""
    for part in pairs.parts:
        facts = with_verdicts(units, evidence(units, undivided(part, parted), threshold), agreed)
        yield facts.with_columns(kind=kinds(facts, threshold)).select(*PAIRED)


def led(order: NDArray[np.int64], judged: pl.DataFrame) -> Led:
    """Return what judged pairs make of units, which `order` names with the best first."""
    winner, similarity = unit_leaders(order, judged.filter(pl.col("kind") == "redundant"))
    one, other = judged.filter(pl.col("kind") != "similar").select("a", "b").to_numpy().T
    cluster = components(len(order), one, other)
    lonely = np.ones(len(order), np.bool_)
    lonely[one] = lonely[other] = False
    cluster[lonely] = -1
    return Led(winner, similarity, cluster)


def concluded(
    units: Units, judged: Iterable[pl.DataFrame], found: Led, ranked: pl.DataFrame, parted: pl.DataFrame
) -> Judgement:
    """Return the judgement on records that pairs of units amount to; `ranked` is `ranking`, `parted` `parted_units`."""
    within = parted.filter(pl.col("unit_a") == pl.col("unit_b"))
    exact = _exact(units, within)
    alone = exact["unit"].unique().to_numpy()
    clusters = len(np.unique(found.cluster[found.cluster >= 0])) + int((found.cluster[alone] < 0).sum())
    removed = _removed(units, found, ranked, within)
    return Judgement(_Named(units.frame["name"], judged, exact.select(*JUDGED)), removed, clusters)


@dataclass(frozen=True)
class _Named:
    """Judged pairs of units as pairs of records, named as they are read, and the pairs of equal records."""

    name: pl.Series
    judged: Iterable[pl.DataFrame]
    exact: pl.DataFrame

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for part in self.judged:
            yield part.with_columns(self.name.gather(part[end]).alias(end) for end in ("a", "b"))
        yield self.exact


def parted_units(units: Units, apart: Set[frozenset[str]]) -> pl.DataFrame:
    """Return the pairs judged apart whose records are both here: a, b, and their units."""
    pairs = [sorted(pair) for pair in apart if len(pair) == 2]
    listed = pl.DataFrame(pairs, schema={"a": pl.String, "b": pl.String}, orient="row")
    for end in ("a", "b"):
        listed = listed.join(units.members.rename({"id": end, "unit": f"unit_{end}"}), on=end)
    return listed


def undivided(pairs: pl.DataFrame, parted: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs of units that nobody judged apart."""
    divided = parted.filter(pl.col("unit_a") != pl.col("unit_b"))
    ends = divided.select(a=pl.min_horizontal("unit_a", "unit_b"), b=pl.max_horizontal("unit_a", "unit_b"))
    return pairs.join(ends, on=["a", "b"], how="anti", maintain_order="left") if ends.height else pairs


def _exact(units: Units, within: pl.DataFrame) -> pl.DataFrame:
    """Return each unit's first record with every other one, but for those judged apart, as JUDGED with `unit`."""
    named = units.members.with_columns(units.frame["name"].gather(units.members["unit"]))
    others = named.filter(pl.col("id") != pl.col("name")).select("unit", a="name", b="id")
    kept = others.join(within, on=["a", "b"], how="anti").sort("a", "b")
    return kept.select("unit", "a", "b", jaccard=pl.lit(1.0), kind=pl.lit("redundant"))


def evidence(units: Units, pairs: pl.DataFrame, floor: float) -> pl.DataFrame:
    """Return pairs of units with what their texts say of their kinds at any threshold from the floor on, as booleans.

    Where this is known, neither another threshold nor a verdict costs a look at any text.
    """
    facts = units.frame.select("question_key", "answer_key", "language", "text")
    one, other = facts[pairs["a"]], facts[pairs["b"]]
    spoken = (one["language"] != "") & (other["language"] != "") & (one["language"] != other["language"])
    same = one["answer_key"].eq_missing(other["answer_key"])
    close = same & (pairs["jaccard"] >= floor)
    return pairs.with_columns(
        foreign=spoken.fill_null(value=False),
        same_question=(one["question_key"] == other["question_key"]).fill_null(value=False),
        same_answer=same,
        agreeing=same | _agreeing(units, pairs, ~same),
        same_numbers=_same_numbers(units.texts, one["text"], other["text"], close),
        answered=one["answer_key"].is_not_null() & (one["answer_key"] != pl.Series([key_of("")])),
    )


def with_verdicts(units: Units, facts: pl.DataFrame, agreed: Set[tuple[str, str]]) -> pl.DataFrame:
    """Return the evidence with `accepted`: which pairs hold two records that a person judged to be duplicates."""
    if not agreed:
        return facts.with_columns(accepted=pl.lit(value=False))
    listed = parted_units(units, {frozenset(pair) for pair in agreed})
    ends = listed.select(a=pl.min_horizontal("unit_a", "unit_b"), b=pl.max_horizontal("unit_a", "unit_b"))
    known = ends.unique().with_columns(accepted=pl.lit(value=True))
    joined = facts.join(known, on=["a", "b"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("accepted").fill_null(value=False))


def kinds(facts: pl.DataFrame, threshold: float) -> pl.Series:
    """Return the kind of each pair of units at a threshold, from its evidence and the verdicts on it."""
    asked = pl.col("same_question") | (pl.col("question_jaccard") >= threshold).fill_null(value=False)
    close = pl.col("same_answer") & (pl.col("jaccard") >= threshold) & pl.col("same_numbers")
    # Long answers that agree may still say the opposite in one word, so by themselves only equal ones are redundant.
    redundant = close | pl.col("accepted")
    return facts.select(
        pl.when("foreign").then(pl.lit("translation"))
        .when(~pl.col("agreeing") & asked).then(pl.lit("conflict"))
        .when(~pl.col("agreeing")).then(pl.lit("similar"))
        .when(redundant).then(pl.lit("redundant"))
        .when("answered").then(pl.lit("paraphrase"))
        .otherwise(pl.lit("similar"))
    ).to_series()  # fmt: skip


def _agreeing(units: Units, pairs: pl.DataFrame, where: pl.Series) -> pl.Series:
    """Return which pairs of different answers say the same: long, with equal numbers and most words in common."""
    said = units.frame["answer"]
    both = pairs.with_row_index("pair").filter(where & said.gather(pairs["a"]).is_not_null())
    both = both.filter(said.gather(both["b"]).is_not_null())
    out = np.zeros(pairs.height, np.bool_)
    ends = both["a"].to_numpy(), both["b"].to_numpy()
    rows, place = named(len(units), *ends)
    answers, one, other = said.gather(rows), place[ends[0]], place[ends[1]]
    count, numbers = facts_of(answers)
    long = np.flatnonzero((np.minimum(count[one], count[other]) >= LONG_ANSWER) & (numbers[one] == numbers[other]))
    shared = jaccards_of(answers, 1, one[long], other[long])
    out[both["pair"].to_numpy()[long[shared >= AGREEING_WORDS]]] = True
    return pl.Series(out)


def _same_numbers(texts: pl.Series, one: pl.Series, other: pl.Series, where: pl.Series) -> pl.Series:
    """Return which of some pairs of texts hold the same words with a digit, counted."""
    wanted = where.arg_true().to_numpy()
    ends = one.to_numpy()[wanted], other.to_numpy()[wanted]
    rows, place = named(len(texts), *ends)
    numbers = numbers_of(texts.gather(rows))
    out = np.zeros(len(where), np.bool_)
    out[wanted] = numbers[place[ends[0]]] == numbers[place[ends[1]]]
    return pl.Series(out)


def _removed(units: Units, found: Led, ranked: pl.DataFrame, within: pl.DataFrame) -> pl.DataFrame:
    """Return the records that go; `within` holds the pairs of equal records judged apart, see `stand_ins`."""
    first = np.full(len(units), ranked.height)
    np.minimum.at(first, ranked["unit"].to_numpy(), np.arange(ranked.height))
    best, unit = ranked["id"].gather(first), units.members["unit"].to_numpy()
    rows = units.members.with_columns(
        kept=best.gather(found.winner[unit]),
        jaccard=pl.Series(found.jaccard[unit], dtype=pl.Float64),
        own=pl.Series(found.winner[unit] == unit, dtype=pl.Boolean),
    )
    if within.height:
        rows = rows.join(stand_ins(ranked, within), on="id", how="left")
        rows = rows.with_columns(kept=pl.when("own").then(pl.coalesce("stand_in", "kept")).otherwise("kept"))
    return rows.filter(pl.col("id") != pl.col("kept")).select(*REMOVED).sort("id")


def best_first(ranked: pl.DataFrame) -> NDArray[np.int64]:
    """Return the units in the order of their best records, see `ranking`."""
    order: NDArray[np.int64] = ranked["unit"].unique(maintain_order=True).to_numpy()
    return order


def ranking(units: Units, order: pl.Series) -> pl.DataFrame:
    """Return `rank`, `id` and `unit` of all records, the best first."""
    return pl.DataFrame({"id": order}).with_row_index("rank").join(units.members, on="id").sort("rank")


def stand_ins(ranked: pl.DataFrame, within: pl.DataFrame) -> pl.DataFrame:
    """Return `id` and `stand_in` of the records of units with a pair judged apart: who is kept for each.

    In the order, each goes for the first kept one that stands for nobody it was judged apart from, or is kept.
    """
    apart: dict[str, set[str]] = defaultdict(set)
    for a, b in within.select("a", "b").iter_rows():
        apart[a].add(b)
        apart[b].add(a)
    concerned = ranked.join(within.select(unit="unit_a").unique(), on="unit", how="semi", maintain_order="left")
    out: dict[str, str] = {}
    for (_,), unit in concerned.group_by("unit", maintain_order=True):
        stood_for: dict[str, set[str]] = {}
        for record in unit["id"]:
            free = (kept for kept, others in stood_for.items() if apart[record].isdisjoint(others))
            out[record] = kept = next(free, record)
            stood_for.setdefault(kept, set()).add(record)
    return pl.DataFrame(list(out.items()), schema=_STAND_IN, orient="row")


def unit_leaders(order: NDArray[np.int64], twins: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return by unit which one stays for it, itself where it is kept, and their Jaccard; `order`: the best first.

    Leaders are chosen greedily in the order: whoever meets a kept, redundant twin goes.
    """
    from workbench.curation.comparing import leaders

    ends = twins["a"].to_numpy(), twins["b"].to_numpy()
    one, other = np.concatenate(ends), np.concatenate(ends[::-1])
    sort = np.sort(one << 32 | np.arange(len(one))) & 0xFFFFFFFF  # a stable argsort takes four times as long
    start = np.concatenate([[0], np.cumsum(np.bincount(one, minlength=len(order)))])
    jaccard = np.tile(twins["jaccard"].to_numpy(), 2)[sort]
    winner, similarity = leaders(order, start, other[sort], jaccard)
    return winner, similarity
