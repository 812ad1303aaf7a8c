"""The closest pairs between two sides of a version, with their texts, for whoever doubts a proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.curation.difference import Step, field_steps
from workbench.store.state import state as state_at
from workbench.store.store import Store
from workbench.store.versions import Version


@dataclass(frozen=True)
class ClosePair:
    """Two records on two sides that are alike, though less than duplicates are."""

    records: tuple[str, str]
    sides: tuple[str, str]
    jaccard: float
    steps: Mapping[str, list[Step]]
    """By field, from the one to the other; see `curation.difference.field_steps`."""


def closest_pairs(store: Store, version: Version) -> list[ClosePair]:
    """Return the pairs that the proof of a version lists, the closest first; older versions list none."""
    listed = version.proof.get("closest") or []
    schema = store.kept_schema(version.schema_object)
    state = state_at(store.catalogue, store.objects, schema, version.corpus, upto=version.upto, mapped=True)
    rows = {row["id"]: row for row in state.present({record for one, other, *_ in listed for record in (one, other)})}
    fields = {record: {name: row[name] for name in schema.columns} for record, row in rows.items()}
    return [
        ClosePair((one, other), (side, opposite), jaccard, field_steps(fields.get(one, {}), fields.get(other, {})))
        for one, other, jaccard, side, opposite in listed
    ]
