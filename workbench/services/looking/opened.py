"""A corpus opened for a screen: its records as mapped pages, and numbers of those that were edited or dropped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from workbench.schema import Schema
from workbench.services.looking.selection import Remaining
from workbench.store.catalogue import PURGE
from workbench.store.edits import WHOLE
from workbench.store.pages import Pages
from workbench.store.state import LOGGED, State
from workbench.store.store import Store
from workbench.store.versions import Version, versions
from workbench.store.view import Rows


@dataclass(frozen=True)
class Opened:
    """A corpus as the log tells it up to one row; a row number names a record as long as `view` stays the same."""

    corpus: str
    pages: Pages
    version: Version | None
    """The newest one."""

    @property
    def seen(self) -> int:
        """Return the newest log row that this knows of."""
        return self.state.rows[-1].seq if self.state.rows else 0

    @property
    def state(self) -> State:
        """Return the mapped state."""
        return self.pages.state

    @property
    def schema(self) -> Schema:
        """Return the kind of the records."""
        return self.state.schema

    @property
    def view(self) -> str:
        """Return the name of the view that row numbers are counted in."""
        return self.state.view_name

    @property
    def delivered(self) -> pl.DataFrame:
        """Return the records as delivered, dropped ones included, mapped into memory."""
        return self.state.view.frame

    @property
    def text_fields(self) -> frozenset[str]:
        """Return the fields that hold plain text; all others are edited as JSON."""
        return frozenset(name for name, kind in self.schema.types.items() if kind == pl.String)

    @cached_property
    def dropped(self) -> Rows:
        """Return the rows of dropped records, ascending."""
        return self.rows(r for r, values in self.state.replayed.values.items() if values.get(WHOLE))

    @cached_property
    def edited(self) -> Rows:
        """Return the rows of records with a changed field, ascending."""
        return self.rows(r for r, values in self.state.replayed.values.items() if set(values) - {WHOLE})

    @cached_property
    def standing(self) -> Remaining:
        """Return the rows that were not dropped."""
        return Remaining(self.delivered.height, self.dropped)

    def rows(self, records: Iterable[str]) -> Rows:
        """Return the rows of some records, ascending."""
        found: Rows = np.sort(self.state.view.rows(records))
        return found

    def id(self, row: int) -> str:
        """Return the record in a row."""
        return str(self.delivered["id"][row])


def open_corpus(store: Store, name: str) -> Opened:
    """Return a corpus as it is now."""
    return Opened(name, Pages(store.desk(store.corpus(name))), _newest(store, name))


def _newest(store: Store, name: str) -> Version | None:
    known = versions(store.catalogue, name)
    return known[-1] if known else None


def is_delivered_anew(store: Store, opened: Opened) -> bool:
    """Say whether records came or went since a corpus was opened, so that its view is another one."""
    return bool(
        store.catalogue.rows(opened.corpus, kinds=("delivery", "match", "readmission", PURGE), after=opened.seen)
    )


def reopened(store: Store, opened: Opened) -> Opened:
    """Return a corpus as it is now, reading again only what the log was told since."""
    rows = store.catalogue.rows(opened.corpus, after=opened.seen)
    schema = store.schema(store.corpus(opened.corpus))
    if any(row.kind == PURGE for row in rows) or schema.digest != opened.schema.digest:
        return open_corpus(store, opened.corpus)
    told = [row for row in rows if row.kind in LOGGED]
    pages = Pages(opened.state.ahead(told)) if told else opened.pages
    return replace(opened, pages=pages, version=_newest(store, opened.corpus))
