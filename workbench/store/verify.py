"""Verify a store: re-hash every object, the log's chain, each delivery's count and each version's content."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workbench.errors import WorkbenchError
from workbench.schema import Schema
from workbench.store.catalogue import Catalogue, Row
from workbench.store.objects import Objects
from workbench.store.purged import contents
from workbench.store.standing import Standing
from workbench.store.state import LOGGED
from workbench.store.versions import content_digest, named_objects, state_of, version_id, version_of


def faults(catalogue: Catalogue, objects: Objects, schema_of: Callable[[str], Schema]) -> Iterator[str]:
    """Yield everything that is wrong, in one sentence each; nothing at all means the store is whole.

    `schema_of` reads the schema that an object holds.
    """
    broken = list(catalogue.faults())
    yield from broken
    if broken:
        return
    rows = catalogue.rows()
    damaged = objects.faults(named_objects(rows))
    yield from damaged.values()
    yield from (f"object {path.name}: was purged but is still here" for path in objects.leftovers())
    purged = contents(catalogue)
    for row in (row for row in rows if "purged" not in row.body):
        # Rows over damaged objects are left out: the objects are named already, and their bytes can be anything.
        if row.kind == "delivery" and not named_objects([row]) & damaged.keys():
            yield from _delivery_faults(row, objects)
        elif row.kind == "version" and not named_objects(_seen(rows, row)) & damaged.keys():
            yield from _version_faults(row, catalogue, objects, schema_of, purged.get(row.subject))
    for corpus in sorted({row.corpus for row in rows if row.kind == "delivery"}):
        own = [row for row in rows if row.corpus == corpus]
        if not named_objects(own) & damaged.keys():
            yield from _repeated(own, objects)


def _repeated(rows: list[Row], objects: Objects) -> Iterator[str]:
    """Yield one sentence for each record of a corpus that has several current rows: an id names exactly one."""
    try:
        current = Standing(tuple(row for row in rows if row.kind in LOGGED), objects).current
    except WorkbenchError as error:
        yield f"corpus {rows[0].corpus!r}: {error.what}"
        return
    twice = current.filter(current["id"].is_duplicated())
    for record, source, count in twice.group_by("id", "source", maintain_order=True).len().iter_rows():
        yield f"record {record} of source {source!r} has {count} current rows"


def _seen(rows: list[Row], version: Row) -> list[Row]:
    return [row for row in rows if row.corpus == version.corpus and row.seq <= version.seq]


def _delivery_faults(row: Row, objects: Objects) -> Iterator[str]:
    body, where = row.body, f"delivery of {row.subject!r} (log row {row.seq})"
    if body["read"] != body["kept"] + body["merged"] + body["quarantined"]:
        yield f"{where}: read is not kept + merged + quarantined"
    try:
        members = objects.table(body["members"]).height
        quarantined = objects.table(body["rejects"], ["position"]).height if body["rejects"] else 0
        kept = sum(objects.table(name).height for name in body["segments"])
    except WorkbenchError as error:
        yield f"{where}: {error.what}"
        return
    if (members, quarantined, kept) != (body["kept"] + body["merged"], body["quarantined"], body["kept"]):
        yield f"{where}: its objects hold other numbers of rows than it says"


def _version_faults(
    row: Row, catalogue: Catalogue, objects: Objects, schema_of: Callable[[str], Schema], purged: str | None
) -> Iterator[str]:
    """Look at a version's content: its id commits to it, or the newest purge that changed it tells its digest."""
    version = version_of(row)
    where = f"version {version.name} of {row.corpus!r}"
    try:
        schema = schema_of(version.schema_object)
        records = state_of(catalogue, objects, schema, version).records
        content = content_digest(records, objects.table(version.assignment), schema)
    except WorkbenchError as error:
        yield f"{where}: {error.what}"
        return
    whole = content == purged if purged else version_id(content, schema, version.settings, version.parent) == version.id
    if not whole:
        yield f"{where}: its content is not what its id says"
