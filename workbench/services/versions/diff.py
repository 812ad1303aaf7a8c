"""Say what differs between two versions, or a version and the corpus as it stands now; from the log where it can."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from workbench.curation.difference import IS, KINDS, composed, difference, inverted
from workbench.curation.outcome import texts_of
from workbench.curation.split import by_side
from workbench.errors import UsageError
from workbench.schema import Schema
from workbench.services.checking.curate import Curated
from workbench.services.versions.assign import stratum
from workbench.store.store import Store
from workbench.store.versions import Version, records_of, state_of, versions

NOW = "now"
"""The name of the corpus as it stands, not yet split: `corpus@now`."""
UNSPLIT = "unsplit"
"""Where a record stands that no version holds yet."""
Texts = dict[str, dict[str, int]]


@dataclass(frozen=True)
class End:
    """One end of a difference: a version, or the corpus as it stands now (None)."""

    corpus: str
    version: Version | None

    @property
    def name(self) -> str:
        """Return the short name: v2, or now."""
        return self.version.name if self.version else NOW


@dataclass(frozen=True)
class Diff:
    """What differs between two ends."""

    old: End
    new: End
    rows: pl.DataFrame
    """Columns as in `curation.difference.DIFFERENCE`."""
    texts: tuple[Texts, Texts]
    """{side: {records, characters, words}} of both ends."""
    by: str
    """How it was found: `log`, or `tables` where these had to be compared."""

    def counts(self) -> dict[str, int]:
        """Return how many records were added, removed, edited and moved."""
        return {kind: self.rows.filter(IS[kind]).height for kind in KINDS}

    def per(self, column: str) -> dict[str, dict[str, int]]:
        """Return {split or stratum: {added, removed, edited, moved_in, moved_out}}; `column` is `now` or `stratum`."""
        was = "was" if column == "now" else "stratum_was"
        out: dict[str, dict[str, int]] = {}
        parts = {"added": column, "removed": was, "edited": column, "moved_in": column, "moved_out": was}
        for part, at in parts.items():
            for name, count in self.rows.filter(IS[part.split("_")[0]]).group_by(at).len().iter_rows():
                out.setdefault(name or "", dict.fromkeys(parts, 0))[part] = count
        return by_side(out)

    def moves(self) -> list[dict[str, Any]]:
        """Return [{from, to, records}], most first."""
        found = self.rows.filter(IS["moved"]).group_by("was", "now").len("records").rename({"was": "from", "now": "to"})
        return found.sort("records", "from", "to", descending=[True, False, False]).to_dicts()


def ends(store: Store, corpus: str, old: str | None, new: str) -> tuple[End, End]:
    """Return both ends; one name alone is looked at from its parent, `now` from the newest version."""
    after = End(corpus, None if new == NOW else store.version(corpus, new))
    if old is not None:
        return End(corpus, None if old == NOW else store.version(corpus, old)), after
    if after.version is None:
        return End(corpus, store.version(corpus)), after
    if after.version.parent is None:
        raise UsageError(
            f"{after.name} is the first version of {corpus!r}", f"name two: workbench diff {corpus}@v1 ..."
        )
    return End(corpus, store.version(corpus, after.version.parent)), after


def diff(store: Store, old: End, new: End) -> Diff:
    """Return what differs, composed of the kept differences where both ends are versions of one line."""
    rows = _from_log(store, old.version, new.version) if old.version and new.version else None
    known = [end.version.report.get("texts") if end.version else None for end in (old, new)]
    if rows is not None and all(known):
        return Diff(old, new, rows, (known[0] or {}, known[1] or {}), "log")
    before, after = _frames(store, old, new)
    schemas = [_schema(store, end) for end in (old, new)]
    fields = list(dict.fromkeys([*schemas[0].columns, *schemas[1].columns]))
    found = difference(before, after, fields) if rows is None else rows
    texts = texts_of(before, schemas[0]), texts_of(after, schemas[1])
    return Diff(old, new, found, texts, "tables" if rows is None else "log")


def kept_difference(store: Store, parent: Version | None, curated: Curated, assignment: pl.DataFrame) -> str | None:
    """Keep the difference of a version to be made to its parent as an object and return its name."""
    if parent is None:
        return None
    old, schema = store.kept_schema(parent.schema_object), curated.schema
    state = state_of(store.catalogue, store.objects, old, parent, shelf=curated.state.shelf)
    before = _standing(state.records, store.objects.table(parent.assignment))
    after = _standing(curated.records, assignment)
    if old.digest == schema.digest:
        touched = _touched(before, after)
        before, after = (frame.join(touched, on="id", how="semi", maintain_order="left") for frame in (before, after))
    fields = list(dict.fromkeys([*old.columns, *schema.columns]))
    return store.objects.put_table(difference(_placed(before, old), _placed(after, schema), fields))


def _standing(records: pl.DataFrame, assignment: pl.DataFrame) -> pl.DataFrame:
    """Return the records that an assignment names with their `split`; their texts are not copied, as in a join."""
    sides = assignment.select("id", "split")
    placed = records.select("id").join(sides.with_columns(here=True), on="id", how="left", maintain_order="left")
    return records.with_columns(placed["split"]).filter(placed["here"].fill_null(value=False))


def _touched(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Return the `id` of each record that may differ: whose row is another one, that was edited, or that moved."""
    ends = [frame.select("id", "rid", "edited", "split") for frame in (before, after)]
    both = ends[0].join(ends[1], on="id", how="full", coalesce=True)
    same = pl.col("rid").eq(pl.col("rid_right")) & pl.col("split").eq_missing(pl.col("split_right"))
    untouched = same & ~pl.col("edited") & ~pl.col("edited_right")
    return both.filter(~untouched.fill_null(value=False)).select("id")


