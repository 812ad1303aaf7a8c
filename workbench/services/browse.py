"""What the screens show of a workspace's corpora, read through the services into memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.split import SPLITS
from workbench.errors import WorkbenchError
from workbench.schema import Schema
from workbench.services.check import check
from workbench.services.column import Column
from workbench.services.curate import curate
from workbench.services.records import Shown
from workbench.store.pages import searched
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import Version, versions

ALL, ISSUES, DUPLICATES, QUARANTINE, DROPPED = "all", "issues", "duplicates", "quarantine", "dropped"
VIEWS = (ALL, ISSUES, DUPLICATES, *SPLITS, "excluded", QUARANTINE, DROPPED)
Places = NDArray[np.int64]
"""Row numbers of a snapshot's frame: a view, a search and a sort are each just another array of them."""

_SAMPLE = 200
"""Rows that column widths are taken from."""
_WIDEST = 44
_CELL = 240
"""Characters of a cell that leave the frame."""


@dataclass(frozen=True)
class Summary:
    """One corpus as a line of the list; numbers are None while they are counted."""

    name: str
    kind: str
    ingested: bool
    records: int | None = None
    errors: int | None = None
    warnings: int | None = None
    versions: int = 0
    newest: str = ""
    head: int = 0
    """The corpus' newest log row: with the same one, the numbers still hold."""
    fault: str = ""
    """Why the corpus cannot be read, if it cannot."""


@dataclass(frozen=True)
class Snapshot:
    """A corpus at one moment: its records, their issues and where each stands."""

    corpus: str
    state: State
    schema: Schema
    version: Version | None
    frame: pl.DataFrame
    """Current records, then dropped ones, with `split`, `reason`, `edited`, `dropped` and `mark`."""
    issues: pl.DataFrame
    rejects: pl.DataFrame
    views: Mapping[str, Places]
    """Rows of `frame` by view; of `rejects` in the view `quarantine`."""
    removed: pl.DataFrame | None = None
    """Removed duplicates with the kept record; None while they are looked for."""


def outline(store: Store) -> list[Summary]:
    """Return every corpus with what the log says at once; records and issues are still to be counted."""
    return [_outlined(store, name) for name in store.corpora()]


def _outlined(store: Store, name: str) -> Summary:
    known = versions(store.catalogue, name)
    newest = f"{known[-1].name}  {known[-1].at[:16].replace('T', ' ')}  {known[-1].id[:12]}" if known else ""
    line = Summary(name, "", bool(store.catalogue.rows(name, kinds=("delivery",))))
    try:
        line = replace(line, kind=store.corpus(name).schema_name)
    except WorkbenchError as error:
        line = replace(line, fault=error.what)
    return replace(line, versions=len(known), newest=newest, head=store.catalogue.head(name))


def counted(store: Store, summary: Summary) -> Summary:
    """Return a corpus' line with its records and issues counted, or with the fault that keeps them from it."""
    try:
        state, found = check(store, summary.name)
    except WorkbenchError as error:
        return replace(summary, fault=error.what)
    by_severity = dict(found.group_by("severity").len().iter_rows())
    errors, warnings = by_severity.get("error", 0), by_severity.get("warning", 0)
    return replace(summary, records=state.records.height, errors=errors, warnings=warnings)


def read(store: Store, corpus: str, removed: pl.DataFrame | None = None) -> Snapshot:
    """Return a corpus as it is now.

    Duplicates are looked for afterwards, with `with_duplicates`; until then `removed` stands for them.
    """
    state, found = check(store, corpus)
    known = versions(store.catalogue, corpus)
    version = known[-1] if known else None
    kept = state.records.with_columns(dropped=pl.lit(value=False))
    gone = state.dropped.with_columns(edited=pl.lit(value=False), dropped=pl.lit(value=True))
    frame = pl.concat([kept, gone.select(kept.columns)]).join(
        _standing(store, version), on="id", how="left", maintain_order="left"
    )
    schema = store.schema(store.corpus(corpus))
    return _marked(Snapshot(corpus, state, schema, version, frame, found, state.rejects, {}, removed))


