"""The issues of a corpus by row number, for screens: kept in a mapped file, and looked for again where one edits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from workbench.curation.quality import RULES_VERSION, unchecked
from workbench.curation.validate import ISSUES, record_issues
from workbench.errors import OutsideError
from workbench.fingerprint import digest
from workbench.services.checking.check import SEVERITIES, check
from workbench.services.looking.opened import Opened
from workbench.services.looking.selection import among
from workbench.services.records.editing import COMPARED
from workbench.store.store import Store
from workbench.store.view import Rows, believed, write

NUMBERED = {"row": pl.Int64, **ISSUES}
"""Columns of an issue table by row."""


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema=NUMBERED)


@dataclass(frozen=True)
class IssueRows:
    """All issues of a corpus; those of records that changed since stand apart, so that nothing is written again."""

    found: pl.DataFrame
    """The issues as they were found, by row; mapped where they are many."""
    changed: Rows
    """Rows that changed since then, ascending: what was found of them counts no more."""
    fresh: pl.DataFrame = field(default_factory=_none)
    """What is wrong with those now."""

    def _rows(self, where: pl.Expr | None = None) -> Rows:
        whole = pl.lit(value=True) if where is None else where
        old = self.found.lazy().filter(whole).select("row").collect()["row"].to_numpy()
        new = self.fresh.filter(whole)["row"].to_numpy()
        rows: Rows = np.unique(np.concatenate([old[~among(old, self.changed)], new]))
        return rows

    @cached_property
    def faulty(self) -> Rows:
        """Return the rows with any issue, ascending."""
        return self._rows()

    @cached_property
    def errors(self) -> Rows:
        """Return the rows with an error, ascending."""
        return self._rows(pl.col("severity") == "error")

    @cached_property
    def warnings(self) -> Rows:
        """Return the rows with a warning, ascending."""
        return self._rows(pl.col("severity") == "warning")

    def of_rule(self, rule: str) -> Rows:
        """Return the rows that break a rule, ascending."""
        return self._rows(pl.col("rule") == rule)

    def at(self, row: int) -> list[dict[str, Any]]:
        """Return the issues of a row, errors first."""
        rows = self.found["row"].to_numpy()
        first, last = (int(place) for place in np.searchsorted(rows, [row, row + 1]))
        old = self.found[first:last] if not among(np.array([row]), self.changed)[0] else _none()
        issues = [*old.to_dicts(), *self.fresh.filter(row=row).to_dicts()]
        return sorted(issues, key=lambda issue: SEVERITIES.index(issue["severity"]))

    @cached_property
    def counts(self) -> list[tuple[str, str, int]]:
        """Return rule, severity and number of records, errors first, most frequent first."""
        old = self.found.lazy().select("row", "rule", "severity")
        if len(self.changed):
            old = old.filter(~pl.col("row").is_in(self.changed))
        parts = pl.concat([old, self.fresh.lazy().select("row", "rule", "severity")])
        counted = parts.group_by("rule", "severity").agg(pl.col("row").n_unique()).collect().rows()
        return sorted(counted, key=lambda line: (SEVERITIES.index(line[1]), -line[2], line[0]))

    def fixable(self, rule: str, samples: int) -> tuple[int, list[dict[str, Any]]]:
        """Return how many issues of a rule come with a suggested fix, and the first of them."""
        where = (pl.col("rule") == rule) & pl.col("fix").is_not_null()
        old = self.found.lazy().filter(where)
        if len(self.changed):
            old = old.filter(~pl.col("row").is_in(self.changed))
        count = old.select(pl.len()).collect().item() + self.fresh.filter(where).height
        first = pl.concat([old.head(samples).collect(), self.fresh.filter(where).head(samples)])
        return count, first.head(samples).to_dicts()


def issue_rows(store: Store, opened: Opened) -> IssueRows | None:
    """Return the issues of a corpus; None where it is large and nobody has looked for them yet."""
    if opened.delivered.height <= COMPARED:
        return IssueRows(_numbered(opened, check(store, opened.corpus)[1]), np.empty(0, np.int64))
    for path in sorted(store.workspace.cache.glob(f"{_stem(opened)}-*.arrow"), key=_upto, reverse=True):
        found = _opened(path)
        if found is not None and _upto(path) <= opened.seen:
            return _since(opened, IssueRows(found, np.empty(0, np.int64)), _upto(path))
    return None


def followed(store: Store, opened: Opened, issues: IssueRows, seen: int) -> IssueRows:
    """Return the issues after edits, which were made behind a log row; in a large corpus only their records count.

    What comes from comparing such a record with all others is known again with the next full look.
    """
    if opened.delivered.height <= COMPARED:
        return issue_rows(store, opened) or issues
    return _since(opened, issues, seen)


def _since(opened: Opened, issues: IssueRows, seen: int) -> IssueRows:
    state = opened.state
    touched = {state.today(row.subject) for row in state.of("edit") if row.seq > seen}
    rows = opened.rows(touched)
    if not len(rows):
        return issues
    standing = rows[~among(rows, opened.dropped)]
    found = record_issues(opened.pages.page(standing), opened.schema)
    fresh = issues.fresh.filter(~pl.col("row").is_in(rows))
    now = _numbered(opened, found, standing)
    return replace(issues, changed=np.union1d(issues.changed, rows), fresh=pl.concat([fresh, now]).sort("row"))


def _numbered(opened: Opened, found: pl.DataFrame, rows: Rows | None = None) -> pl.DataFrame:
    """Return issues with the rows of their records, in their order."""
    ids = opened.delivered["id"] if rows is None else opened.delivered["id"].gather(rows)
    numbers = pl.Series("row", np.arange(len(ids)) if rows is None else rows, dtype=pl.Int64)
    known = pl.DataFrame([numbers, ids.alias("record")])
    return found.join(known, on="record").select(*NUMBERED).sort("row", maintain_order=True)


def keep(store: Store, opened: Opened, found: pl.DataFrame) -> None:
    """Keep the issues of a corpus for screens, instead of older ones; where the disk takes nothing, nothing is kept."""
    folder = store.workspace.cache
    older = list(folder.glob(f"{_stem(opened, any_key=True)}-*.arrow"))
    path = folder / f"{_stem(opened)}-{opened.seen}.arrow"
    try:
        write(path, _numbered(opened, found), _stamp(path))
    except OutsideError:
        return
    _remove(old for old in older if old != path)


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _stem(opened: Opened, *, any_key: bool = False) -> str:
    own = f"found-{digest(opened.corpus)[:16]}"
    key = digest([opened.view, opened.schema.digest, RULES_VERSION, unchecked()])[:32]
    return f"{own}-{'?' * 32}" if any_key else f"{own}-{key}"


def _upto(path: Path) -> int:
    return int(path.stem.rsplit("-", 1)[1])


def _stamp(path: Path) -> int:
    """Return the time that the file has while nobody else writes to it; what is mapped is believed."""
    return int(path.stem.rsplit("-", 2)[1][:8], 16) * 1_000_000_000


def _opened(path: Path) -> pl.DataFrame | None:
    found = believed(path, _stamp(path))
    return found if found is not None and dict(found.schema) == NUMBERED else None
