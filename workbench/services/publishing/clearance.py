"""What keeps a version, or a model trained on it, from leaving: leaks, secrets, and what tells who a person is."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from workbench.curation.split import SPLITS
from workbench.errors import DataError, LeakError
from workbench.schema import load_schema
from workbench.services.publishing.source_licenses import sources_of
from workbench.store.store import Store
from workbench.store.versions import Version, records_of
from workbench.text import counted

_SENSITIVE = ("email", "secret", "phone", "card-number", "iban", "ip-address")
"""Quality flags that keep a version from being published."""
_PLAIN = "prose"
"""The kind of record that any text can be."""


def check_may_leave(store: Store, version: Version) -> None:
    """Raise LeakError or DataError where a version must not be published, nor what learned from it."""
    _refuse_leaks(version)
    _refuse_sensitive(version.corpus, sensitive(store, version))
    _refuse_words(store, version)


def sensitive(store: Store, version: Version) -> pl.DataFrame:
    """Return the issues of a version's split records that must not be published."""
    from workbench.curation.validate import issues

    schema = store.kept_schema(version.schema_object)
    records = records_of(store.catalogue, store.objects, schema, version).filter(pl.col("split").is_in(SPLITS))
    return issues(records, schema).filter(pl.col("rule").is_in(_SENSITIVE))


def are_harmless(store: Store, texts: Sequence[str]) -> list[bool]:
    """Tell of each text whether it may be published: what a model writes is in no version and was never checked."""
    from workbench.curation.quality import record_flags

    schema = load_schema(store.workspace.schema_file(_PLAIN))
    frame = schema.table([{"text": text} for text in texts])
    named = schema.derived(frame.with_columns(id=pl.int_range(len(texts)).cast(pl.String), extra=pl.lit(None)))
    found = record_flags(named, schema).filter(pl.col("rule").is_in(_SENSITIVE))["record"]
    return [str(place) not in set(found) for place in range(len(texts))]


def _refuse_leaks(version: Version) -> None:
    """Refuse a version whose proof found a leak: none is made today, but an older workbench may have let one pass."""
    leaks = {what: version.proof.get(what, 0) for what in ("exact", "near", "neighbour", "group")}
    if any(leaks.values()):
        told = ", ".join(f"{count:,} {what}" for what, count in leaks.items() if count)
        raise LeakError(f"{version.corpus}@{version.name} leaks between its splits: {told}", "split it again")


def _refuse_words(store: Store, version: Version) -> None:
    """Refuse a note, or what is said of a source, that says what no record may say: cards and commits repeat it."""
    told = {"the note of this version": version.note}
    for at, source in enumerate(sources_of(store, version), start=1):
        told |= {
            f"the name of its source {at}": str(source["name"]),
            f"the licence of its source {at}": str(source["license"]),
        }
    found = [
        what for what, harmless in zip(told, are_harmless(store, list(told.values())), strict=True) if not harmless
    ]
    if found:
        what = f"{version.corpus}@{version.name}: {found[0]} holds a secret or an address, and would be published"
        raise DataError(what, "make another version with another note, or take the source in under another name")


def _refuse_sensitive(corpus: str, found: pl.DataFrame) -> None:
    if found.is_empty():
        return
    rules = ", ".join(sorted(set(found["rule"])))
    records = counted(found["record"].n_unique(), "record")
    raise DataError(
        f"{records} to be published with {rules}, for example {found['record'][0][:12]}",
        f"workbench edit {corpus} --fix {found['rule'][0]}, then workbench split {corpus}",
    )
