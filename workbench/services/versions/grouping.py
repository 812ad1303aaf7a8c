"""Which records belong together: nothing that a group holds is ever put on two sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from workbench.curation.bands import FLOOR
from workbench.curation.components import components
from workbench.curation.sides import NONE, Numbers, numbers_in, picked
from workbench.curation.values import held_values
from workbench.services.checking.curate import Curated

GIANT = 20
"""A group of no more records is never called a giant."""
_NO_VALUE = pl.lit(None, dtype=pl.String)
_HUBS = {"one": pl.String, "links": pl.Int64, "other": pl.String}
_VALUES = {"value": pl.String, "links": pl.Int64}


@dataclass(frozen=True)
class Links:
    """Records that one reason holds together, as pairs, part by part."""

    what: str
    """The reason in words, with the name of the field where it is one."""
    parts: Iterable[pl.DataFrame]
    """Columns `one`, `other` (record ids) and `value`: what both hold, null for texts. They can be read again."""

    @property
    def count(self) -> int:
        """Return the number of pairs."""
        return sum(part.height for part in self.parts)


@dataclass(frozen=True)
class Groups:
    """Which group each current record belongs to."""

    ids: pl.Series
    """All current records, in order; a record's number is its place."""
    group: Numbers
    """Number of the first record of each record's group, which names the group."""

    def names(self, records: pl.Series) -> pl.Series:
        """Return the name of the group of each of some records, null for those that are not here."""
        number = numbers_in(self.ids, records)
        here = number != NONE
        number[here] = self.group[number[here]]
        return picked(self.ids, number)


def groups_of(curated: Curated) -> Groups:
    """Return each current record's group: linked by duplicates, group and concept values, or a whole source.

    Removed and faulty records link as well: what shares a concept with a removed one is a translation of the one
    that was kept. So do pairs judged to be no duplicates: the verdict keeps both, it makes them no less alike.
    """
    records = curated.records["id"].sort()
    ties = [_equal_texts(curated), _alike(curated), *(part for links in _by_values(curated) for part in links.parts)]
    edges = pl.concat([tie.select("one", "other") for tie in ties])
    one, other = (numbers_in(records, edges[end]) for end in ("one", "other"))
    return Groups(records, components(len(records), one, other))


def _alike(curated: Curated) -> pl.DataFrame:
    """Return each unit with the first one of its component: it holds together what all pairs hold together."""
    name, component = curated.units.frame["name"], curated.pairs.component
    return pl.DataFrame({"one": name, "other": name.gather(component)}).filter(pl.col("one") != pl.col("other"))


def giant(curated: Curated) -> dict[str, Any] | None:
    """Return what made a group of more than GIANT records that holds more than a third of all, None without one.

    `links` counts the links of each reason inside of it; `most` names, for the reason with most links, the value
    that most of its records hold, or the two records through which most texts are linked.
    """
    grouped = groups_of(curated)
    sizes = np.bincount(grouped.group, minlength=1)
    largest, total = int(sizes.argmax()), len(grouped.ids)
    records = int(sizes[largest])
    if records <= max(GIANT, total / 3):
        return None
    inside = pl.DataFrame({"one": grouped.ids}).filter(grouped.group == largest)
    held = [Links(links.what, _Inside(links.parts, inside)) for links in linked(curated)]
    counts = {links.what: links.count for links in held}
    most = max(held, key=lambda links: counts[links.what])
    return {
        "records": records,
        "share": round(records / total, 3),
        "links": {reason: count for reason, count in counts.items() if count},
        "most": {"reason": most.what, **_most(most.parts)},
    }


@dataclass(frozen=True)
class _Inside:
    """Links between some records (`one`)."""

    parts: Iterable[pl.DataFrame]
    records: pl.DataFrame

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for part in self.parts:
            yield part.join(self.records, on="one", how="semi")


