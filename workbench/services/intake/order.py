"""What is asked of an ingest, and what it comes to: the corpus, its kind, the sources, their paths and keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from workbench.corpus import Corpus, Source
from workbench.errors import UsageError, unknown
from workbench.readers import mapping as maps
from workbench.readers.detect import seen
from workbench.readers.record import Reading
from workbench.schema import Schema, load_schema
from workbench.services.intake.head import head_of
from workbench.services.intake.kinds import kinds
from workbench.services.intake.rows import columns_of, first_rows, reading_of
from workbench.store.store import Store
from workbench.wording import explained
from workbench.workspace import safe_name


@dataclass(frozen=True)
class Order:
    """What to ingest: the corpus, the files (none: all declared sources), and settings for new sources."""

    corpus: str
    files: tuple[Path, ...] = ()
    schema: str | None = None
    license: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    """Fields of `corpus.Source` that were given; they replace declared ones."""


def corpus_of(store: Store, order: Order) -> Corpus:
    """Return the corpus that an order means: the one there is, or a new one with the fitting kind of record."""
    safe_name("corpus", order.corpus)  # before anything is written: a name stays in the log for ever
    if order.corpus in store.corpora():
        corpus = store.corpus(order.corpus)
        if order.schema and order.schema != corpus.schema_name:
            raise UsageError(f"corpus {corpus.name!r} holds {corpus.schema_name} records, not {order.schema}")
        return corpus.model_copy(update={"license": order.license}) if _is_of_the_whole(corpus, order) else corpus
    if not order.files:
        raise unknown("corpus", order.corpus, store.corpora())
    schema = order.schema or _fitting_schema(store, order)
    load_schema(store.workspace.schema_file(schema))
    return Corpus(name=order.corpus, schema_name=schema, license=order.license)


def _is_of_the_whole(corpus: Corpus, order: Order) -> bool:
    """Return whether the licence that is given is one of every source, and so of the corpus.

    What is declared of a corpus before it has any source is its own all the same.
    """
    there = {source.name for source in corpus.sources}
    named = set(_names(order)) if order.files else there
    return order.license is not None and named >= there and bool(there or corpus.license is None)


def _names(order: Order) -> list[str]:
    return [order.settings.get("name") or path.name for path in order.files]


def _fitting_schema(store: Store, order: Order) -> str:
    source = source_of({"name": "new", "path": str(order.files[0])} | order.settings)
    with head_of(order.files[0]) as head:
        rows = first_rows(reading_of(source, seen(head.path, source.encoding)))
    if not rows:
        raise UsageError(
            f"{order.files[0].name!r} holds no row that can be read, so its kind cannot be told",
            "check the export that made it; with --schema, rows that cannot be read go to quarantine",
        )
    fitting = kinds(store, rows, source)
    if not fitting:
        raise UsageError(
            f"cannot tell what kind of records {order.files[0].name!r} holds (columns {', '.join(columns_of(rows))})",
            f"say it with --schema, one of: {', '.join(store.workspace.named('schemas'))}; "
            "and --map FIELD=COLUMN where names differ",
        )
    return fitting[0]


def sources_of(store: Store, corpus: Corpus, order: Order) -> Iterator[Source]:
    """Yield the sources that an order means, one a file, or all that the corpus declares."""
    own = order.license if order.license != corpus.license else None
    licensed = {} if order.license is None else {"license": own}
    if not order.files:
        if not corpus.sources:
            raise UsageError(f"corpus {corpus.name!r} declares no sources", "give the file to ingest")
        yield from (source_of(s.model_dump() | order.settings | licensed) for s in corpus.sources)
        return
    names = _names(order)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        hint = "each source needs its own name: ingest them one by one with --source NAME"
        raise UsageError(f"two files would both be the source {twice!r}", hint)
    for path, name in zip(order.files, names, strict=True):
        known = corpus.source(name) or source_of({"name": name, "path": ""})
        changed = order.settings | licensed | {"name": name, "path": store.workspace.relative(path)}
        yield source_of(known.model_dump() | changed)


def source_of(settings: dict[str, Any]) -> Source:
    """Return a source with settings; a fault in one is a UsageError that names it."""
    try:
        return Source.model_validate(settings)
    except ValidationError as error:
        raise UsageError(explained(error.errors()[0]), "workbench ingest --help") from error


def path_of(store: Store, source: Source) -> Path:
    """Return a source's file; a link may be given by hand, but none in the workspace may lead out of it.

    A corpus that came from elsewhere could name any file of this machine by such a link, and publish it.
    """
    path, root = store.workspace.root / source.path, store.workspace.root
    outside = Path(source.path).is_absolute() or ".." in Path(source.path).parts
    if outside or path.resolve().is_relative_to(root):
        return path
    hint = f"where you trust it, name the file itself: workbench ingest {path.resolve()} --source {source.name}"
    raise UsageError(f"{source.path!r} is a link that leads out of the workspace", hint)


def key_of(source: Source, reading: Reading, schema: Schema, mapping: maps.Mapping) -> tuple[str, ...]:
    """Return the raw columns that identify a source's rows; none means the whole row."""
    return source.key or _text_key(reading) or _identity_columns(schema, mapping)


def _text_key(reading: Reading) -> tuple[str, ...]:
    # Passages cut from a text are known by their words; a chapter's heading may be mended without new identities.
    return ("text",) if reading.proposal.reader == "plain_text" else ()


def _identity_columns(schema: Schema, mapping: maps.Mapping) -> tuple[str, ...]:
    """Return the raw columns of the fields that a schema names as identity."""
    fields = [name for name in schema.declared.identity if name in mapping.parsed]
    return tuple(dict.fromkeys(column for name in fields for column in sorted(mapping.parsed[name].columns)))
