"""Which records belong together: nothing that a group holds is ever put on two sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.bands import FLOOR
from workbench.curation.components import components
from workbench.curation.split import held_value
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


def groups_of(curated: Curated) -> dict[str, str]:
    """Return each current record's group: linked by duplicates, group and concept values, or a whole source.

    Removed and faulty records link as well: what shares a concept with a removed one is a translation of the one
    that was kept. So do pairs judged to be no duplicates: the verdict keeps both, it makes them no less alike.
    """
    return dict(_grouped(curated).iter_rows())


def _grouped(curated: Curated) -> pl.DataFrame:
    """Return `id` and `group` of every current record."""
    records = curated.records["id"].sort()
    ties = [_equal_texts(curated), _alike(curated), *(part for links in _by_values(curated) for part in links.parts)]
    edges = pl.concat([tie.select("one", "other") for tie in ties])
    one, other = (_numbers(records, edges[end]) for end in ("one", "other"))
    return pl.DataFrame({"id": records, "group": records.gather(components(len(records), one, other))})


def _alike(curated: Curated) -> pl.DataFrame:
    """Return each unit with the first one of its component: it holds together what all pairs hold together."""
    name, component = curated.units.frame["name"], curated.pairs.component
    return pl.DataFrame({"one": name, "other": name.gather(component)}).filter(pl.col("one") != pl.col("other"))


def giant(curated: Curated) -> dict[str, Any] | None:
    """Return what made a group of more than GIANT records that holds more than a third of all, None without one.

    `links` counts the links of each reason inside of it; `most` names, for the reason with most links, the value
    that most of its records hold, or the two records through which most texts are linked.
    """
    grouped = _grouped(curated)
    (largest,) = grouped.group_by("group").len().sort("len", "group", descending=[True, False]).head(1).rows() or [
        ("", 0)
    ]
    if largest[1] <= max(GIANT, grouped.height / 3):
        return None
    inside = grouped.filter(pl.col("group") == largest[0]).select(one="id")
    held = [Links(links.what, _Inside(links.parts, inside)) for links in linked(curated)]
    counts = {links.what: links.count for links in held}
    most = max(held, key=lambda links: counts[links.what])
    return {
        "records": largest[1],
        "share": round(largest[1] / grouped.height, 3),
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


def _numbers(records: pl.Series, ids: pl.Series) -> NDArray[np.int64]:
    places = records.search_sorted(ids) if len(ids) else pl.Series([], dtype=pl.Int64)
    found: NDArray[np.int64] = places.cast(pl.Int64).to_numpy()
    return found


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
        links = _by_value(f"the field {column}", curated.records["id"], _held(held[column]))
        # A version's proof is kept for ever and published: it names records, and repeats no text of theirs.
        is_text = column in declared.texts or column not in curated.schema.columns
        yield Links(links.what, [part.with_columns(value=_NO_VALUE) for part in links.parts]) if is_text else links
    if declared.concept:
        concept = _held(curated.records[declared.concept])
        yield _by_value(f"the field {declared.concept}", curated.records["id"], concept)
    together = [source for source, row in curated.state.deliveries.items() if row.body.get("together")]
    source = curated.records["source"]
    kept = source.to_frame("value").select(pl.when(source.is_in(together)).then("value"))["value"]
    yield _by_value("the whole source", curated.records["id"], kept)


def _derived(curated: Curated) -> pl.DataFrame:
    """Return the columns by which a schema groups, where some stand in no record: what turns were asked."""
    return curated.schema.derived(curated.records).select(curated.schema.declared.group)


def _held(column: pl.Series) -> pl.Series:
    """Return the values as they are compared, see `held_value`."""
    values = column.unique().to_list()
    return column.replace_strict(values, [held_value(value) for value in values], return_dtype=pl.String)


def _by_value(what: str, records: pl.Series, values: pl.Series) -> Links:
    """Return each record with the first one, by id, that holds its value."""
    held = pl.DataFrame({"other": records, "value": values}).drop_nulls("value")
    first = held.with_columns(one=pl.col("other").min().over("value"))
    return Links(what, [first.filter(pl.col("one") != pl.col("other")).select("one", "other", "value")])


def links_of(curated: Curated, standing: pl.DataFrame) -> pl.DataFrame:
    """Return the verified pairs (`one`, `other`) between whatever records of two units stand on different sides."""
    here = curated.units.members.join(standing.select("id", "split"), on="id")
    found = [pl.DataFrame(schema={"one": pl.String, "other": pl.String})]
    for part in curated.pairs.parts:
        left = part.select("a", "b").join(here.rename({"id": "one"}), left_on="a", right_on="unit")
        both = left.join(here.rename({"id": "other"}), left_on="b", right_on="unit")
        found.append(both.filter(pl.col("split") != pl.col("split_right")).select("one", "other"))
    return pl.concat(found)