def with_duplicates(store: Store, snapshot: Snapshot) -> Snapshot:
    """Return a snapshot that also knows which records are removed as duplicates."""
    return _marked(replace(snapshot, removed=curate(store, snapshot.corpus).judgement.removed))


def _standing(store: Store, version: Version | None) -> pl.DataFrame:
    if version is None:
        return pl.DataFrame(schema={"id": pl.String, "split": pl.String, "reason": pl.String})
    return store.objects.table(version.assignment, ["id", "split", "reason"])


def _marked(snapshot: Snapshot) -> Snapshot:
    """Add the column `mark` and the views."""

    def hit(severity: str) -> pl.Expr:
        records = snapshot.issues.filter(pl.col("severity") == severity)["record"].unique()
        return pl.col("id").is_in(records.to_list())

    removed = [] if snapshot.removed is None else snapshot.removed["id"].to_list()
    signs = {"*": pl.col("edited"), "!": hit("error"), "~": hit("warning")}
    signs |= {"=": pl.col("id").is_in(removed) | pl.col("dropped")}
    mark = pl.concat_str([pl.when(where).then(pl.lit(sign)).otherwise(pl.lit("")) for sign, where in signs.items()])
    frame = snapshot.frame.with_columns(mark=mark)
    return replace(snapshot, frame=frame, views=_views(frame, snapshot, removed))


def _views(frame: pl.DataFrame, snapshot: Snapshot, removed: list[str]) -> dict[str, Places]:
    faulty = snapshot.issues["record"].unique().to_list()
    here = ~pl.col("dropped")
    wanted = {
        ALL: here,
        ISSUES: here & pl.col("id").is_in(faulty),
        DUPLICATES: here & pl.col("id").is_in(removed),
    }
    wanted |= {side: here & (pl.col("split") == side) for side in (*SPLITS, "excluded")}
    wanted |= {DROPPED: pl.col("dropped")}
    views = {name: frame.select(pl.arg_where(where)).to_series().to_numpy() for name, where in wanted.items()}
    return views | {QUARANTINE: np.arange(snapshot.rejects.height)}


def find(snapshot: Snapshot, view: str, text: str) -> Places:
    """Return the rows of a view whose fields hold a text, whatever its case."""
    places = snapshot.views[view]
    if not text:
        return places
    if view == QUARANTINE:
        raws = snapshot.rejects["raw"].to_list()
        hits = [text.lower() in raw.decode("utf-8", "replace").lower() for raw in raws]
        return _kept(places, np.array(hits, dtype=bool))
    rows = snapshot.frame[places].select(searched(snapshot.schema))
    wanted = pl.any_horizontal(pl.all().str.to_lowercase().str.contains(text.lower(), literal=True))
    return _kept(places, rows.select(wanted.fill_null(value=False)).to_series().to_numpy())


def _kept(places: Places, mask: NDArray[np.bool_]) -> Places:
    kept: Places = places[mask]
    return kept


@dataclass(frozen=True)
class RecordSource:
    """Rows of a snapshot for the table."""

    snapshot: Snapshot
    places: Places
    columns: Sequence[Column]

    @property
    def n_rows(self) -> int:
        """Return the number of rows of this view."""
        return len(self.places)

    def window(self, start: int, stop: int) -> list[tuple[object, ...]]:
        """Return the cells of some rows."""
        rows = self.snapshot.frame[self.places[start:stop]]
        names = [column.label or "mark" for column in self.columns]
        return [tuple(_cell(value) for value in row) for row in rows.select(names).iter_rows()]


