"""Take a delivery in: give each row its identity, keep what is new, match what vanished."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.fingerprint import digest_bytes, record_id
from workbench.store.catalogue import Entry
from workbench.store.edits import WHOLE, body_of
from workbench.store.heirs import matches
from workbench.store.intake import Arrival, Intake
from workbench.store.objects import Objects
from workbench.store.readmissions import standing, unit_of
from workbench.store.standing import LINEAGE, MEMBERS
from workbench.store.state import State

Keep = Callable[[Intake, pl.DataFrame, Objects], list[str]]
"""Keeps the fresh rows of a delivery as segments, each what `segment` makes of SEGMENT_ROWS rows, and names those."""


@dataclass(frozen=True)
class Taken:
    """The log entries of a delivery, not yet written, and its counts."""

    entries: list[Entry]
    counts: dict[str, int]
    left: Left


@dataclass(frozen=True)
class Left:
    """What a source held before and its new delivery does not."""

    heirs: list[tuple[str, str, str]]
    """(vanished record, its heir, how it was found)."""
    records: int
    """Records without an heir, but for dropped ones: they leave the corpus until a delivery holds them again."""


def take(intake: Intake, facts: dict[str, Any], state: State, keep: Keep | None = None) -> Taken:
    """Return the entries that add a delivery to a corpus; objects are written, the log is not.

    `facts` are what the delivery row says beside counts and objects (digest, reader, encoding, mapping, ...).
    `keep` writes the segments elsewhere than in this process. Counted: read = kept + merged + quarantined.
    """
    corpus, source = intake.of
    rows, counts = numbered(intake, state)
    gone = left(intake, rows, state)
    body = (
        facts
        | counts
        | {
            "key": list(intake.key),
            "first": state.next_rid,
            "segments": (keep or _segments)(intake, rows, state.objects),
            "members": state.objects.put_table(_members(intake, rows)),
            "rejects": state.objects.put_frames(intake.rejects.frames()),
        }
    )
    entries: list[Entry] = [("delivery", corpus, source, body)]
    entries += [("match", corpus, new, {"old": old, "by": by}) for old, new, by in gone.heirs]
    for number, arrival in intake.repaired.items():
        if rows["_fresh"][number]:
            entries += _repairs(corpus, rows["id"][number], arrival)
    return Taken(entries, counts, gone)


def numbered(intake: Intake, state: State) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the rows of a delivery with their identities and numbers, and its counts; nothing is written.

    `_fresh` are rows to keep, the others are here already. Counted: read = kept + merged + quarantined.
    """
    rows = _numbered(_identified(intake, state), state, intake.of[1])
    fresh, quarantined = int(rows["_fresh"].sum()), len(intake.rejects)
    counts = {"kept": fresh, "merged": rows.height - fresh, "quarantined": quarantined}
    return rows, {"read": rows.height + quarantined} | counts


def _identified(intake: Intake, state: State) -> pl.DataFrame:
    """Return `id` and `row_digest` of each row.

    Identity comes from the row's content, never from its position, its mapping or the past.
    """
    corpus, source = intake.of
    rows = intake.table(["row_digest", "_id"]).rename({"_id": "id"})
    taken = state.current.filter(pl.col("source") == source)["id"] if intake.joins else pl.Series([], dtype=pl.String)
    known = rows["id"].is_in(taken.implode())
    doubtful = (rows["id"].is_duplicated() | known).arg_true().to_numpy()
    if not len(doubtful):
        return rows
    told = _told_apart(_keys(intake, doubtful).with_columns(taken=known.gather(doubtful)))
    # A key that several rows share names none of them: each adds its own digest.
    # A running number comes last, only among identical rows.
    ids = [
        record_id(corpus, source, [name, *([own] if crowded else []), *([running] if running else [])])
        for name, own, running, crowded in told.select("_name", "_own", "running", "crowded").iter_rows()
    ]
    renamed = pl.DataFrame({"row": doubtful, "renamed": ids}, schema={"row": pl.Int64, "renamed": pl.String})
    numbered = rows.with_columns(row=pl.int_range(pl.len()))
    joined = numbered.join(renamed, on="row", how="left", maintain_order="left")
    return joined.select("row_digest", id=pl.coalesce("renamed", "id"))


def _keys(intake: Intake, numbers: NDArray[np.int64]) -> pl.DataFrame:
    """Return the digests of key and row of some rows; those of all rows at once would not fit beside the rest."""
    parts, start = [], 0
    for frame in intake.frames(["_name", "_own"]):
        here = numbers[(start <= numbers) & (numbers < start + frame.height)] - start
        parts.append(frame[here])
        start += frame.height
    return pl.concat(parts).with_columns(pl.coalesce("_name", "_own").alias("_name"))


