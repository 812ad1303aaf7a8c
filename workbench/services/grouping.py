"""Which records belong together: nothing that a group holds is ever put on two sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import polars as pl

from workbench.curation.judge import components
from workbench.curation.split import held_value
from workbench.services.curate import Curated

_Edges = list[tuple[str, str]]


def groups_of(curated: Curated) -> dict[str, str]:
    """Return each current record's group: linked by duplicates, group and concept values, or a whole source.

    Removed and faulty records link as well: what shares a concept with a removed one is a translation of the one
    that was kept. So do pairs judged to be no duplicates: the verdict keeps both, it makes them no less alike.
    """
    edges: _Edges = [(unit.records[0], other) for unit in curated.units for other in unit.records[1:]]
    edges += curated.pairs.select("a", "b").iter_rows()
    declared = curated.schema.declared
    for column in (*declared.group, *([declared.concept] if declared.concept else [])):
        rows = curated.records.select("id", column).iter_rows()
        edges += _edges_by((record, held_value(value)) for record, value in rows)
    whole = {name for name, row in curated.state.deliveries.items() if row.body.get("together")}
    sources = curated.records.select("id", "source").iter_rows()
    edges += _edges_by((record, source if source in whole else None) for record, source in sources)
    linked = components(edges)
    return {record: linked.get(record, record) for record in curated.records["id"]}


def _edges_by(keyed: Iterable[tuple[str, str | None]]) -> _Edges:
    first: dict[str, str] = {}
    return [(first.setdefault(value, record), record) for record, value in keyed if value is not None]


def links_of(curated: Curated, standing: pl.DataFrame) -> _Edges:
    """Return the verified pairs between whatever records of two units stand on a side."""
    here = set(standing["id"])
    left: dict[str, list[str]] = defaultdict(list)
    for unit in curated.units:
        left[unit.name] = [record for record in unit.records if record in here]
    pairs = curated.pairs.select("a", "b").iter_rows()
    return [(one, other) for a, b in pairs for one in left[a] for other in left[b]]
