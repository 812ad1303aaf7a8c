"""The versions of a corpus as lines of a list: what each is called, how old it is, and what it changed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from workbench.curation.difference import IS
from workbench.services.versions.refs import NOTE
from workbench.store.state import LOGGED
from workbench.store.store import Store
from workbench.store.versions import Version, tags_of, versions

_SPANS = ((86400 * 365, "y"), (86400 * 30, "mo"), (86400, "d"), (3600, "h"), (60, "min"))
"""Seconds and names of the units that an age is told in."""


@dataclass(frozen=True)
class VersionLine:
    """One version with its labels."""

    version: Version
    tags: tuple[str, ...]
    notes: tuple[str, ...]
    changed: dict[str, int] | None
    """Records added, removed, edited and moved since its parent; None where nothing tells."""


@dataclass(frozen=True)
class History:
    """The versions of a corpus, newest first, and whether the corpus has changed since."""

    corpus: str
    lines: tuple[VersionLine, ...]
    pending: int
    """Log rows since the newest version that the next one may differ by."""


def history(store: Store, corpus: str) -> History:
    """Return the versions of a corpus, newest first."""
    known = versions(store.catalogue, corpus)
    tags, notes = defaultdict(list), defaultdict(list)
    for tag, named in tags_of(store.catalogue, corpus).items():
        tags[named].append(tag)
    for row in store.catalogue.rows(corpus, kinds=(NOTE,)):
        if "note" in row.body:  # a purged one holds a hash
            notes[row.subject].append(row.body["note"])
    lines = tuple(
        VersionLine(
            version,
            tuple(sorted(tags[version.id])),
            tuple(filter(None, [version.note, *notes[version.id]])),
            _changed(store, version),
        )
        for version in reversed(known)
    )
    upto = known[-1].upto if known else 0
    pending = sum(row.seq > upto for row in store.catalogue.rows(corpus, kinds=LOGGED))
    return History(corpus, lines, pending)


def _changed(store: Store, version: Version) -> dict[str, int] | None:
    if version.difference is None:
        return None
    rows = store.objects.table(version.difference, ["was", "now", "after"])
    counts = rows.select(part.fill_null(value=False).sum().alias(name) for name, part in IS.items())
    return (
        {name: int(count) for name, count in counts.row(0, named=True).items()} if rows.height else dict.fromkeys(IS, 0)
    )


def age(at: str, now: datetime) -> str:
    """Return how long ago a moment of the log was, in its largest unit; `now` bears a zone."""
    seconds = (now - datetime.fromisoformat(at)).total_seconds()
    return next((f"{int(seconds // span)} {name}" for span, name in _SPANS if seconds >= span), "< 1 min")