def _from_log(store: Store, old: Version, new: Version) -> pl.DataFrame | None:
    """Return the difference as the kept ones tell it, None where one is missing or they cannot tell."""
    known = {version.id: version for version in versions(store.catalogue, old.corpus)}
    forwards = _line(known, old, new)
    if forwards is not None:
        return _composed(store, forwards)
    backwards = _line(known, new, old)
    found = _composed(store, backwards) if backwards is not None else None
    return None if found is None else inverted(found)


def _line(known: dict[str, Version], old: Version, new: Version) -> list[Version] | None:
    """Return the versions after `old` up to `new`, oldest first; None where `new` does not come from `old`."""
    line: list[Version] = []
    at: Version | None = new
    while at is not None and at.id != old.id:
        line.append(at)
        at = known.get(at.parent or "")
    return None if at is None else line[::-1]


def _composed(store: Store, line: Iterable[Version]) -> pl.DataFrame | None:
    names = [version.difference for version in line]
    return None if None in names else composed(store.objects.table(name) for name in names if name)


def _schema(store: Store, end: End) -> Schema:
    return store.kept_schema(end.version.schema_object) if end.version else store.schema(store.corpus(end.corpus))


def _frames(store: Store, old: End, new: End) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the records of both ends with `split` and `_stratum`."""
    before = _records(store, old.version) if old.version else _present(store, new)
    after = _records(store, new.version) if new.version else _present(store, old)
    return _placed(before, _schema(store, old)), _placed(after, _schema(store, new))


def _present(store: Store, other: End) -> pl.DataFrame:
    """Return the records as they are now; they stand where the other end has them."""
    present = store.state(store.corpus(other.corpus)).records.drop("edited")
    if other.version is None:
        return present.with_columns(split=pl.lit(UNSPLIT))
    standing = store.objects.table(other.version.assignment).select("id", "split")
    joined = present.join(standing, on="id", how="left", maintain_order="left")
    return joined.with_columns(pl.col("split").fill_null(UNSPLIT))


def _records(store: Store, version: Version) -> pl.DataFrame:
    schema = store.kept_schema(version.schema_object)
    return records_of(store.catalogue, store.objects, schema, version).drop("edited", "reason")


def _placed(records: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    return records.with_columns(stratum(schema.declared.strata).alias("_stratum"))
