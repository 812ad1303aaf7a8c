"""The state of a corpus at one point of the log: which rows are current, and what edits make of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from workbench.curation.slices import by_slices, held, sliced
from workbench.fingerprint import digest
from workbench.schema import Schema
from workbench.store.catalogue import Catalogue, Row
from workbench.store.edits import WHOLE, Edit, Kinship, Replayed, edit_of, replay
from workbench.store.objects import Objects
from workbench.store.shelf import Shelf
from workbench.store.standing import LINEAGE, MEMBERS, Standing
from workbench.store.view import View, kept, opened

_KINSHIP: dict[str, Kinship] = {"row": "same", "near": "near", "place": "place"}
_VIEW = "1"
"""Number of the form that views are kept in."""
_UNEDITED = (
    *("deliveries", "segments", "index", "current", "members", "_readmitted", "rejects", "_placed", "_current"),
    *("types", "stored", "_delivered", "view_name", "view", "heirs", "_ancestors"),
)
"""What of a state, worked out on first use, no edit and no judgement changes."""
LOGGED = ("delivery", "edit", "match", "readmission", "judgement")


@dataclass(frozen=True)
class State(Standing):
    """A corpus as the log tells it, up to one row."""

    schema: Schema
    mapped: bool = False
    """Whether delivered records come from a view mapped into memory, as screens and single edits want them."""
    shelf: Shelf | None = None
    """Where records are laid down, so that a corpus may be larger than memory; None holds them."""

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
        if self.shelf is None:
            return self._whole(self._tables())
        laid = self.shelf(self._conformed(table) for table in chain([pl.DataFrame(schema=self.types)], self._tables()))
        return laid if laid["rid"].is_sorted() else laid.sort("rid")

    def _conformed(self, table: pl.DataFrame) -> pl.DataFrame:
        """Return rows of one segment in the columns and types of all."""
        return pl.concat([pl.DataFrame(schema=self.types), table], how="diagonal_relaxed").select(*self.types)

    @cached_property
    def types(self) -> dict[str, pl.DataType]:
        """Return the columns and types of `stored`; of the segments only their footers are read."""
        return dict(self._whole(self.objects.heads(self.segments)).schema)

    def _tables(self) -> Iterable[pl.DataFrame]:
        return self.objects.tables(self.segments)

    def _whole(self, tables: Iterable[pl.DataFrame]) -> pl.DataFrame:
        whole = pl.concat([pl.DataFrame(schema={**LINEAGE, **self.schema.types}), *tables], how="diagonal_relaxed")
        return whole.select(*LINEAGE, *self.schema.columns).sort("rid")

    @property
    def delivered(self) -> pl.DataFrame:
        """Return the current records as delivered, without edits, with their lineage, in source and file order."""
        return self.view.frame if self.mapped else self._delivered

    @cached_property
    def _delivered(self) -> pl.DataFrame:
        return self._in_order(self.stored) if self.shelf is None else self._laid_in_order(self.shelf)

    def _laid_in_order(self, shelf: Shelf) -> pl.DataFrame:
        """Return the delivered records a slice at a time: to join them would copy all texts at once."""
        numbered = self.stored.select("rid", "source").with_row_index("row")
        order = numbered.join(self.members, on="rid").sort("source", "position", "rid").drop("rid", "source")
        placed = [name for name in MEMBERS if name in order.columns]
        if order.height == self.stored.height and order["row"].is_sorted():
            return self.stored.with_columns(order.select(placed))
        return shelf(self.stored[part["row"]].with_columns(part.select(placed)) for part in sliced(order))

    def _in_order(self, stored: pl.DataFrame) -> pl.DataFrame:
        return stored.join(self.members, on="rid").sort("source", "position", "rid")

    @property
    def corpus(self) -> str:
        """Return the name of the corpus, or `none` where nothing was logged of it."""
        return self.rows[0].corpus if self.rows else "none"

    @cached_property
    def view_name(self) -> str:
        """Return the name of the view of the delivered records: another one wherever they are others."""
        tables = [row.body["members"] for row in self.deliveries.values()]
        back = [[row.body["rid"], unit["position"]] for row, unit in self._readmitted]
        columns = {name: str(kind) for name, kind in self.schema.types.items()}
        held = self.objects.names(self.segments)  # a purge renames them
        return digest([_VIEW, held, tables, back, columns])[:32]

    @property
    def is_viewed(self) -> bool:
        """Say whether the view is there already; to make it, all records are read into memory once."""
        return opened(self.objects.cache, self.corpus, self.view_name) is not None

    @cached_property
    def view(self) -> View:
        """Return the delivered records mapped into memory; they are written where they never were before."""
        cache, corpus, name = self.objects.cache, self.corpus, self.view_name
        return opened(cache, corpus, name) or kept(cache, corpus, name, self._delivered)

    def rows_of(self, records: Collection[str]) -> pl.DataFrame:
        """Return the delivered rows of some records, in source and file order."""
        if self.mapped:
            return self.view.frame[np.sort(self.view.rows(records))]
        if "_delivered" in vars(self):
            return self.delivered.filter(pl.col("id").is_in(list(records)))
        wanted = self.current.filter(pl.col("id").is_in(list(records))).select("rid")
        # A segment at a time: a look at a few records must not hold the corpus.
        return self._in_order(self._whole(table.join(wanted, on="rid", how="semi") for table in self._tables()))

    def found(self, prefix: str) -> list[str]:
        """Return the ids of the current records that start with a prefix, none for an empty one."""
        if self.mapped:
            return self.view.frame["id"].gather(self.view.find(prefix)).to_list()
        return self.current.filter(pl.col("id").str.starts_with(prefix))["id"].to_list() if prefix else []

    def line(self, record: str) -> set[str]:
        """Return a record with all vanished ones that it stands for, or once stood for."""
        line, waiting = {record}, [record]
        while waiting:
            before = self._ancestors.get(waiting.pop(), set()) - line
            line |= before
            waiting += before
        return line

    @cached_property
    def _ancestors(self) -> dict[str, set[str]]:
        out: dict[str, set[str]] = defaultdict(set)
        for row in self.of("match"):
            out[row.subject].add(row.body["old"])
        return out

    def present(self, records: Collection[str]) -> list[dict[str, Any]]:
        """Return the rows of some records with all edits applied; under WHOLE whether the record is dropped."""
        values = self.replayed.values
        rows = self.rows_of(records).to_dicts()
        return [row | {WHOLE: False} | dict(values.get(row["id"], {})) for row in rows]

    @cached_property
    def replayed(self) -> Replayed:
        """Return what the edits give for the current records, and which no longer fit."""
        touched = {self.today(edit.record) for edit in self.edits}
        rows = self.rows_of(touched).to_dicts() if touched else []
        return replay(self.edits, {row["id"]: row | {WHOLE: False} for row in rows}, self._standing)

    def ahead(self, rows: Iterable[Row]) -> State:
        """Return the state some log rows later; where they are edits, only their records are replayed again."""
        newer = tuple(rows)
        if {row.kind for row in newer} - {"edit", "judgement"}:
            return State((*self.rows, *newer), self.objects, self.schema, self.mapped, self.shelf)
        touched = {self.today(row.subject) for row in newer if row.kind == "edit"}
        replayed, base = self.replayed, {row["id"]: row | {WHOLE: False} for row in self.rows_of(touched).to_dicts()}
        later = self.edited_by(newer)
        edits = [edit for edit in later.edits if self.today(edit.record) in touched]
        vars(later).update(replayed=replayed.without(touched, self.today) | replay(edits, base, self._standing))
        return later

    def edited_by(self, rows: Iterable[Row]) -> State:
        """Return the state with some edits or judgements too; what does not depend on them is not worked out again."""
        whole = tuple(sorted((*self.rows, *rows), key=lambda row: row.seq))
        other = State(whole, self.objects, self.schema, self.mapped, self.shelf)
        # What is worked out on first use: given here, it is not worked out again.
        vars(other).update({name: vars(self)[name] for name in _UNEDITED if name in vars(self)})
        return other

    def _is_current(self, record: str) -> bool:
        return self.view.find(record).size > 0 if self.mapped else record in self._current

    @cached_property
    def _current(self) -> set[str]:
        return set(self.current["id"])

    def today(self, record: str) -> str:
        """Return the record that stands for this one now: itself while it is current, else its heir."""
        return self._standing(record)[0]

    def _standing(self, record: str) -> tuple[str, Kinship]:
        """Return the record that stands for this one now, and the weakest reason on the way there."""
        seen: set[str] = set()
        kinship: Kinship = "same"
        while record in self.heirs and record not in seen and not self._is_current(record):
            seen.add(record)
            record, by = self.heirs[record]
            kinship = max(kinship, _KINSHIP.get(by, "place"), key=list(_KINSHIP.values()).index)
        return record, kinship

    @cached_property
    def records(self) -> pl.DataFrame:
        """Return the current records with all edits applied and dropped ones left out, plus a column `edited`."""
        gone, touched = (pl.Series(records, dtype=pl.String) for records in (self.gone, self.touched))

        def now(part: pl.DataFrame) -> pl.DataFrame:
            standing = self.edited(part).filter(~pl.col("id").is_in(gone.implode()))
            return standing.with_columns(edited=pl.col("id").is_in(touched.implode()))

        if self.shelf is None or not self.replayed.values:
            return now(self.delivered)
        return by_slices(self.delivered, now, self.shelf)

    @property
    def derived(self) -> pl.DataFrame:
        """Return the records with the columns that rules, texts and answers may name, see `Schema.derived`."""
        return self.schema.derived(self.records) if self.shelf is None else self._derived

    @cached_property
    def _derived(self) -> pl.DataFrame:
        made = self.schema.derived(self.records.clear()).columns
        added = [name for name in made if name not in self.records.columns or name in self.schema.declared.derive]
        if not added:
            return self.records
        beside = by_slices(self.records, lambda part: self.schema.derived(part).select(added), self.shelf or held)
        return self.records.with_columns(beside)

    @property
    def gone(self) -> list[str]:
        """Return the ids of the records that an edit dropped."""
        return [record for record, values in self.replayed.values.items() if values.get(WHOLE)]

    @property
    def touched(self) -> list[str]:
        """Return the ids of the records that are here with other values than were delivered."""
        held = self.replayed.values.items()
        return [record for record, values in held if set(values) - {WHOLE} and not values.get(WHOLE)]

    @cached_property
    def dropped(self) -> pl.DataFrame:
        """Return the records that an edit dropped, with the edits of their fields applied."""
        return self.edited(self.delivered.filter(pl.col("id").is_in(self.gone)))

    def edited(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return delivered rows with the edits of their fields applied."""
        values = self.replayed.values
        if frame.height < len(values):  # a page of a corpus with many edits costs what the page costs
            values = {record: values[record] for record in frame["id"] if record in values}
        for column in self.schema.columns:
            changed = {r: v[column] for r, v in values.items() if column in v}
            if changed:
                frame = _overlaid(frame, column, changed)
        return frame

    @property
    def next_rid(self) -> int:
        """Return the number that the next stored row gets."""
        return max(self.index["rid"], default=-1) + 1


def _overlaid(frame: pl.DataFrame, column: str, changed: dict[str, Any]) -> pl.DataFrame:
    overlay = pl.DataFrame(
        {"id": list(changed), "_new": pl.Series(list(changed.values()), dtype=frame.schema[column])}
    ).with_columns(_hit=pl.lit(value=True))
    joined = frame.join(overlay, on="id", how="left", maintain_order="left")
    value = pl.when(pl.col("_hit")).then(pl.col("_new")).otherwise(pl.col(column))
    return joined.with_columns(value.alias(column)).drop("_new", "_hit")


def state(
    catalogue: Catalogue,
    objects: Objects,
    schema: Schema,
    corpus: str,
    *,
    upto: int | None = None,
    mapped: bool = False,
    shelf: Shelf | None = None,
) -> State:
    """Return the state of a corpus, at the newest log row or at an older one."""
    return State(tuple(catalogue.rows(corpus, kinds=LOGGED, upto=upto)), objects, schema, mapped, shelf)
