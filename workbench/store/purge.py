"""Purge texts from a store: objects written anew, bodies of the log redacted, what was before removed for good.

The order is what makes a kill at any moment harmless: new objects, then one transaction, then the removal of the old
bytes. Until the transaction nothing has happened; after it only old bytes can be left over, and `sweep` removes them.
"""

from __future__ import annotations

import polars as pl

from workbench.errors import UsageError
from workbench.store.catalogue import PURGE, Entry, Row
from workbench.store.objects import Objects
from workbench.store.purged import contents
from workbench.store.redaction import Redaction
from workbench.store.state import LOGGED, State
from workbench.store.store import Store
from workbench.store.traces import Found, find
from workbench.store.versions import Version, content_digest, version_id, version_of
from workbench.text import counted

NOTE = "note"
"""Kind of the log rows that say something about a version."""
_ATTEMPTS = 5


def purge(store: Store, corpus: str, redaction: Redaction, reason: str = "") -> dict[str, str]:
    """Take the texts out of the store for good; return the versions whose content changed, with the new digests.

    Killed at any step, it is done by the same call again.
    """
    for _ in range(_ATTEMPTS):
        found = find(store, redaction)
        if found.empty:
            sweep(store)
            return {}
        names = put_objects(store, found)
        versions = _changed(store, found, names)
        if commit(store, found, _entries(corpus, redaction, (found, names, versions), reason)):
            sweep(store)
            return {version.id: content for version, content in versions}
    raise UsageError("the workspace is being changed by another process", "try again when it is quiet")


def put_objects(store: Store, found: Found) -> dict[str, str]:
    """Write what the objects become beside what they are; return their names by the names before."""
    return {
        old: store.objects.put_table(made) if isinstance(made, pl.DataFrame) else store.objects.put_bytes(made)
        for old, made in found.objects.items()
    }


def commit(store: Store, found: Found, entries: list[Entry]) -> bool:
    """Append the purge rows and blank the bodies they replace, unless the log has grown meanwhile."""
    return store.catalogue.purge(entries, found.bodies, found.seen)


def sweep(store: Store) -> None:
    """Remove for good what purges left: free pages of the log, old objects, views and other things made from them."""
    vacuum(store)
    remove_objects(store)
    clear(store)


def vacuum(store: Store) -> None:
    """Write the log anew."""
    store.catalogue.vacuum()


def remove_objects(store: Store) -> None:
    """Remove the objects that were written anew."""
    for path in store.objects.leftovers():
        store.objects.remove(path)


def clear(store: Store) -> None:
    """Remove views, kept issues and pairs, and files being written: all can be made again."""
    for folder in (store.objects.cache, store.objects.scratch):
        for path in sorted(folder.rglob("*")):
            if path.is_file() or path.is_symlink():
                store.objects.remove(path)
    store.objects.clear_drafts()


def _entries(
    corpus: str, redaction: Redaction, done: tuple[Found, dict[str, str], list[tuple[Version, str]]], reason: str
) -> list[Entry]:
    """Return one purge row a corpus, so that whoever changes one meanwhile looks again, and a note to each version."""
    found, names, versions = done
    texts = redaction.facts()
    whole = {
        "texts": texts,
        "objects": names,
        "bodies": {str(number): body for number, body in found.bodies.items()},
        "versions": {version.id: content for version, content in versions},
        "reason": reason,
    }
    bare = {"texts": texts, "objects": {}, "bodies": {}, "versions": {}, "reason": reason}
    others = sorted(found.corpora - {corpus})
    entries: list[Entry] = [(PURGE, corpus, corpus, whole), *((PURGE, other, other, bare) for other in others)]
    said = f"purged: {counted(len(texts), 'text')}; its records hold [purged ...] in their place"
    return entries + [(NOTE, version.corpus, version.id, {"note": said}) for version, _ in versions]


def _changed(store: Store, found: Found, names: dict[str, str]) -> list[tuple[Version, str]]:
    """Return the versions whose content is another without the texts, with its digest."""
    known, foreseen = contents(store.catalogue), store.objects.foreseen(names)
    rows = [
        Row(row.seq, row.at, row.who, row.kind, row.corpus, row.subject, found.bodies.get(row.seq, row.body))
        for row in store.catalogue.rows()
        if row.corpus in found.corpora
    ]
    out = []
    for row in rows:
        if row.kind == "version":
            version = version_of(row)
            content = _content(store, version, rows, foreseen)
            schema = store.kept_schema(version.schema_object)
            by_id = version_id(content, schema, version.settings, version.parent) == version.id
            if content != known.get(version.id) and not (by_id and version.id not in known):
                out.append((version, content))
    return out


def _content(store: Store, version: Version, rows: list[Row], objects: Objects) -> str:
    schema = store.kept_schema(version.schema_object)
    logged = [r for r in rows if r.corpus == version.corpus and r.kind in LOGGED and r.seq <= version.upto]
    records = State(tuple(logged), objects, schema).records
    return content_digest(records, objects.table(version.assignment), schema)
