"""What differs between two versions for a screen: a table of any length, and each record word by word."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.difference import IS, Step, field_steps
from workbench.services.looking.column import Column
from workbench.services.versions.diff import Diff, End, diff, ends
from workbench.store.state import State
from workbench.store.state import state as state_at
from workbench.store.store import Store

SIGNS = {"edited": "~", "added": "+", "removed": "-", "moved": ">"}
"""What stands before a record in the order of the list: a record that was edited and moved counts as edited."""
ALL = "all"
_CELL = 240
"""Characters of a text that stand in a cell."""
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Changes:
    """A difference with both ends at hand."""

    diff: Diff
    order: Places
    """Rows of the difference, by kind."""
    kind: NDArray[np.int64]
    """Place in SIGNS by row of the difference."""
    old: State
    new: State

    @property
    def name(self) -> str:
        """Return both ends in words."""
        return f"{self.diff.old.name} -> {self.diff.new.name}"

    def views(self) -> dict[str, Places]:
        """Return the rows of each kind, and of all."""
        parts = {name: self.order[self.kind[self.order] == code] for code, name in enumerate(SIGNS)}
        return {ALL: self.order, **parts}


def changes(store: Store, corpus: str, old: str | None, new: str) -> Changes:
    """Return what differs between two ends, named as for `services.diff.ends`."""
    before, after = ends(store, corpus, old, new)
    found = diff(store, before, after)
    code = pl.coalesce(pl.when(IS[name]).then(pl.lit(place)) for place, name in enumerate(SIGNS))
    kind = found.rows.select(code.fill_null(0).cast(pl.Int64)).to_series().to_numpy()
    order = np.argsort(kind, kind="stable")
    return Changes(found, order, kind, _mapped(store, before), _mapped(store, after))


def _mapped(store: Store, end: End) -> State:
    """Return the state at an end, its delivered records mapped into memory."""
    if end.version is None:
        return store.desk(store.corpus(end.corpus))
    schema = store.kept_schema(end.version.schema_object)
    return state_at(store.catalogue, store.objects, schema, end.corpus, upto=end.version.upto, mapped=True)


@dataclass(frozen=True)
class ChangeSource:
    """Changed records for a table."""

    found: Changes
    places: Places
    columns: Sequence[Column] = field(
        default=(Column("", 1), Column("record", 12), Column("where", 22), Column("begins with", 120))
    )

    @property
    def n_rows(self) -> int:
        """Return the number of changed records."""
        return len(self.places)

    def window(self, start: int, stop: int) -> list[tuple[object, ...]]:
        """Return the cells of some changed records."""
        rows = self.found.diff.rows[self.places[start:stop]].select("id", "was", "now").rows()
        gone = [record for record, _, now in rows if now is None]
        here = [record for record, _, now in rows if now is not None]
        texts = _texts(self.found.old, gone) | _texts(self.found.new, here)
        signs = list(SIGNS.values())
        codes = self.found.kind[self.places[start:stop]]
        return [
            (signs[code], record[:12], _where(was, now), texts.get(record, ""))
            for code, (record, was, now) in zip(codes, rows, strict=True)
        ]


def _where(was: str | None, now: str | None) -> str:
    if was is None or now is None or was == now:
        return now or was or ""
    return f"{was} > {now}"


def _texts(state: State, records: list[str]) -> dict[str, str]:
    """Return the beginning of each record's first text."""
    if not records:
        return {}
    names = [name for name in state.schema.columns if state.schema.types[name] == pl.String]
    out = {}
    for row in state.present(records):
        text = next((row[name] for name in names if row[name] and row[name].strip()), "")
        out[row["id"]] = " ".join(text[:_CELL].split())
    return out


@dataclass(frozen=True)
class Changed:
    """One record that differs."""

    record: str
    kind: str
    was: str | None
    now: str | None
    steps: Mapping[str, list[Step]]
    """By field, see `curation.difference.field_steps`; of a record that came or went, all of its text."""


def changed(found: Changes, row: int) -> Changed:
    """Return one row of the difference, word by word."""
    told = found.diff.rows.row(row, named=True)
    kind = list(SIGNS)[int(found.kind[row])]
    if kind == "edited":
        steps = field_steps(json.loads(told["before"]), json.loads(told["after"]))
    elif kind == "moved":
        fields = _fields(found.new, told["id"])
        steps = field_steps(fields, fields)
    else:
        before, after = _fields(found.old, told["id"]), _fields(found.new, told["id"])
        steps = field_steps(*((before, dict.fromkeys(before)) if kind == "removed" else (dict.fromkeys(after), after)))
    return Changed(told["id"], kind, told["was"], told["now"], steps)


def _fields(state: State, record: str) -> dict[str, Any]:
    rows = state.present([record])
    return {name: rows[0][name] for name in state.schema.columns} if rows else {}
