"""Take a delivery in: give each row its identity, keep what is new, match what vanished."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from workbench.curation.duplicates import FLOOR, units, verified_pairs
from workbench.fingerprint import digest, record_id
from workbench.readers.record import Origin, Reject, Repair
from workbench.schema import Schema
from workbench.store.catalogue import Entry
from workbench.store.edits import WHOLE, body_of
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
    entries += [("match", corpus, new, {"old": old, "by": by}) for old, new, by in _matches(named, source, state)]
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


def _matches(named: list[_Named], source: str, state: State) -> list[tuple[str, str, str]]:
    """Return (vanished record, its heir, how it was found) for the records this delivery no longer holds.

    The same row under another id comes first (a key that came to be shared), then a near duplicate, then the same
    place between the same neighbours.
    """
    before = state.delivered.filter(pl.col("source") == source).sort("position")
    here = [record for (record, _), _ in named]
    present, known = set(here), set(before["id"])
    vanished = [record for record in before["id"] if record not in present]
    newcomers = [record for record in here if record not in known]
    if not vanished or not newcomers:
        return []
    same = _same_rows(before.filter(pl.col("id").is_in(vanished)), named, set(newcomers))
    vanished = [record for record in vanished if record not in same]
    newcomers = sorted(set(newcomers) - set(same.values()))
    near = _near_heirs(
        before.filter(pl.col("id").is_in(vanished)), _frame(named, newcomers, state.schema), state.schema
    )
    taken = {*near.values(), *same.values()}
    placed = _placed_heirs(before["id"].to_list(), here)
    rest = {old: new for old, new in placed.items() if old not in near | same and new not in taken}
    found = {"row": same, "near": near, "place": rest}
    return [(old, new, by) for by, heirs in found.items() for old, new in heirs.items()]


def _same_rows(vanished: pl.DataFrame, named: list[_Named], newcomers: set[str]) -> dict[str, str]:
    """Return the vanished records whose very row stands here under another id."""
    waiting: dict[str, list[str]] = defaultdict(list)
    for (record, own), _ in named:
        if record in newcomers:
            waiting[own].append(record)
    return {old: waiting[own].pop(0) for old, own in vanished.select("id", "row_digest").iter_rows() if waiting[own]}


def _frame(named: list[_Named], wanted: list[str], schema: Schema) -> pl.DataFrame:
    chosen = set(wanted)
    rows = [{"id": record, **arrival.fields} for (record, _), arrival in named if record in chosen]
    return pl.DataFrame(rows, schema={"id": pl.String, **schema.types})


def _near_heirs(vanished: pl.DataFrame, newcomers: pl.DataFrame, schema: Schema) -> dict[str, str]:
    both = pl.concat([vanished.select("id", *schema.columns), newcomers.select("id", *schema.columns)])
    all_units = units(schema.derived(both), schema)
    old, new = set(vanished["id"]), set(newcomers["id"])
    records = {unit.name: unit.records for unit in all_units}
    pairs = [(1.0, a, b) for unit in all_units for a, b in _zipped(unit.records, unit.records, old, new)]
    for a, b, similarity, _ in verified_pairs(all_units, schema.declared.duplicates.ngram).iter_rows():
        if similarity >= FLOOR:
            pairs += [(similarity, x, y) for x, y in _zipped(records[a], records[b], old, new)]
            pairs += [(similarity, x, y) for x, y in _zipped(records[b], records[a], old, new)]
    out: dict[str, str] = {}
    taken: set[str] = set()
    for _, a, b in sorted(pairs, key=lambda p: (-p[0], p[1], p[2])):
        if a not in out and b not in taken:
            out[a] = b
            taken.add(b)
    return out


def _zipped(left: tuple[str, ...], right: tuple[str, ...], old: set[str], new: set[str]) -> Iterable[tuple[str, str]]:
    """Pair the vanished of one unit with the newcomers of another, one to one: equals need no choice among them."""
    return zip(sorted(old.intersection(left)), sorted(new.intersection(right)), strict=False)


def _placed_heirs(before: list[str], after: list[str]) -> dict[str, str]:
    """Return the records that stand between the same two neighbours as a vanished one did."""
    spots = {(left, right): record for left, record, right in _triples(after)}
    known = set(before)
    gone = known - set(after)
    return {
        record: spots[left, right]
        for left, record, right in _triples(before)
        if record in gone and (left, right) in spots and spots[left, right] not in known
    }


def _triples(records: list[str]) -> Iterable[tuple[str, str, str]]:
    return zip(["", *records], records, [*records[1:], ""], strict=False)
