"""The state of a corpus at one point of the log: which rows are current, and what edits make of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from workbench.fingerprint import digest_bytes
from workbench.schema import Schema
from workbench.store.catalogue import Catalogue, Row
from workbench.store.edits import WHOLE, Edit, Kinship, Replayed, edit_of, replay
from workbench.store.objects import Objects

LINEAGE = {
    "rid": pl.Int64,
    "id": pl.String,
    "source": pl.String,
    "row_digest": pl.String,
    "extra": pl.String,
}
"""What a segment holds beside the schema's columns; `extra` is the JSON of the raw columns no field took."""
MEMBERS = {"rid": pl.Int64, "position": pl.Int64, "start": pl.Int64, "end": pl.Int64}
"""One row per record of a delivery: which stored row it is, and where it stands in the raw file."""
REJECTS = {"position": pl.Int64, "start": pl.Int64, "end": pl.Int64, "reason": pl.String, "raw": pl.Binary}
_KINSHIP: dict[str, Kinship] = {"row": "same", "near": "near", "place": "place"}
LOGGED = ("delivery", "edit", "match", "readmission", "judgement")


@dataclass(frozen=True)
class State:
    """A corpus as the log tells it, up to one row."""

    rows: tuple[Row, ...]
    objects: Objects
    schema: Schema

    def of(self, kind: str) -> list[Row]:
        """Return the rows of one kind, in order; those whose bytes were purged say nothing any more."""
        return [row for row in self.rows if row.kind == kind and "purged" not in row.body]

    @cached_property
    def deliveries(self) -> dict[str, Row]:
        """Return the newest delivery of each source, by source name in order."""
        newest = {row.subject: row for row in self.of("delivery")}
        return dict(sorted(newest.items()))

    @cached_property
    def _quarantine(self) -> tuple[list[tuple[Row, dict[str, Any]]], pl.DataFrame]:
        """Part the newest deliveries' rejects into those a re-admission stands for, and those still set aside.

        A re-admission is known by the unit's bytes, so it outlives a delivery in which the unit is still torn.
        """
        whole = self._rejected
        waiting: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for unit in whole.with_row_index("row").iter_rows(named=True):
            waiting[unit["source"], digest_bytes(unit["raw"])].append(unit)
        back = []
        for row in self.of("readmission"):
            units = waiting[row.body["source"], row.body["unit"]]
            if units:
                back.append((row, units.pop(0)))
        return back, whole.with_row_index("row").filter(~pl.col("row").is_in([u["row"] for _, u in back])).drop("row")

    @property
    def _rejected(self) -> pl.DataFrame:
        tables = [
            self.objects.table(row.body["rejects"]).with_columns(source=pl.lit(name))
            for name, row in self.deliveries.items()
            if row.body["rejects"]
        ]
        return pl.concat([pl.DataFrame(schema={**REJECTS, "source": pl.String}), *tables])

    @property
    def rejects(self) -> pl.DataFrame:
        """Return the quarantined units of the newest deliveries that were not re-admitted, with their source."""
        return self._quarantine[1]

    @property
    def edits(self) -> list[Edit]:
        """Return all edits, in order."""
        return [edit_of(row) for row in self.of("edit")]

    @cached_property
    def heirs(self) -> dict[str, tuple[str, str]]:
        """Return which record took the place of a vanished one, and how it was found: row, near or place."""
        return {row.body["old"]: (row.subject, row.body["by"]) for row in self.of("match")}

    @cached_property
    def stored(self) -> pl.DataFrame:
        """Return every row ever kept, as delivered, in rid order."""
        names = [name for row in self.of("delivery") for name in row.body["segments"]]
        names += [row.body["segment"] for row in self.of("readmission")]
        empty = pl.DataFrame(schema={**LINEAGE, **self.schema.types})
        frames = [self.objects.table(name) for name in dict.fromkeys(names)]
        whole = pl.concat([empty, *frames], how="diagonal_relaxed")
        return whole.select(*LINEAGE, *self.schema.columns).sort("rid")

    @cached_property
    def members(self) -> pl.DataFrame:
        """Return the rids of the current records with their place in the newest deliveries."""
        tables = [self.objects.table(row.body["members"]) for row in self.deliveries.values()]
        back = [{"rid": row.body["rid"], **unit} for row, unit in self._quarantine[0]]
        tables.append(pl.DataFrame(back, schema=MEMBERS))
        return pl.concat([pl.DataFrame(schema=MEMBERS), *tables])

    @cached_property
    def delivered(self) -> pl.DataFrame:
        """Return the current records as delivered, without edits, with their lineage, in source and file order."""
        return self.stored.join(self.members, on="rid").sort("source", "position", "rid")

    @cached_property
    def replayed(self) -> Replayed:
        """Return what the edits give for the current records, and which no longer fit."""
        touched = {self.today(edit.record) for edit in self.edits}
        rows = self.delivered.filter(pl.col("id").is_in(list(touched))).to_dicts() if touched else []
        return replay(self.edits, {row["id"]: row | {WHOLE: False} for row in rows}, self._standing)

    @cached_property
    def _current(self) -> set[str]:
        return set(self.delivered["id"])

    def today(self, record: str) -> str:
        """Return the record that stands for this one now: itself while it is current, else its heir."""
        return self._standing(record)[0]

    def _standing(self, record: str) -> tuple[str, Kinship]:
        """Return the record that stands for this one now, and the weakest reason on the way there."""
        seen: set[str] = set()
        kinship: Kinship = "same"
        while record not in self._current and record in self.heirs and record not in seen:
            seen.add(record)
            record, by = self.heirs[record]
            kinship = max(kinship, _KINSHIP.get(by, "place"), key=list(_KINSHIP.values()).index)
        return record, kinship

    @cached_property
    def records(self) -> pl.DataFrame:
        """Return the current records with all edits applied and dropped ones left out, plus a column `edited`."""
        frame = self._edited(self.delivered)
        dropped = {record for record, values in self.replayed.values.items() if values.get(WHOLE)}
        touched = {record for record, values in self.replayed.values.items() if set(values) - {WHOLE}}
        return frame.filter(~pl.col("id").is_in(list(dropped))).with_columns(edited=pl.col("id").is_in(list(touched)))

    @cached_property
    def dropped(self) -> pl.DataFrame:
        """Return the records that an edit dropped, with the edits of their fields applied."""
        gone = [record for record, values in self.replayed.values.items() if values.get(WHOLE)]
        return self._edited(self.delivered.filter(pl.col("id").is_in(gone)))

    def _edited(self, frame: pl.DataFrame) -> pl.DataFrame:
        for column in self.schema.columns:
            changed = {r: v[column] for r, v in self.replayed.values.items() if column in v}
            if changed:
                frame = _overlaid(frame, column, changed)
        return frame

    @property
    def next_rid(self) -> int:
        """Return the number that the next stored row gets."""
        return max(self.stored["rid"].to_list(), default=-1) + 1


def _overlaid(frame: pl.DataFrame, column: str, changed: dict[str, Any]) -> pl.DataFrame:
    overlay = pl.DataFrame(
        {"id": list(changed), "_new": pl.Series(list(changed.values()), dtype=frame.schema[column])}
    ).with_columns(_hit=pl.lit(value=True))
    joined = frame.join(overlay, on="id", how="left", maintain_order="left")
    value = pl.when(pl.col("_hit")).then(pl.col("_new")).otherwise(pl.col(column))
    return joined.with_columns(value.alias(column)).drop("_new", "_hit")


def state(catalogue: Catalogue, objects: Objects, schema: Schema, corpus: str, upto: int | None = None) -> State:
    """Return the state of a corpus, at the newest log row or at an older one."""
    return State(tuple(catalogue.rows(corpus, kinds=LOGGED, upto=upto)), objects, schema)
