"""Take a delivery in: give each row its identity, keep what is new, match what vanished."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from workbench.fingerprint import digest, record_id
from workbench.readers.record import Origin, Reject, Repair
from workbench.schema import Schema
from workbench.store.catalogue import Entry
from workbench.store.edits import WHOLE, body_of
from workbench.store.heirs import matches
from workbench.store.objects import Objects
from workbench.store.state import LINEAGE, MEMBERS, REJECTS, State

SEGMENT_ROWS = 16_384


@dataclass(frozen=True, slots=True)
class Arrival:
    """One mapped row on its way in."""

    fields: dict[str, Any]
    """The schema's fields."""
    extra: dict[str, Any]
    """Raw columns that no field took."""
    raw: dict[str, Any]
    """The row as parsed: what its identity is made from."""
    origin: Origin
    repairs: tuple[Repair, ...] = ()
    """Repairs by schema field."""


@dataclass
class Intake:
    """What one delivery brought, counted: read = kept + merged + quarantined."""

    arrivals: list[Arrival] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    joins: bool = False
    """Whether the rows stand beside those of the newest delivery instead of replacing them."""


@dataclass(frozen=True)
class Taken:
    """The log entries of a delivery, not yet written, and its counts."""

    entries: list[Entry]
    counts: dict[str, int]


def take(intake: Intake, facts: dict[str, Any], key: tuple[str, ...], place: tuple[str, str, State]) -> Taken:
    """Return the entries that add a delivery to a corpus; objects are written, the log is not.

    `facts` are what the delivery row says beside counts and objects (digest, reader, encoding, mapping, ...);
    `key` names the raw columns that identify a row, none meaning the whole row; `place` is (corpus, source, state).
    """
    corpus, source, state = place
    named = _identified(intake, key, place)
    known = {(r, d): rid for r, d, rid in _known(state, source).select("id", "row_digest", "rid").iter_rows()}
    fresh = [item for item in named if item[0][:2] not in known]
    first = state.next_rid
    rids = known | {item[0][:2]: first + i for i, item in enumerate(fresh)}
    members = [_member(rids[item[0][:2]], item[1].origin) for item in named]
    quarantined = len(intake.rejects)
    counts = {
        "read": len(named) + quarantined,
        "kept": len(fresh),
        "merged": len(named) - len(fresh),
        "quarantined": quarantined,
    }
    body = (
        facts
        | counts
        | {
            "key": list(key),
            "segments": _segments(fresh, first, (source, state)),
            "members": state.objects.put_table(pl.DataFrame(members, schema=MEMBERS)),
            "rejects": _kept_rejects(intake.rejects, state.objects),
        }
    )
    entries: list[Entry] = [("delivery", corpus, source, body)]
    found = matches(_before(state, source), _named_frame(named, state.schema), state.schema)
    entries += [("match", corpus, new, {"old": old, "by": by}) for old, new, by in found]
    entries += [entry for item in fresh for entry in _repairs(corpus, item)]
    return Taken(entries, counts)


_Named = tuple[tuple[str, str], Arrival]


def _identified(intake: Intake, key: tuple[str, ...], place: tuple[str, str, State]) -> list[_Named]:
    """Return each arrival with (record id, digest of the row and its fields).

    Identity comes from the row's content, never from its position, its mapping or the past.
    """
    corpus, source, state = place
    digests = [digest(arrival.raw) for arrival in intake.arrivals]
    keys = [
        digest([a.raw.get(name) for name in key]) if key else d for a, d in zip(intake.arrivals, digests, strict=True)
    ]
    rows = list(zip(keys, digests, strict=True))
    owners: dict[str, set[str]] = defaultdict(set)
    for name, own in rows:
        owners[name].add(own)
    taken = set(_known(state, source)["id"]) if intake.joins else set()
    seen: Counter[tuple[str, str]] = Counter()
    out = []
    for arrival, (name, own) in zip(intake.arrivals, rows, strict=True):
        crowded = len(owners[name]) > 1 or record_id(corpus, source, [name]) in taken
        # A key that several rows share names none of them: each adds its own digest.
        parts: list[Any] = [name, own] if crowded else [name]
        if seen[name, own]:
            parts.append(seen[name, own])  # a running number, only among identical rows
        seen[name, own] += 1
        # A row mapped anew is another stored row of the same record.
        out.append(((record_id(corpus, source, parts), digest([own, arrival.fields])), arrival))
    return out


def _known(state: State, source: str) -> pl.DataFrame:
    return state.stored.filter(pl.col("source") == source)


def _member(rid: int, origin: Origin) -> dict[str, int]:
    return {"rid": rid, "position": origin.position, "start": origin.start, "end": origin.end}


def _segments(fresh: list[_Named], first: int, place: tuple[str, State]) -> list[str]:
    source, state = place
    types: dict[str, Any] = {**LINEAGE, **state.schema.types}
    names = []
    for start in range(0, len(fresh), SEGMENT_ROWS):
        rows = [
            {
                "rid": first + start + i,
                "id": record,
                "source": source,
                "row_digest": own,
                "extra": json.dumps(arrival.extra, ensure_ascii=False, default=str, sort_keys=True),
                **arrival.fields,
            }
            for i, ((record, own), arrival) in enumerate(fresh[start : start + SEGMENT_ROWS])
        ]
        names.append(state.objects.put_table(pl.DataFrame(rows, schema=types)))
    return names


def _kept_rejects(rejects: list[Reject], objects: Objects) -> str | None:
    if not rejects:
        return None
    rows = [
        {
            "position": r.origin.position,
            "start": r.origin.start,
            "end": r.origin.end,
            "reason": r.reason,
            "raw": r.raw,
        }
        for r in rejects
    ]
    return objects.put_table(pl.DataFrame(rows, schema=REJECTS))


def _repairs(corpus: str, item: _Named) -> Iterable[Entry]:
    """Return a reader's changes as edits, so that each can be seen and undone."""
    (record, _), arrival = item
    for repair in arrival.repairs:
        if repair.field == WHOLE:
            yield "edit", corpus, record, body_of(WHOLE, before=False, value=True, reason=repair.reason)
        else:
            before = arrival.fields.get(repair.field)
            yield "edit", corpus, record, body_of(repair.field, before, repair.value, repair.reason)


def _before(state: State, source: str) -> pl.DataFrame:
    return state.delivered.filter(pl.col("source") == source).sort("position")


def _named_frame(named: list[_Named], schema: Schema) -> pl.DataFrame:
    rows = [{"id": record, "row_digest": own, **arrival.fields} for (record, own), arrival in named]
    return pl.DataFrame(rows, schema={"id": pl.String, "row_digest": pl.String, **schema.types})
