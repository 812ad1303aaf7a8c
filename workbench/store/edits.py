"""Edits replay: each names the value it was made for, and applies only where that value is found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workbench.fingerprint import digest
from workbench.store.catalogue import Entry, Row

WHOLE = ""
"""The field of an edit that drops (value true) or restores (value false) the whole record."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one field of one record."""

    seq: int
    record: str
    field: str
    before: str
    """Digest of the value the edit was made for."""
    value: Any
    reason: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """An edit that no longer fits its record: it was made for another value."""

    edit: Edit
    found: Any


@dataclass(frozen=True)
class Replayed:
    """The values that edits give, record by record, and the edits that do not fit."""

    values: Mapping[str, Mapping[str, Any]]
    conflicts: tuple[Conflict, ...]
    absorbed: tuple[Edit, ...]
    """Edits whose value the source has meanwhile taken over."""
    applied: Mapping[int, Any]
    """The value that each edit in force replaced, by its log row."""
    of: Mapping[int, str]
    """The record that each edit in force changes now, by its log row."""

    def without(self, records: Collection[str], today: Callable[[str], str]) -> Replayed:
        """Return what is left where some records were never edited."""
        return Replayed(
            {record: values for record, values in self.values.items() if record not in records},
            tuple(one for one in self.conflicts if today(one.edit.record) not in records),
            tuple(edit for edit in self.absorbed if today(edit.record) not in records),
            {seq: value for seq, value in self.applied.items() if self.of[seq] not in records},
            {seq: record for seq, record in self.of.items() if record not in records},
        )

    def __or__(self, other: Replayed) -> Replayed:
        """Return this together with what the edits of other records give."""
        conflicts = sorted((*self.conflicts, *other.conflicts), key=lambda one: one.edit.seq)
        absorbed = sorted((*self.absorbed, *other.absorbed), key=lambda edit: edit.seq)
        return Replayed(
            {**self.values, **other.values},
            tuple(conflicts),
            tuple(absorbed),
            {**self.applied, **other.applied},
            {**self.of, **other.of},
        )


def edit_of(row: Row) -> Edit:
    """Return the edit that a log row holds."""
    body = row.body
    return Edit(row.seq, row.subject, body["field"], body["before"], body["value"], body["reason"])


def body_of(field: str, before: Any, value: Any, reason: str) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    """Return the log body of an edit."""
    return {"field": field, "before": digest(before), "value": value, "reason": reason}


def as_one(entries: list[Entry]) -> list[Entry]:
    """Return entries of edits, named as one action where there are several: an undo takes back all of it."""
    if len(entries) < 2:
        return entries
    action = digest([[record, body] for _, _, record, body in entries])[:16]
    return [(kind, corpus, record, body | {"action": action}) for kind, corpus, record, body in entries]


Kinship = Literal["same", "near", "place"]
"""How a record came to stand for another: it is it or its very row, a near duplicate, or what stands in its place."""
_EMPTY = (digest(None), digest(""), digest([]))


def replay(
    edits: Iterable[Edit], base: Mapping[str, Mapping[str, Any]], today: Callable[[str], tuple[str, Kinship]]
) -> Replayed:
    """Apply edits in log order to the records they belong to now.

    `base`: record -> its fields as delivered (with WHOLE: False); `today`: the record that stands for a vanished
    one, and why. An edit that proves little (a drop, or one made for an empty value) never passes to a record that
    only resembles the old one or took its place: it is a conflict for a person. Else an edit applies where the
    digest of the present value is its `before`; one whose value is already there is absorbed; everything else, also
    one whose record is gone, is a conflict until a later edit of the same field fits. Replaying twice changes
    nothing.
    """
    values: dict[str, dict[str, Any]] = defaultdict(dict)
    conflicts: dict[tuple[str, str], list[Conflict]] = defaultdict(list)
    absorbed: list[Edit] = []
    applied: dict[int, Any] = {}
    changed: dict[int, str] = {}
    for edit in edits:
        record, kinship = today(edit.record)
        place = (record, edit.field)
        if record not in base:
            conflicts[place].append(Conflict(edit, None))
            continue
        present = values[record].get(edit.field, base[record].get(edit.field))
        if _proves_little(edit, kinship):
            conflicts[place].append(Conflict(edit, present))
            continue
        if digest(present) == edit.before:
            values[record][edit.field] = edit.value
            applied[edit.seq], changed[edit.seq] = present, record
        elif digest(present) == digest(edit.value):
            absorbed.append(edit)
        else:
            conflicts[place].append(Conflict(edit, present))
            continue
        conflicts.pop(place, None)
    standing = sorted((one for many in conflicts.values() for one in many), key=lambda one: one.edit.seq)
    return Replayed(dict(values), tuple(standing), tuple(absorbed), applied, changed)


def _proves_little(edit: Edit, kinship: Kinship) -> bool:
    if edit.field == WHOLE:
        return kinship != "same"
    return kinship == "place" and edit.before in _EMPTY
