"""Prove a split: count the leaks between its sides, afresh, on the texts that were kept."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from workbench.curation.duplicates import FLOOR, Unit, candidates, jaccard, shingles, units
from workbench.curation.split import held_value
from workbench.schema import Schema

REPORTED_FROM = 0.5
"""Below this Jaccard the bands find too few of the pairs for their maximum to mean anything."""
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Thai and Lao, Burmese, Khmer, Japanese kana, Chinese characters."""


@dataclass(frozen=True)
class Proof:
    """Leaks found between splits: all zero, or the split fails."""

    exact: int
    """Pairs of equal text on two sides."""
    near: int
    """Pairs of different text with Jaccard >= 0.6 on two sides."""
    neighbour: int
    """Neighbouring passages of one source on two sides."""
    group: int
    """Group or concept values, and pairs that ask or answer the same, found on two sides."""
    max_jaccard: float | str
    """Largest Jaccard between two sides, `< 0.5` where it is below what 32 x 4 bands find reliably."""
    unchecked: tuple[str, ...]
    """What this proof says nothing about."""
    leaks: tuple[tuple[str, str, str], ...] = ()
    """Up to 20 of the leaks: what, one record, the other."""

    @property
    def clean(self) -> bool:
        """Return whether no leak was found."""
        return not (self.exact or self.near or self.neighbour or self.group)

    def sheet(self) -> dict[str, Any]:
        """Return the proof as plain JSON values."""
        return asdict(self) | {
            "unchecked": list(self.unchecked),
            "leaks": [list(leak) for leak in self.leaks],
        }


def prove(frame: pl.DataFrame, schema: Schema, links: Iterable[tuple[str, str]] = ()) -> Proof:
    """Prove a derived frame of the split records (columns `id`, `source`, `position`, `split`, the schema's).

    `links` are pairs of these records that were found to belong together, whatever their Jaccard.
    """
    side = dict(frame.select("id", "split").iter_rows())
    all_units = units(frame, schema)
    grams = [shingles(unit.text, schema.declared.duplicates.ngram) for unit in all_units]
    tried = candidates(grams)
    close = _close_pairs(all_units, grams, tried.pairs, side)
    torn = [("group", *pair) for column in _holding(schema) for pair in _torn(frame, column)]
    torn += _torn_links(links, side, {frozenset((a, b)) for a, b, similarity in close if similarity >= FLOOR})
    neighbours = _neighbours(frame) if schema.declared.order else []
    exact = [("exact", a, b) for a, b, similarity in close if similarity == 1.0]
    near = [("near", a, b) for a, b, similarity in close if FLOOR <= similarity < 1.0]
    largest = max((similarity for _, _, similarity in close), default=0.0)
    return Proof(
        exact=len(exact),
        near=len(near),
        neighbour=len(neighbours),
        group=len(torn),
        max_jaccard=round(largest, 4) if largest >= REPORTED_FROM else f"< {REPORTED_FROM}",
        unchecked=(*unchecked(frame, schema), *_uncompared(all_units, tried.left_out)),
        leaks=tuple([*exact, *near, *neighbours, *torn][:20]),
    )


def _torn_links(
    links: Iterable[tuple[str, str]], side: Mapping[str, str], counted: Set[frozenset[str]]
) -> list[tuple[str, str, str]]:
    return [("group", a, b) for a, b in links if side[a] != side[b] and frozenset((a, b)) not in counted]


def _holding(schema: Schema) -> list[str]:
    return [*schema.declared.group, *([schema.declared.concept] if schema.declared.concept else [])]


def _close_pairs(
    all_units: list[Unit], grams: Sequence[frozenset[int]], tried: Iterable[tuple[int, int]], side: Mapping[str, str]
) -> list[tuple[str, str, float]]:
    """Return the verified candidate pairs of records whose texts stand on two sides."""
    sides = [{side[record] for record in unit.records} for unit in all_units]
    pairs = [(i, j) for i, j in tried if len(sides[i] | sides[j]) > 1]
    found = [(all_units[i].name, all_units[j].name, jaccard(grams[i], grams[j])) for i, j in pairs]
    torn = [unit.records for unit, on in zip(all_units, sides, strict=True) if len(on) > 1]
    return sorted(found + [(*_across(records, side), 1.0) for records in torn], key=lambda pair: -pair[2])


def _across(records: Iterable[str], side: Mapping[str, str]) -> tuple[str, str]:
    first, *rest = records
    return first, next(record for record in rest if side[record] != side[first])


def _torn(frame: pl.DataFrame, column: str) -> list[tuple[str, str]]:
    held: dict[str, list[str]] = defaultdict(list)
    side = dict(frame.select("id", "split").iter_rows())
    for record, value in frame.select("id", column).iter_rows():
        if (compared := held_value(value)) is not None:
            held[compared].append(record)
    return [_across(records, side) for records in held.values() if len({side[r] for r in records}) > 1]


def _neighbours(frame: pl.DataFrame) -> list[tuple[str, str, str]]:
    ordered = frame.sort("source", "position")
    following = ordered.select(pl.all().shift(-1).name.suffix("_next"))
    beside = pl.concat([ordered, following], how="horizontal").filter(
        (pl.col("source") == pl.col("source_next"))
        & (pl.col("position_next") - pl.col("position") == 1)
        & (pl.col("split") != pl.col("split_next"))
    )
    return [("neighbour", a, b) for a, b in beside.select("id", "id_next").iter_rows()]


def unchecked(frame: pl.DataFrame, schema: Schema) -> tuple[str, ...]:
    """Return what no check of this proof covers, in one sentence each."""
    concept = schema.declared.concept
    out = ["paraphrases that share few words (nothing compares meanings)"]
    missing = sum(held_value(value) is None for value in frame[concept]) if concept else frame.height
    if missing == frame.height:
        name = concept or "concept"
        out.insert(0, f"cross-language pairs: no `{name}` is given to hold translations together")
    elif missing:
        out.insert(0, f"cross-language pairs of the {missing} records without `{concept}`")
    return tuple(out)


def _uncompared(all_units: Iterable[Unit], left_out: int) -> Iterator[str]:
    """Yield what the comparison of words does not reach in these texts."""
    spaceless = sum(len(unit.records) for unit in all_units if _without_spaces(unit.text))
    if spaceless:
        yield (
            f"near duplicates among {spaceless} records in scripts without spaces (Chinese, Japanese, Thai, ...): "
            "their phrases are compared as single words"
        )
    if left_out:
        yield f"up to {left_out} pairs in crowded buckets were not compared (texts of one template)"


def _without_spaces(text: str) -> bool:
    """Return whether a fourth or more of the letters belong to a script that puts no spaces between words."""
    return 4 * len(_SPACELESS.findall(text)) >= max(sum(map(str.isalpha, text)), 1)