def _told_apart(alike: pl.DataFrame) -> pl.DataFrame:
    """Add each row's running number among identical ones, and whether others share its key."""
    return alike.with_columns(
        running=pl.int_range(pl.len()).over("_name", "_own"),
        crowded=(pl.col("_own").n_unique().over("_name") > 1) | pl.col("taken"),
    )


def _numbered(rows: pl.DataFrame, state: State, source: str) -> pl.DataFrame:
    """Add `_fresh` and the number of the stored row that each row is."""
    known = state.index.filter(pl.col("source") == source).select("id", "row_digest", "rid")
    # Two deliveries may have stored one row twice, where two processes ingested at once: the newest one counts.
    known = known.unique(["id", "row_digest"], keep="last")
    if known.is_empty():
        joined = rows.with_columns(rid=pl.lit(None, pl.Int64))
    else:
        joined = rows.join(known, on=["id", "row_digest"], how="left", maintain_order="left")
    fresh = pl.col("rid").is_null()
    return joined.with_columns(
        _fresh=fresh, rid=pl.when(fresh).then(state.next_rid + fresh.cum_sum() - 1).otherwise("rid")
    )


def segment(brought: pl.DataFrame, rows: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return what is stored of some brought rows: those that are not stored yet, with their lineage.

    `brought` holds `extra` and the schema's columns, `rows` what `take` found of them: `id`, `row_digest`, `rid` and
    whether they are `_fresh`.
    """
    fields = [name for name in brought.columns if name != "extra"]
    fresh = brought.hstack(rows).filter("_fresh")
    return fresh.with_columns(source=pl.lit(source)).select(*LINEAGE, *fields).rechunk()


def _segments(intake: Intake, rows: pl.DataFrame, objects: Objects) -> list[str]:
    names, start = [], 0
    for frame in intake.frames(["extra", *intake.types]):
        stored = segment(frame, rows.slice(start, frame.height), intake.of[1])
        start += frame.height
        if stored.height:
            names.append(objects.put_table(stored))
    return names


def _members(intake: Intake, rows: pl.DataFrame) -> pl.DataFrame:
    return intake.table(["position", "start", "end"]).hstack(rows.select("rid")).select(*MEMBERS)


def left(intake: Intake, rows: pl.DataFrame, state: State) -> Left:
    """Return what the source of a delivery held that its `rows`, those of `numbered`, do not; nothing is written."""
    source = intake.of[1]
    before = state.current.filter(pl.col("source") == source).sort("position")
    before = before.filter(~pl.col("id").is_in(_staying(intake, rows, state, source)))
    vanished = before.join(rows, on="id", how="anti")
    if intake.joins or vanished.is_empty():
        return Left([], 0)
    heirs = _heirs(intake, (before, rows), vanished, state)
    without = set(vanished["id"]).difference((old for old, _, _ in heirs), state.gone)
    return Left(heirs, len(without))


def _heirs(
    intake: Intake, sides: tuple[pl.DataFrame, pl.DataFrame], vanished: pl.DataFrame, state: State
) -> list[tuple[str, str, str]]:
    """Return (vanished record, its heir, how it was found); `sides` are the source's rows before and after."""
    before, rows = sides
    newcomers = rows.join(before, on="id", how="anti")
    if newcomers.is_empty():
        return []
    brought = intake.table(list(intake.types)).hstack(rows)
    known = state.delivered.join(vanished.select("id"), on="id", how="semi", maintain_order="left")
    arrived = brought.join(newcomers.select("id"), on="id", how="semi", maintain_order="left")
    return matches(known, arrived, (before["id"].to_list(), rows["id"].to_list()), state.schema)


def _staying(intake: Intake, rows: pl.DataFrame, state: State, source: str) -> list[str]:
    """Return the re-admitted records that stand after this delivery: none vanished, or has neighbours in the file."""
    made = state.of("readmission")
    if not made:
        return []
    known = {unit_of(row) for row in made}
    waiting = ((source, digest_bytes(raw)) for frame in intake.rejects.frames() for raw in frame["raw"])
    units = Counter(unit for unit in waiting if unit in known)
    return [row.subject for row in standing(made, units, rows["id"].to_list())]


def _repairs(corpus: str, record: str, arrival: Arrival) -> Iterable[Entry]:
    """Return a reader's changes as edits, so that each can be seen and undone."""
    for repair in arrival.repairs:
        if repair.field == WHOLE:
            yield "edit", corpus, record, body_of(WHOLE, before=False, value=True, reason=repair.reason)
        else:
            before = arrival.fields.get(repair.field)
            yield "edit", corpus, record, body_of(repair.field, before, repair.value, repair.reason)
