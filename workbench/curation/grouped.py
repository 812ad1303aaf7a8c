"""What is cut: records by number, in groups that stay together; and how a cut came out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.sides import EXCLUDED, NONE, Codes, Mask, Numbers, picked

QUOTAS, THRESHOLDS = "quotas", "thresholds"


@dataclass(frozen=True)
class Grouped:
    """All current records of a corpus by number: their groups, and what earlier cuts bind them to."""

    ids: pl.Series
    """In order: a record's number is its place here."""
    group: Numbers
    """Number of the first record of each record's group; that one's id names the group."""
    prior: Codes
    """The split each record once had."""
    tested: Numbers
    """Number of the version whose test each record first stood in, 0 for none."""
    eligible: Mask
    """Which records get a side; the others tell where their group stands."""

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.ids)

    @property
    def fresh(self) -> bool:
        """Return whether no record was ever assigned."""
        return not (self.prior >= 0).any()

    def reached(self) -> Codes:
        """Return by group the highest split that its records once had."""
        return highest_of_groups(self.group, self.prior)

    def first_tested(self) -> Numbers:
        """Return by group the number of the version whose test a record of it first stood in, 0 for none."""
        none = np.iinfo(np.int64).max
        first = np.full(len(self), none)
        held = np.flatnonzero(self.tested)
        np.minimum.at(first, self.group[held], self.tested[held])
        return np.where(first == none, 0, first)


def highest_of_groups(group: Numbers, sides: Codes) -> Codes:
    """Return by group the highest split that its records stand on."""
    out = np.full(len(group), NONE, np.int8)
    held = np.flatnonzero(sides >= 0)
    np.maximum.at(out, group[held], sides[held])
    return out


class Reasons:
    """Why records are excluded: each reason once, and for each record the number of its reason, NONE without one."""

    def __init__(self, records: int) -> None:
        """Give no record a reason yet."""
        self.given = np.full(records, NONE, np.int32)
        self.named: list[str] = []

    def give(self, records: Mask | Numbers, reason: str) -> None:
        """Give some records a reason, in place of the one that they had."""
        if reason not in self.named:
            self.named.append(reason)
        self.given[records] = self.named.index(reason)

    def told(self) -> pl.Series:
        """Return the reason of each record."""
        return picked(pl.Series(self.named, dtype=pl.String), self.given)


@dataclass(frozen=True)
class Cut:
    """Where each record went, and why a record is excluded."""

    side: Codes
    """NONE for records that were not to be cut."""
    reasons: Reasons
    settled: Codes | None = None
    """Where later cuts start from, where that is more than what stands here."""
    method: str = QUOTAS
    """How free groups were placed."""
    too_big: int = 0
    """Groups of several records that no side had room for half of, or, with counts, that fitted nowhere."""

    def exclude(self, records: Mask | Numbers, reason: str) -> None:
        """Take some records from their sides."""
        self.side[records] = EXCLUDED
        self.reasons.give(records, reason)

    @property
    def standing(self) -> Mask:
        """Return which records stand on a side."""
        on: NDArray[np.bool_] = (self.side >= 0) & (self.side < EXCLUDED)
        return on
