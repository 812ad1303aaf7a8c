"""What the records of a corpus can be looked at as: all, by issue, by split, set aside; each is only row numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from workbench.curation.split import SIDES
from workbench.services.looking.issue_rows import IssueRows, followed, issue_rows
from workbench.services.looking.lens import (
    ALL,
    APART,
    CONFLICTS,
    DROPPED,
    DUPLICATES,
    EDITED,
    ISSUES,
    MARKED,
    QUARANTINE,
    RULE,
    SIDE,
    Line,
)
from workbench.services.looking.opened import Opened, open_corpus, reopened
from workbench.services.looking.selection import Listed, Remaining, Selection, among
from workbench.services.looking.sides import Sides, sides
from workbench.services.records.editing import COMPARED
from workbench.store.store import Store
from workbench.store.view import Rows

_NO_ROWS = np.empty(0, np.int64)


@dataclass(frozen=True)
class Removed:
    """Records that go in favour of others."""

    rows: Rows
    """Ascending."""
    pairs: pl.DataFrame | None = None
    """`id`, `kept` and `jaccard`, where they were judged here; else the newest version says it."""


@dataclass(frozen=True)
class Contents:
    """A corpus for a screen; what is None is still being read."""

    opened: Opened
    issues: IssueRows | None = None
    sides: Sides | None = None
    removed: Removed | None = None
    is_checked: bool = False
    """Whether issues were asked for: where there are none then, the corpus is large and nobody looked for them."""

    @property
    def is_small(self) -> bool:
        """Say whether its duplicates are judged at once, in a moment."""
        return self.opened.delivered.height <= COMPARED

    @property
    def total(self) -> int:
        """Return how many records there are."""
        return len(self.opened.standing)

    def lines(self, marked: int = 0) -> Iterator[Line]:
        """Yield the views in the order of the list, those that are parts of another one below it."""
        state = self.opened.state
        yield Line(ALL, "All", self.total)
        yield Line(MARKED, "Marked", marked)
        yield Line(EDITED, "Edited", len(self.opened.edited))
        unknown = "?" if self.is_checked and self.issues is None else ""
        yield Line(ISSUES, "Issues", None if self.issues is None else len(self.issues.faulty), unknown)
        yield from self._rules()
        yield Line(DUPLICATES, "Duplicates", None if self.removed is None else len(self.removed.rows))
        yield from self._sides()
        yield Line(DROPPED, "Dropped", len(self.opened.dropped))
        yield Line(QUARANTINE, "Quarantine", state.rejects.height)
        yield Line(CONFLICTS, "Conflicts", len(state.replayed.conflicts))

    def _rules(self) -> Iterator[Line]:
        signs = {"error": "!", "warning": "~"}
        for rule, severity, count in self.issues.counts if self.issues else ():
            yield Line(f"{RULE}{rule}", f" {rule}", count, signs.get(severity, "-"))

    def _sides(self) -> Iterator[Line]:
        if self.opened.version is None:
            return
        known = None if self.sides is None else int(np.count_nonzero(self.sides >= 0))
        yield Line(SIDE, f"Version {self.opened.version.name}", known)
        for code, side in enumerate(SIDES):
            count = None if self.sides is None else int(np.count_nonzero(self.sides == code))
            yield Line(f"{SIDE}{side}", f" {side}", count)

    def selection(self, view: str, marked: Rows = _NO_ROWS) -> Selection:
        """Return the rows of a view; of quarantine and conflicts the numbers of their lines."""
        if view == ALL:
            return self.opened.standing
        if view in APART:
            state = self.opened.state
            return Remaining(state.rejects.height if view == QUARANTINE else len(state.replayed.conflicts), _NO_ROWS)
        rows = self._rows(view, marked)
        return Listed(rows if view == DROPPED else rows[~among(rows, self.opened.dropped)])

    def _rows(self, view: str, marked: Rows) -> Rows:
        if view == SIDE:
            return _NO_ROWS if self.sides is None else np.flatnonzero(self.sides >= 0)
        if view.startswith(SIDE):
            code = SIDES.index(view.removeprefix(SIDE))
            return _NO_ROWS if self.sides is None else np.flatnonzero(self.sides == code)
        if view.startswith(RULE):
            return _NO_ROWS if self.issues is None else self.issues.of_rule(view.removeprefix(RULE))
        known = {MARKED: marked, DROPPED: self.opened.dropped, EDITED: self.opened.edited}
        known |= {ISSUES: self.issues.faulty if self.issues else _NO_ROWS}
        known |= {DUPLICATES: self.removed.rows if self.removed else _NO_ROWS}
        return known[view]


def read(store: Store, corpus: str) -> Contents:
    """Return a corpus as it is now: its records at once, all else still to be read."""
    opened = open_corpus(store, corpus)
    return Contents(_warm(opened))


def _warm(opened: Opened) -> Opened:
    """Work out here, off the screen's thread, what a screen asks for at once."""
    _ = opened.edited, opened.standing, opened.state.rejects
    return opened


def read_again(store: Store, contents: Contents) -> Contents:
    """Return a corpus as it is now, reading again only what changed."""
    before = contents.opened
    opened = _warm(reopened(store, before))
    if opened.view != before.view or opened.schema.digest != before.schema.digest:
        return with_issues(store, Contents(opened))
    if opened.seen != before.seen and contents.issues is not None:
        contents = replace(contents, issues=_known(followed(store, opened, contents.issues, before.seen)))
    sides_now = contents.sides if opened.version == before.version else None
    return replace(contents, opened=opened, sides=sides_now, removed=_still(contents, opened, sides_now))


def _still(contents: Contents, opened: Opened, sides_now: Sides | None) -> Removed | None:
    """Return which records still go as duplicates, as far as that is known: one that was edited may not."""
    if contents.removed is None or contents.removed.pairs is None:
        return contents.removed if sides_now is contents.sides else None
    state, before = opened.state, contents.opened.seen
    touched = opened.rows({state.today(row.subject) for row in state.of("edit") if row.seq > before})
    rows = contents.removed.rows
    return replace(contents.removed, rows=rows[~among(rows, touched)])


def _known(issues: IssueRows | None) -> IssueRows | None:
    """Count issues here, off the screen's thread."""
    if issues is not None:
        _ = issues.counts, issues.faulty, issues.errors, issues.warnings
    return issues


def with_issues(store: Store, contents: Contents) -> Contents:
    """Return a corpus with its issues; they stay None where it is large and nobody looked for them yet."""
    return replace(contents, issues=_known(issue_rows(store, contents.opened)), is_checked=True)


def with_sides(store: Store, contents: Contents) -> Contents:
    """Return a corpus with where its rows stand in the newest version."""
    return replace(contents, sides=sides(store, contents.opened))


def with_duplicates(store: Store, contents: Contents) -> Contents:
    """Return a corpus with the duplicates that its newest version removes."""
    sides = contents.sides
    gone = _NO_ROWS if sides is None else np.flatnonzero(sides == SIDES.index("removed"))
    return replace(contents, removed=Removed(gone))


def with_judged(contents: Contents, pairs: pl.DataFrame) -> Contents:
    """Return a corpus with duplicates that were judged just now; see `judged`."""
    rows = contents.opened.rows(pairs["id"].to_list())
    return replace(contents, removed=Removed(rows, pairs))
