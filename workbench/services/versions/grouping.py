"""Which records belong together: nothing that a group holds is ever put on two sides."""

from __future__ import annotations

from collections.abc import Iterator
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


@dataclass(frozen=True)
class Links:
    """Records that one reason holds together, as pairs."""

    what: str
    """The reason in words, with the name of the field where it is one."""
    frame: pl.DataFrame
    """Columns `one`, `other` (record ids) and `value`: what both hold, null for texts."""


def groups_of(curated: Curated) -> dict[str, str]:
    """Return each current record's group: linked by duplicates, group and concept values, or a whole source.

    Removed and faulty records link as well: what shares a concept with a removed one is a translation of the one
    that was kept. So do pairs judged to be no duplicates: the verdict keeps both, it makes them no less alike.
    """
    return dict(_grouped(curated, list(linked(curated))).iter_rows())


def _grouped(curated: Curated, reasons: list[Links]) -> pl.DataFrame:
    """Return `id` and `group` of every current record."""
    records = curated.records["id"].sort()
    edges = pl.concat([links.frame for links in reasons])
    one, other = (_numbers(records, edges[end]) for end in ("one", "other"))
    return pl.DataFrame({"id": records, "group": records.gather(components(len(records), one, other))})


def giant(curated: Curated) -> dict[str, Any] | None:
    """Return what made a group of more than GIANT records that holds more than a third of all, None without one.

    `links` counts the links of each reason inside of it; `most` names, for the reason with most links, the value
    that most of its records hold, or the two records through which most texts are linked.
    """
    reasons = list(linked(curated))
    grouped = _grouped(curated, reasons)
    (largest,) = grouped.group_by("group").len().sort("len", "group", descending=[True, False]).head(1).rows() or [
        ("", 0)
    ]
    if largest[1] <= max(GIANT, grouped.height / 3):
        return None
    inside = grouped.filter(pl.col("group") == largest[0]).select(one="id")
    held = {links.what: links.frame.join(inside, on="one", how="semi") for links in reasons}
    what = max(held, key=lambda reason: held[reason].height)
    return {
        "records": largest[1],
        "share": round(largest[1] / grouped.height, 3),
        "links": {reason: frame.height for reason, frame in held.items() if frame.height},
        "most": {"reason": what, **_most(held[what])},
    }


def _most(frame: pl.DataFrame) -> dict[str, Any]:
    values = frame["value"].drop_nulls().value_counts().sort("count", "value", descending=[True, False])
    if values.height:
        value, count = values.row(0)
        return {"value": value, "links": count}
    ends = pl.concat([frame.select("one", "other"), frame.select(one="other", other="one")])
    hubs = ends.group_by("one").agg(pl.len().alias("links"), pl.col("other").min())
    record, count, other = hubs.sort("links", "one", descending=[True, False]).row(0)
    return {"pair": [record, other], "links": count}


def _numbers(records: pl.Series, ids: pl.Series) -> NDArray[np.int64]:
    places = records.search_sorted(ids) if len(ids) else pl.Series([], dtype=pl.Int64)
    found: NDArray[np.int64] = places.cast(pl.Int64).to_numpy()
    return found


def linked(curated: Curated) -> Iterator[Links]:
    """Yield what holds records together, reason by reason."""
    units, name = curated.units, curated.units.frame["name"]
    named = units.members.select("id", name=name.gather(units.members["unit"]))
    yield _links("equal text", named.filter(pl.col("id") != pl.col("name")).select(one="name", other="id"))
    pairs = curated.pairs.frame
    ends = pairs.select("jaccard", one=name.gather(pairs["a"]), other=name.gather(pairs["b"]))
    yield _links("near text", ends.filter(pl.col("jaccard") >= FLOOR))
    yield _links("the same question or answer", ends.filter(pl.col("jaccard") < FLOOR))
    declared = curated.schema.declared
    for column in declared.group:
        yield _by_value(f"the field {column}", curated.records["id"], _held(curated.records[column]))
    if declared.concept:
        concept = _held(curated.records[declared.concept])
        yield _by_value(f"the field {declared.concept}", curated.records["id"], concept)
    together = [source for source, row in curated.state.deliveries.items() if row.body.get("together")]
    source = curated.records["source"]
    kept = source.to_frame("value").select(pl.when(source.is_in(together)).then("value"))["value"]
    yield _by_value("the whole source", curated.records["id"], kept)


def _links(what: str, frame: pl.DataFrame) -> Links:
    return Links(what, frame.select("one", "other", value=pl.lit(None, dtype=pl.String)))


def _held(column: pl.Series) -> pl.Series:
    """Return the values as they are compared, see `held_value`."""
    values = column.unique().to_list()
    return column.replace_strict(values, [held_value(value) for value in values], return_dtype=pl.String)


def _by_value(what: str, records: pl.Series, values: pl.Series) -> Links:
    """Return each record with the first one, by id, that holds its value."""
    held = pl.DataFrame({"other": records, "value": values}).drop_nulls("value")
    first = held.with_columns(one=pl.col("other").min().over("value"))
    return Links(what, first.filter(pl.col("one") != pl.col("other")).select("one", "other", "value"))


def links_of(curated: Curated, standing: pl.DataFrame) -> pl.DataFrame:
    """Return the verified pairs (`one`, `other`) between whatever records of two units stand on a side."""
    here = curated.units.members.join(standing.select("id"), on="id", how="semi")
    left = curated.pairs.frame.select("a", "b").join(here.rename({"id": "one"}), left_on="a", right_on="unit")
    return left.join(here.rename({"id": "other"}), left_on="b", right_on="unit").select("one", "other")