@dataclass(frozen=True)
class RejectSource:
    """Quarantined units for the table."""

    snapshot: Snapshot
    places: Places
    columns: Sequence[Column] = (Column("", 1), Column("reason", 32), Column("source", 16), Column("raw", 60))

    @property
    def n_rows(self) -> int:
        """Return the number of quarantined units."""
        return len(self.places)

    def window(self, start: int, stop: int) -> list[tuple[object, ...]]:
        """Return the cells of some units."""
        rows = self.snapshot.rejects[self.places[start:stop]].select("reason", "source", "raw")
        return [("!", why, source, raw[:_CELL].decode("utf-8", "replace")) for why, source, raw in rows.iter_rows()]


def source_of(snapshot: Snapshot, view: str, places: Places) -> RecordSource | RejectSource:
    """Return what the table shows of a view."""
    if view == QUARANTINE:
        return RejectSource(snapshot, places)
    return RecordSource(snapshot, places, columns_of(snapshot))


def columns_of(snapshot: Snapshot) -> list[Column]:
    """Return the mark, the schema's columns that hold anything, then split, source and id."""
    sample = snapshot.frame.head(_SAMPLE)
    filled = [name for name in snapshot.schema.columns if snapshot.frame[name].null_count() < snapshot.frame.height]
    split = ["split"] if snapshot.version else []
    widths = {name: _width(name, sample[name].to_list()) for name in (*filled, *split, "source")}
    return [Column("", 3), *(Column(name, width) for name, width in widths.items()), Column("id", 12)]


def _width(name: str, values: list[Any]) -> int:
    longest = max((len(str(_cell(value))) for value in values if value is not None), default=0)
    return max(min(longest, _WIDEST), min(len(name), 14))


def _cell(value: Any) -> object:  # noqa: ANN401 - any cell
    """Return a cell's value in one line; lists and turns show their entries side by side."""
    if isinstance(value, list):
        return " | ".join(str(_cell(entry)) for entry in value[:12])[:_CELL]
    if isinstance(value, dict):
        return ": ".join(str(part)[:_CELL] for part in value.values())
    return value[:_CELL] if isinstance(value, str) else value


def record_at(snapshot: Snapshot, place: int) -> Shown:
    """Return the record in a row of the frame."""
    row = snapshot.frame.row(place, named=True)
    record = row["id"]
    edits = [edit for edit in snapshot.state.of("edit") if snapshot.state.today(edit.subject) == record]
    return Shown(
        record=record,
        fields={name: row[name] for name in snapshot.schema.columns},
        extra=json.loads(row["extra"]),
        source=row["source"],
        digest=snapshot.state.deliveries[row["source"]].body["digest"],
        position=row["position"],
        span=(row["start"], row["end"]),
        dropped=row["dropped"],
        issues=snapshot.issues.filter(pl.col("record") == record).to_dicts(),
        edits=[{"seq": edit.seq, "at": edit.at, "who": edit.who, **edit.body} for edit in edits],
    )


def standing(snapshot: Snapshot, place: int) -> str:
    """Return where a record stands in the newest version, and whose duplicate it is, in words."""
    record, split, reason = snapshot.frame.row(place, named=True), "", ""
    if snapshot.version and record["split"]:
        split, reason = f"{snapshot.version.name} {record['split']}", record["reason"] or ""
    twin = _twin(snapshot, record["id"])
    return "; ".join(part for part in (split, reason, twin if twin not in reason else "") if part)


def _twin(snapshot: Snapshot, record: str) -> str:
    if snapshot.removed is None:
        return ""
    rows = snapshot.removed.filter(pl.col("id") == record).select("kept", "jaccard").iter_rows()
    return "".join(f"duplicate of {kept} (Jaccard {jaccard:.2f})" for kept, jaccard in rows)


def row_of(snapshot: Snapshot, places: Places, record: str) -> int | None:
    """Return the row of a view in which a record stands, or None."""
    return snapshot.frame["id"].gather(places).index_of(record)


def text_fields(snapshot: Snapshot) -> frozenset[str]:
    """Return the fields that hold plain text; all others are edited as JSON."""
    return frozenset(name for name, kind in snapshot.schema.types.items() if kind == pl.String)
