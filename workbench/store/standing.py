"""Which rows of a corpus are current at one point of the log: no schema is needed to know that."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from workbench.fingerprint import digest_bytes
from workbench.store.catalogue import Row
from workbench.store.objects import Objects
from workbench.store.readmissions import Unit, standing, unit_of
from workbench.store.rejects import REJECTS

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


@dataclass(frozen=True)
class Standing:
    """Which rows of a corpus are current, as the log tells it up to one row."""

    rows: tuple[Row, ...]
    objects: Objects

    def of(self, kind: str) -> list[Row]:
        """Return the rows of one kind, in order; those whose bytes were purged say nothing any more."""
        return [row for row in self.rows if row.kind == kind and "purged" not in row.body]

    @cached_property
    def deliveries(self) -> dict[str, Row]:
        """Return the newest delivery of each source, by source name in order."""
        newest = {row.subject: row for row in self.of("delivery")}
        return dict(sorted(newest.items()))

    @cached_property
    def _readmitted(self) -> list[tuple[Row, dict[str, Any]]]:
        """Return the re-admissions that stand, each with the quarantined unit that it stands for, and its `row`.

        A re-admission is known by the unit's bytes, so it outlives a delivery in which the unit is still torn. While
        a delivery holds its record, that row is the record, and the unit waits again.
        """
        made = self.of("readmission")
        waiting = self._waiting({unit_of(row) for row in made}) if made else {}
        made = [row for row in made if unit_of(row) in waiting]
        units = Counter({unit: len(same) for unit, same in waiting.items()})
        stands = standing(made, units, self._held({row.subject for row in made}))
        return [(row, waiting[unit_of(row)].pop(0)) for row in stands]

    def _waiting(self, wanted: set[Unit]) -> dict[Unit, list[dict[str, Any]]]:
        """Return the rejects of the newest deliveries that are one of some units, in order, by unit."""
        whole = self._rejected
        out: dict[Unit, list[dict[str, Any]]] = defaultdict(list)
        for row, (source, raw) in enumerate(whole.select("source", "raw").iter_rows()):
            unit = source, digest_bytes(raw)
            if unit in wanted:
                out[unit].append({"row": row, **whole.row(row, named=True)})
        return out

    def _held(self, records: set[str]) -> set[str]:
        """Return which of some records the newest deliveries hold."""
        if not records:
            return set()
        frames = [self.objects.table(name, ["rid", "id"]).filter(pl.col("id").is_in(records)) for name in self.segments]
        return set(pl.concat(frames).join(self._placed, on="rid", how="semi")["id"])

    @cached_property
    def _placed(self) -> pl.DataFrame:
        tables = self.objects.tables(row.body["members"] for row in self.deliveries.values())
        return pl.concat([pl.DataFrame(schema=MEMBERS), *tables])

    @property
    def _rejected(self) -> pl.DataFrame:
        tables = [
            self.objects.table(row.body["rejects"]).with_columns(source=pl.lit(name))
            for name, row in self.deliveries.items()
            if row.body["rejects"]
        ]
        return pl.concat([pl.DataFrame(schema={**REJECTS, "source": pl.String}), *tables])

    @cached_property
    def rejects(self) -> pl.DataFrame:
        """Return the quarantined units of the newest deliveries that were not re-admitted, with their source."""
        back = [unit["row"] for _, unit in self._readmitted]
        return self._rejected.with_row_index("row").filter(~pl.col("row").is_in(back)).drop("row")

    @property
    def quarantined(self) -> int:
        """Return how many units the `rejects` are; their bytes are not read for that."""
        counts: list[int] = [row.body["quarantined"] for row in self.deliveries.values()]
        return sum(counts) - len(self._readmitted)

    @cached_property
    def segments(self) -> list[str]:
        """Return the names of the objects that hold all rows ever kept, oldest first."""
        names = [name for row in self.of("delivery") for name in row.body["segments"]]
        return list(dict.fromkeys([*names, *(row.body["segment"] for row in self.of("readmission"))]))

    @cached_property
    def index(self) -> pl.DataFrame:
        """Return number, id, source and row digest of every row ever kept: all that a delivery must know of them."""
        columns = ["rid", "id", "source", "row_digest"]
        frames = self.objects.tables(self.segments, columns)
        return pl.concat([pl.DataFrame(schema={c: LINEAGE[c] for c in columns}), *frames])

    @cached_property
    def current(self) -> pl.DataFrame:
        """Return number, id, source, row digest and place of the current records."""
        return self.index.join(self.members, on="rid")

    @cached_property
    def members(self) -> pl.DataFrame:
        """Return the rids of the current records with their place in the newest deliveries."""
        back = [{"rid": row.body["rid"], **unit} for row, unit in self._readmitted]
        return pl.concat([self._placed, pl.DataFrame(back, schema=MEMBERS)])
