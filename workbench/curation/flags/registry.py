"""What a quality flag is, and the list of all functions that look for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from workbench.curation.flags.view import View
from workbench.schema import Severity

VALUE_LENGTH = 200
"""Characters of the offending value kept in an issue."""
LOOKED_AT = 4000
"""Characters of it in which secrets are looked for, so that none is cut before it can be told: the longest is a key."""


class Issue(NamedTuple):
    """One row of an issue table."""

    record: str
    rule: str
    field: str
    value: str
    severity: Severity
    message: str
    hint: str
    fix: str | None


@dataclass(frozen=True)
class Flag:
    """What one rule says wherever it is broken."""

    rule: str
    severity: Severity
    message: str
    hint: str

    def issue(self, record: str, field: str, value: str, fix: str | None = None, message: str = "") -> Issue:
        """Return the issue of one record; `message` replaces the flag's own where the record has more to say."""
        said = message or self.message
        return Issue(record, self.rule, field, value[:LOOKED_AT], self.severity, said, self.hint, fix)


Look = Callable[[View], Iterator[Issue]]
RECORD_LOOKS: list[Look] = []
"""Looks whose issues of a record depend on that record alone: they can be kept and used again."""
CORPUS_LOOKS: list[Look] = []
"""Looks that compare records with each other; they need `source` and `position` as well."""
FLAGS: dict[str, Flag] = {}


def of_record(*flags: Flag) -> Callable[[Look], Look]:
    """Register a look at each record by itself, with the flags it can raise."""
    return _registrar(RECORD_LOOKS, flags)


def of_corpus(*flags: Flag) -> Callable[[Look], Look]:
    """Register a look at all records together, with the flags it can raise."""
    return _registrar(CORPUS_LOOKS, flags)


def _registrar(looks: list[Look], flags: tuple[Flag, ...]) -> Callable[[Look], Look]:
    def register(look: Look) -> Look:
        looks.append(look)
        FLAGS.update({flag.rule: flag for flag in flags})
        return look

    return register
