"""JSON rows that hold a conversation in pieces: a system column, a history, turns to complete, two answers, ChatML."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from types import ModuleType
from typing import Any

from workbench.readers import json_array, jsonl
from workbench.readers.body import load
from workbench.readers.field_spec import MappingError
from workbench.readers.record import Proposal, Reading, Record, Reject
from workbench.readers.sight import Claim, Sight, look
from workbench.readers.turn_shapes import gathered, is_in_pieces

SUFFIXES: tuple[str, ...] = ()

_LOOKED_AT = 20
_GUESS = "the pieces of each conversation are read as one list of turns, `messages`; a worse answer as `rejected`"


def recognise(sight: Sight) -> Claim | None:
    """Claim JSON or JSON Lines whose first rows are in pieces; whole conversations are left to their readers."""
    if sight.path.is_dir() or not sight.encoding.name:
        return None
    for module in (jsonl, json_array):
        claim = module.recognise(sight)
        if claim and _in_pieces(Reading(sight.path, Proposal(_name(module), sight.encoding.name)), module):
            return Claim(claim.strength + 5, (*claim.guesses, _GUESS))
    return None


def _in_pieces(reading: Reading, module: ModuleType) -> bool:
    """Return whether the first rows are conversations, some of them in pieces; up to half of them may be torn."""
    first = [unit.fields for unit in islice(module.read(reading), _LOOKED_AT) if isinstance(unit, Record)]
    told = [_told(row) for row in first]
    return None not in told and told.count(True) * 2 >= len(told) and any(map(_is_in_pieces, first))


def _told(row: dict[str, Any]) -> bool | None:
    """Return whether a row is a conversation, False for one whose pieces do not fit, None for anything else."""
    try:
        return True if gathered(row) or "messages" in row or "conversations" in row else None
    except MappingError:
        return False


def _is_in_pieces(row: dict[str, Any]) -> bool:
    return _told(row) is True and is_in_pieces(row)


def read(reading: Reading) -> Iterator[Record | Reject]:
    """Yield each row with its conversation gathered; one whose pieces do not fit together is a reject."""
    load(reading.path, reading.proposal.encoding)  # refuses what is no file, and an encoding that is none
    sight = look(reading.path, reading.proposal.encoding)
    module = jsonl if jsonl.recognise(sight) else json_array
    for unit in module.read(reading):
        yield _unit(unit, reading) if isinstance(unit, Record) else unit


def _unit(record: Record, reading: Reading) -> Record | Reject:
    try:
        fields = gathered(record.fields)
    except MappingError as error:
        with reading.path.open("rb") as handle:
            handle.seek(record.origin.start)
            raw = handle.read(record.origin.end - record.origin.start)
        return Reject(raw, record.origin, f"not a conversation: {error}")
    return record if fields is None else record._replace(fields=fields)


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]
