"""Tags and notes of versions: rows of the log, so a tag that moves keeps its history."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from workbench.errors import UsageError
from workbench.store.catalogue import Entry, Row
from workbench.store.store import Store
from workbench.store.versions import Version, tags_of

REF, NOTE = "ref", "note"
"""Kinds of the log rows that name a version and that say something about one."""
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TAKEN = re.compile(r"v\d+|latest|now|head|[0-9a-f]+", re.IGNORECASE)
"""What names a version already: its number, the newest, the corpus as it stands, the beginning of an id."""


@dataclass(frozen=True)
class Labels:
    """What people call a version and say about it."""

    tags: tuple[str, ...]
    notes: tuple[str, ...]
    """The note it was made with, then the later ones."""


def check_tag(name: str) -> str:
    """Return the name of a tag; one that could mean another version is a UsageError."""
    if not _TAG.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a tag", "use letters, digits, dots, dashes and underscores")
    if _TAKEN.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a tag: it reads as a version already", "for example: baseline")
    return name


def label(store: Store, version: Version, *, tag: str | None = None, note: str | None = None) -> Labels:
    """Tag a version, write a note to it, or both, and return its labels; a tag it has already adds no row."""
    entries: list[Entry] = []
    if tag is not None and tags_of(store.catalogue, version.corpus).get(check_tag(tag)) != version.id:
        entries.append((REF, version.corpus, tag, {"version": version.id}))
    if note is not None:
        entries.append((NOTE, version.corpus, version.id, {"note": _worded(note)}))
    store.catalogue.append(*entries)
    return labels(store, version)


def _worded(note: str) -> str:
    if not note.strip():
        raise UsageError("the note is empty", 'for example: --note "before the key was fixed"')
    return note.strip()


def labels(store: Store, version: Version) -> Labels:
    """Return the tags that name a version now, and its notes."""
    tags = [tag for tag, known in tags_of(store.catalogue, version.corpus).items() if known == version.id]
    rows = store.catalogue.rows(version.corpus, kinds=(NOTE,))
    later = [row.body["note"] for row in rows if row.subject == version.id and "note" in row.body]
    return Labels(tuple(sorted(tags)), tuple(filter(None, [version.note, *later])))


def labelled(store: Store, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return log rows, as `history` gives them, those of versions with the names, tags and notes they have now."""
    out = []
    for row in rows:
        if row["kind"] != "version":
            out.append(row)
            continue
        version = store.version(row["corpus"], row["subject"])
        found = labels(store, version)
        out.append(row | {"name": version.name, "tags": list(found.tags), "notes": list(found.notes)})
    return out


def is_about(row: Row | dict[str, Any], version: Version) -> bool:
    """Return whether a log row makes, names, describes, trains or publishes a version."""
    subject, body = (row.subject, row.body) if isinstance(row, Row) else (row["subject"], row["body"])
    return bool(version.id in (subject, body.get("version")))
