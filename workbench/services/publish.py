"""Export a version as files, and push it to the Hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from workbench import __version__
from workbench.curation.split import SPLITS
from workbench.errors import DataError, OutsideError, UsageError
from workbench.publish.facts import ExportFacts
from workbench.publish.formats import holds_something, write_export
from workbench.publish.hub import Pushed, PushPlan, plan, plan_unseen, push
from workbench.publish.remote import find_token
from workbench.services.progress import Report, silent
from workbench.store.store import Store
from workbench.store.versions import Version, records_of, state_of, versions
from workbench.text import counted

_SENSITIVE = ("email", "secret", "phone", "card-number", "iban", "ip-address")
"""Quality flags that keep a version from being published."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    corpus: str
    version: str
    folder: Path
    files: tuple[str, ...]
    rows: dict[str, int]
    was_there: bool
    """Whether just this stood in the folder before."""


def export(
    store: Store,
    corpus: str,
    version_name: str,
    *,
    license: str | None = None,
    format: str = "parquet",
    folder: Path | None = None,
    force: bool = False,
) -> Exported:
    """Write a version into `exports/`, or another folder, whole or not at all; `force` replaces another export."""
    version = store.version(corpus, version_name)
    schema = store.kept_schema(version.schema_object)
    records = records_of(store.catalogue, store.objects, schema, version)
    columns = [*schema.columns, pl.col("id").alias("record_id"), "source"]
    tables = {
        side: records.filter(pl.col("split") == side).select(columns).to_arrow()
        for side in SPLITS
        if version.counts.get(side)
    }
    suffix = "" if format == "parquet" else f"-{format}"
    place = folder or store.workspace.export_folder(f"{corpus}-{version.name}{suffix}")
    was_there = holds_something(place) and not force
    files = write_export(_facts(store, version, license), tables, place, format=format, force=force)
    rows = {side: table.num_rows for side, table in tables.items()}
    return Exported(corpus, version.id, place, tuple(str(file.relative_to(place)) for file in files), rows, was_there)


def _facts(store: Store, version: Version, license: str | None) -> ExportFacts:
    corpus = store.corpus(version.corpus)
    schema = store.kept_schema(version.schema_object)
    stated = license or corpus.license
    deliveries = state_of(store.catalogue, store.objects, schema, version).deliveries
    return ExportFacts(
        corpus=version.corpus,
        version=version.id,
        parent=version.parent,
        schema=version.schema,
        license=stated,
        languages=corpus.languages,
        counts={side: version.counts.get(side, 0) for side in SPLITS},
        removed=version.counts.get("removed", 0),
        excluded=version.counts.get("excluded", 0),
        proof=version.proof,
        sources=tuple(
            {"name": name, "digest": row.body["digest"], "license": stated} for name, row in deliveries.items()
        ),
        settings=version.settings,
        tool=f"workbench {__version__}",
        text_columns=tuple(name for name, kind in schema.types.items() if kind == pl.String),
    )


def planned(
    store: Store, corpus: str, version_name: str, repo: str, *, license: str | None, report: Report = silent
) -> PushPlan:
    """Return what a push would send, changing nothing on the Hub, which need not even be within reach."""
    with _ready(store, corpus, version_name, license) as exported:
        try:
            return plan(exported.folder, repo, token=find_token(), known=_known(store, corpus))
        except OutsideError as error:
            report(f"{error.what}; shown as for a repository that holds nothing")
            return plan_unseen(exported.folder, repo)


def pushed(
    store: Store,
    corpus: str,
    version_name: str,
    repo: str,
    *,
    license: str | None,
    private: bool = True,
    report: Report = silent,
) -> Pushed:
    """Push a version as one commit with a tag, and log where it went."""
    version = store.version(corpus, version_name)
    message = version.note or f"{corpus} {version.name} ({version.id[:12]})"
    with _ready(store, corpus, version_name, license) as exported:
        done = push(
            exported.folder,
            repo,
            tag=version.name,
            message=message,
            private=private,
            known=_known(store, corpus),
            report=report,
        )
    body: dict[str, Any] = {"version": version.id, "repo": done.repo, "commit": done.commit, "tag": done.tag}
    store.catalogue.append(("publication", corpus, version.id, body))
    return done


def has_token() -> bool:
    """Return whether huggingface_hub knows a token, without which nothing can be sent."""
    return find_token() is not None


def _known(store: Store, corpus: str) -> frozenset[str]:
    """Return the versions of a corpus that a repository may hold to be its own."""
    return frozenset(version.id for version in versions(store.catalogue, corpus))


@contextmanager
def _ready(store: Store, corpus: str, version_name: str, license: str | None) -> Iterator[Exported]:
    """Export a version for publishing, for as long as the block lasts.

    Without a licence, or with addresses in it, nothing leaves.
    """
    if not (license or store.corpus(corpus).license):
        raise UsageError("a licence is needed to publish", "give --license ID, for example --license cc-by-4.0")
    found = sensitive(store, corpus, version_name)
    if not found.is_empty():
        rules = ", ".join(sorted(set(found["rule"])))
        records = counted(found["record"].n_unique(), "record")
        raise DataError(
            f"{records} to be published with {rules}, for example {found['record'][0][:12]}",
            f"workbench edit {corpus} --fix {found['rule'][0]}, then workbench split {corpus}",
        )
    # In a folder of its own: what a person wrote into an export stays.
    with TemporaryDirectory(dir=store.workspace.scratch) as folder:
        yield export(store, corpus, version_name, license=license, folder=Path(folder) / "export")


def sensitive(store: Store, corpus: str, version_name: str) -> pl.DataFrame:
    """Return the issues of a version's split records that must not be published."""
    from workbench.curation.validate import issues

    version = store.version(corpus, version_name)
    schema = store.kept_schema(version.schema_object)
    records = records_of(store.catalogue, store.objects, schema, version).filter(pl.col("split").is_in(SPLITS))
    return issues(records, schema).filter(pl.col("rule").is_in(_SENSITIVE))