def _most(parts: Iterable[pl.DataFrame]) -> dict[str, Any]:
    hubs, values = pl.DataFrame(schema=_HUBS), pl.DataFrame(schema=_VALUES)
    for part in parts:
        counted = part["value"].drop_nulls().value_counts(name="links").cast({"links": pl.Int64})
        values = pl.concat([values, counted]).group_by("value").agg(pl.col("links").sum())
        ends = pl.concat([part.select("one", "other"), part.select(one="other", other="one")])
        ends = ends.with_columns(links=pl.lit(1, dtype=pl.Int64)).select(*_HUBS)
        hubs = pl.concat([hubs, ends]).group_by("one").agg(pl.col("links").sum(), pl.col("other").min())
    if values.height:
        value, count = values.sort("links", "value", descending=[True, False]).row(0)
        return {"value": value, "links": count}
    record, count, other = hubs.sort("links", "one", descending=[True, False]).row(0)
    return {"pair": [record, other], "links": count}


def linked(curated: Curated) -> Iterator[Links]:
    """Yield what holds records together, reason by reason."""
    yield Links("equal text", [_equal_texts(curated)])
    yield Links("near text", _Texts(curated, pl.col("jaccard") >= FLOOR))
    yield Links("the same question or answer", _Texts(curated, pl.col("jaccard") < FLOOR))
    yield from _by_values(curated)


def _equal_texts(curated: Curated) -> pl.DataFrame:
    units, name = curated.units, curated.units.frame["name"]
    named = units.members.select("id", name=name.gather(units.members["unit"]))
    return named.filter(pl.col("id") != pl.col("name")).select(one="name", other="id", value=_NO_VALUE)


@dataclass(frozen=True)
class _Texts:
    """The links between units whose pair meets a condition."""

    curated: Curated
    which: pl.Expr

    def __iter__(self) -> Iterator[pl.DataFrame]:
        name = self.curated.units.frame["name"]
        for part in self.curated.pairs.parts:
            pairs = part.filter(self.which)
            yield pairs.select(one=name.gather(pairs["a"]), other=name.gather(pairs["b"]), value=_NO_VALUE)


def _by_values(curated: Curated) -> Iterator[Links]:
    """Yield what holds records together beside their texts."""
    declared = curated.schema.declared
    held = curated.records if {*declared.group} <= {*curated.schema.columns} else _derived(curated)
    for column in declared.group:
        links = _by_value(f"the field {column}", curated.records["id"], held_values(held[column]))
        # A version's proof is kept for ever and published: it names records, and repeats no text of theirs.
        is_text = column in declared.texts or column not in curated.schema.columns
        yield Links(links.what, [part.with_columns(value=_NO_VALUE) for part in links.parts]) if is_text else links
    if declared.concept:
        concept = held_values(curated.records[declared.concept])
        yield _by_value(f"the field {declared.concept}", curated.records["id"], concept)
    together = [source for source, row in curated.state.deliveries.items() if row.body.get("together")]
    source = curated.records["source"]
    kept = source.to_frame("value").select(pl.when(source.is_in(together)).then("value"))["value"]
    yield _by_value("the whole source", curated.records["id"], kept)


def _derived(curated: Curated) -> pl.DataFrame:
    """Return the columns by which a schema groups, where some stand in no record: what turns were asked."""
    return curated.state.derived.select(curated.schema.declared.group)


def _by_value(what: str, records: pl.Series, values: pl.Series) -> Links:
    """Return each record with the first one, by id, that holds its value."""
    held = pl.DataFrame({"other": records, "value": values}).drop_nulls("value")
    first = held.with_columns(one=pl.col("other").min().over("value"))
    return Links(what, [first.filter(pl.col("one") != pl.col("other")).select("one", "other", "value")])


def links_of(curated: Curated, standing: pl.DataFrame) -> pl.DataFrame:
    """Return the verified pairs (`one`, `other`) between whatever records of two units stand on different sides.

    `standing` holds `id` and `split`, in the order of ids.
    """
    members = curated.units.members
    split = picked(standing["split"], numbers_in(standing["id"], members["id"]))
    here = members.with_columns(split=split).filter(pl.col("split").is_not_null())
    found = [pl.DataFrame(schema={"one": pl.String, "other": pl.String})]
    for part in curated.pairs.parts:
        left = part.select("a", "b").join(here.rename({"id": "one"}), left_on="a", right_on="unit")
        both = left.join(here.rename({"id": "other"}), left_on="b", right_on="unit")
        found.append(both.filter(pl.col("split") != pl.col("split_right")).select("one", "other"))
    return pl.concat(found)
