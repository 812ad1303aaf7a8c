"""Prove a split: count the leaks between its sides, afresh, on the texts that were kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.bands import BANDS, FLOOR, ROWS, chance
from workbench.curation.duplicates import unit_pairs
from workbench.curation.nearness import Near, near_pairs
from workbench.curation.sides import Codes, codes_of, names_of, numbers_in
from workbench.curation.slices import Keep, held
from workbench.curation.split import SPLITS
from workbench.curation.templates import Template
from workbench.curation.units import Units, units
from workbench.curation.values import held_values
from workbench.schema import Schema
from workbench.text import counted

REPORTED_FROM = 0.5
"""Below this Jaccard the bands find too few of the pairs for their maximum to mean anything."""
LOOKED_AT_FROM = 0.3
"""Pairs between two sides are verified down to this Jaccard, for the list of the closest."""
LISTED = 20
_BIT = np.array([1 << side for side in range(len(SPLITS))], np.uint8)
_CLOSE = {"a": pl.String, "b": pl.String, "jaccard": pl.Float64, "side_a": pl.String, "side_b": pl.String}


class Look(Protocol):
    """Finds the near pairs that stand on two sides: what `near_pairs` finds, be it in several parts."""

    def __call__(self, texts: pl.Series, ngram: int, *, floor: float, sides: NDArray[np.uint8]) -> Iterable[Near]:
        """Return the pairs from a floor on."""


def _at_once(texts: pl.Series, ngram: int, *, floor: float, sides: NDArray[np.uint8]) -> Iterable[Near]:
    return [near_pairs(texts, ngram, floor=floor, sides=sides)]


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
    """Up to LISTED of the leaks: what, one record, the other."""
    closest: tuple[tuple[str, str, float, str, str], ...] = ()
    """Up to LISTED of the most alike pairs below the floor: one record, the other, Jaccard, their sides."""
    compared: str = ""
    """What was compared, how, and how surely a leak is found."""
    giant: dict[str, Any] | None = None
    """What made a group that holds more than a third of the records, if there is one."""

    @property
    def clean(self) -> bool:
        """Return whether no leak was found."""
        return not (self.exact or self.near or self.neighbour or self.group)

    def sheet(self) -> dict[str, Any]:
        """Return the proof as plain JSON values."""
        return asdict(self) | {
            "unchecked": list(self.unchecked),
            "leaks": [list(leak) for leak in self.leaks],
            "closest": [list(pair) for pair in self.closest],
        }


def prove(
    frame: pl.DataFrame,
    schema: Schema,
    links: pl.DataFrame | None = None,
    templates: tuple[Template, ...] | None = None,
    look: Look | None = None,
    keep: Keep = held,
) -> Proof:
    """Prove a derived frame of the split records (columns `id`, `source`, `position`, `split`, the schema's).

    `links` are pairs of these records (`one`, `other`) that were found to belong together, whatever their Jaccard.
    `templates` are those of the whole corpus: what was compared without them is proved without them. `look` finds
    the near pairs, where something else than `near_pairs` does; `keep` lays down what texts are turned into.
    """
    found = units(frame, schema, templates, keep)
    close, left_out = _close_pairs(
        found, frame.select("id", "split"), schema.declared.duplicates.ngram, look or _at_once
    )
    leaking = close.filter(pl.col("jaccard") >= FLOOR)
    torn = [("group", *pair) for column in _holding(schema) for pair in _torn(frame, column)]
    torn += _torn_links(links, frame, leaking) if links is not None else []
    neighbours = _neighbours(frame) if schema.declared.order else []
    exact = [("exact", a, b) for a, b in leaking.filter(pl.col("jaccard") == 1).select("a", "b").rows()]
    near = [("near", a, b) for a, b in leaking.filter(pl.col("jaccard") < 1).select("a", "b").rows()]
    largest = close["jaccard"].max() or 0.0
    return Proof(
        exact=len(exact),
        near=len(near),
        neighbour=len(neighbours),
        group=len(torn),
        max_jaccard=round(float(str(largest)), 4) if float(str(largest)) >= REPORTED_FROM else f"< {REPORTED_FROM}",
        unchecked=(*unchecked(frame, schema), *_uncompared(left_out)),
        leaks=tuple([*exact, *near, *neighbours, *torn][:LISTED]),
        closest=tuple(close.filter(pl.col("jaccard") < FLOOR).head(LISTED).rows()),
        compared=_compared(found, schema),
    )


def _compared(found: Units, schema: Schema) -> str:
    text = " + ".join(schema.declared.duplicates.text)
    # How many words, and not which: a proof is published, and the records that share them may have been excluded.
    less = "".join(
        f"; left out as a template of {t.records:,} records: {counted(len(t.words.split()), 'word')}"
        for t in found.templates
    )
    return (
        f"{text} in {schema.declared.duplicates.ngram}-word shingles, {BANDS} bands x {ROWS} rows: a pair at Jaccard "
        f"{FLOOR} is found with probability {chance(FLOOR, BANDS, ROWS):.3f}{less}"
    )


def _torn_links(links: pl.DataFrame, frame: pl.DataFrame, counted: pl.DataFrame) -> list[tuple[str, str, str]]:
    """Return the links between two sides, but for those that count as exact or near leaks already."""
    side = frame.select("id", "split")
    placed = links.join(side, left_on="one", right_on="id").join(side, left_on="other", right_on="id")
    across = placed.filter(pl.col("split") != pl.col("split_right")).select(
        a=pl.min_horizontal("one", "other"), b=pl.max_horizontal("one", "other")
    )
    left = across.join(counted, on=["a", "b"], how="anti").sort("a", "b")
    return [("group", a, b) for a, b in left.rows()]


def _holding(schema: Schema) -> list[str]:
    return [*schema.declared.group, *([schema.declared.concept] if schema.declared.concept else [])]


def _close_pairs(found: Units, side: pl.DataFrame, ngram: int, look: Look) -> tuple[pl.DataFrame, int]:
    """Return pairs of records on two sides whose units are alike, the closest first, and how many are left out.

    Of those below the floor the LISTED closest alone. Two units, or the records of one, are named by one pair.
    """
    ordered = side.sort("id")
    code = codes_of(ordered["split"])[numbers_in(ordered["id"], found.members["id"])]
    by_text = np.zeros(len(found.texts), np.uint8)
    np.bitwise_or.at(by_text, found.frame["text"].gather(found.members["unit"]).to_numpy(), _BIT[code])
    stands = _first_of_units(found.members, code)
    torn = stands["unit"].filter(stands["unit"].is_duplicated()).unique()
    itself = pl.DataFrame({"a": torn}, schema={"a": pl.Int64}).select("a", b="a", jaccard=1.0)
    close, left_out = _closest(_named_across(itself, stands)), 0
    for pairs, missed in unit_pairs(found, look(found.texts, ngram, floor=LOOKED_AT_FROM, sides=by_text)):
        close = _closest(pl.concat([close, _named_across(pairs, stands)]))
        left_out += missed
    return close, left_out


def _first_of_units(members: pl.DataFrame, code: Codes) -> pl.DataFrame:
    """Return `unit`, `split` and `id` of the first record that each unit has on each side."""
    unit, first = members["unit"].to_numpy(), []
    for side in range(len(SPLITS)):
        rows = np.flatnonzero(code == side)
        first.append(rows[np.diff(unit[rows], prepend=-1) > 0])  # members stand unit by unit, in the order of ids
    rows = np.concatenate(first)
    return members[rows].select("unit", "id", split=names_of(code[rows]))


def _named_across(pairs: pl.DataFrame, stands: pl.DataFrame) -> pl.DataFrame:
    """Return one pair of records on two sides for each pair of units that has such; `stands`: one a unit and side."""
    both = pairs.join(stands, left_on="a", right_on="unit").join(stands, left_on="b", right_on="unit", suffix="_b")
    across = both.filter(pl.col("split") != pl.col("split_b")).sort("id", "id_b").unique(["a", "b"], keep="first")
    turned = pl.col("id") > pl.col("id_b")
    named = across.select(
        a=pl.when(turned).then("id_b").otherwise("id"),
        b=pl.when(turned).then("id").otherwise("id_b"),
        jaccard="jaccard",
        side_a=pl.when(turned).then("split_b").otherwise("split"),
        side_b=pl.when(turned).then("split").otherwise("split_b"),
    )
    return named.cast(_CLOSE)  # type: ignore[arg-type]


def _closest(close: pl.DataFrame) -> pl.DataFrame:
    ordered = close.sort("jaccard", "a", "b", descending=[True, False, False])
    return ordered.head(ordered.filter(pl.col("jaccard") >= FLOOR).height + LISTED)


def _torn(frame: pl.DataFrame, column: str) -> list[tuple[str, str]]:
    """Return, for each value that is held on two sides, its first record and the first one on another side."""
    held = frame.select("id", "split", value=held_values(frame[column])).drop_nulls("value")
    several = held.group_by("value").agg(pl.col("split").n_unique() > 1).filter("split")
    torn = held.join(several.select("value"), on="value", how="semi", maintain_order="left")
    elsewhere = pl.col("id").filter(pl.col("split") != pl.col("split").first())
    pairs = torn.group_by("value", maintain_order=True).agg(one=pl.col("id").first(), other=elsewhere.first())
    return pairs.select("one", "other").rows()


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
    missing = held_values(frame[concept]).null_count() if concept else frame.height
    if missing == frame.height:
        name = concept or "concept"
        out.insert(0, f"cross-language pairs: no `{name}` is given to hold translations together")
    elif missing:
        out.insert(0, f"cross-language pairs of the {missing} records without `{concept}`")
    return tuple(out)


def _uncompared(left_out: int) -> tuple[str, ...]:
    if not left_out:
        return ()
    return (f"up to {left_out} pairs in crowded buckets were not compared (texts of one template)",)
