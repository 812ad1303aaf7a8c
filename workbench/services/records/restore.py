"""Bring a corpus' records back to what a version held: by further log rows, so that this can be undone as well."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from workbench.curation.difference import difference
from workbench.errors import DataError
from workbench.services.records.editing import edits_for
from workbench.store.catalogue import Entry
from workbench.store.edits import WHOLE
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import Version, state_of


@dataclass(frozen=True)
class Restoration:
    """What it takes to bring a version's records back."""

    edited: list[str]
    """Records whose fields are set back."""
    returned: list[str]
    """Dropped records that come back."""
    dropped: list[str]
    """Records that the version did not hold."""
    heirs: dict[str, str]
    """Vanished record -> the one of a newer delivery that takes its fields, standing for it."""
    lost: dict[str, str]
    """Records that cannot come back, and why."""
    entries: list[Entry]
    """The log rows that do it."""

    def counts(self) -> dict[str, int]:
        """Return how many records each part is about, and how many log rows it takes."""
        parts = ("edited", "returned", "dropped", "heirs", "lost")
        return {name: len(getattr(self, name)) for name in parts} | {"edits": len(self.entries)}


def planned(store: Store, version: Version) -> Restoration:
    """Return what a restoration would do now; nothing is changed."""
    return _plan(store, version, store.state(store.corpus(version.corpus)))


def restored(store: Store, version: Version) -> Restoration:
    """Bring a version's records back in one transaction; where they are as they were, nothing is written."""
    made: list[Restoration] = []

    def entries(state: State) -> list[Entry]:
        made[:] = [_plan(store, version, state)]
        return made[0].entries

    store.change(store.corpus(version.corpus), entries)
    return made[0]


def _plan(store: Store, version: Version, state: State) -> Restoration:
    _check_fields(store, version, state)
    then = _whole(state_of(store.catalogue, store.objects, state.schema, version).records)
    heirs, lost = _heirs(then, state)
    target = then.filter(~pl.col("id").is_in(list(lost))).with_columns(pl.col("id").replace(heirs))
    here = pl.concat([_whole(state.records), _whole(state.dropped, side="dropped")], how="diagonal")
    found = difference(here.with_columns(_stratum=None), target.with_columns(_stratum=None), state.schema.columns)
    changes, parts = _changes(found, {row["id"]: row for row in _wanted(found, target)})
    by_heir = {old: heir for old, heir in heirs.items() if heir in changes}
    entries = edits_for(state, version.corpus, changes, f"restore {version.name}")
    return Restoration(**parts, heirs=by_heir, lost=lost, entries=entries)


def _check_fields(store: Store, version: Version, state: State) -> None:
    then, now = store.kept_schema(version.schema_object).types, state.schema.types
    if then != now:
        fields = ", ".join(sorted(name for name in {*then, *now} if then.get(name) != now.get(name)))
        raise DataError(f"{version.name} was made with other fields: {fields}", "give the schema these fields again")


def _whole(records: pl.DataFrame, side: str = "here") -> pl.DataFrame:
    return records.drop("edited", strict=False).with_columns(split=pl.lit(side))


def _heirs(then: pl.DataFrame, state: State) -> tuple[dict[str, str], dict[str, str]]:
    """Return who stands for the vanished records, and which of them nobody can stand for, with the reason."""
    here, held = set(state.delivered["id"]), set(then["id"])
    heirs: dict[str, str] = {}
    lost: dict[str, str] = {}
    for record, source in then.filter(~pl.col("id").is_in(here)).select("id", "source").iter_rows():
        heir = state.today(record)
        if heir in here and heir not in held and heir not in heirs.values():
            heirs[record] = heir
        else:
            lost[record] = f"the newest delivery of {source!r} does not hold it: ingest the one that does again"
    return heirs, lost


def _wanted(found: pl.DataFrame, target: pl.DataFrame) -> list[dict[str, Any]]:
    return target.filter(pl.col("id").is_in(found["id"].to_list())).to_dicts()


def _changes(
    found: pl.DataFrame, wanted: dict[str, dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
    """Return the values to set by record, and which records are edited, returned and dropped."""
    changes: dict[str, dict[str, Any]] = {}
    parts: dict[str, list[str]] = {"edited": [], "returned": [], "dropped": []}
    for row in found.iter_rows(named=True):
        record = row["id"]
        if row["now"] is None:
            if row["was"] != "dropped":
                changes[record] = {WHOLE: True}
                parts["dropped"].append(record)
            continue
        fields = list(json.loads(row["after"]))
        changes[record] = {name: wanted[record][name] for name in fields}
        if fields:
            parts["edited"].append(record)
        if row["was"] == "dropped":
            changes[record][WHOLE] = False
            parts["returned"].append(record)
    return changes, parts
