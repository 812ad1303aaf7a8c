"""Take raw files into a corpus: detect, map, identify, keep; every row read is kept, merged or quarantined."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from workbench.corpus import Corpus, Source, load_corpus, save_corpus
from workbench.errors import OutsideError, UsageError
from workbench.fingerprint import digest, digest_file
from workbench.readers import mapping as maps
from workbench.readers.record import Reading, Record, Reject
from workbench.readers.registry import read
from workbench.schema import load_schema
from workbench.services.intake.order import Order, corpus_of, key_of, path_of, sources_of
from workbench.services.intake.parts import Task, read_parts, spans_of
from workbench.services.intake.rows import (
    LOOKED_AT,
    Mapped,
    batches,
    fields_of,
    fill,
    reading_of,
    selected,
    told,
    uncollected,
)
from workbench.services.progress import Report, silent
from workbench.store.catalogue import Entry, Row
from workbench.store.deliveries import take
from workbench.store.intake import Intake
from workbench.store.state import State
from workbench.store.store import Store
from workbench.workspace import out_of_space, sweep

__all__ = ["Delivery", "Order", "ingest"]


@dataclass(frozen=True)
class Delivery:
    """One ingested file, counted."""

    name: str
    digest: str
    reader: str
    encoding: str
    read: int
    kept: int
    merged: int
    quarantined: int
    mapping: dict[str, str]
    guesses: tuple[str, ...] = ()
    preview: tuple[dict[str, Any], ...] = ()
    repairs: int = 0
    """Changes the reader made, each written to the log as an edit."""
    matched: int = 0
    """Vanished records whose heirs were found."""
    conflicts: int = 0
    """Edits of this corpus that no longer fit their record and wait for a person."""


def ingest(store: Store, order: Order, report: Report = silent) -> list[Delivery]:
    """Ingest files or the declared sources, one delivery each, and keep the settings in `corpus.yaml`."""
    for folder in (store.workspace.scratch, store.workspace.cache):
        sweep(folder)
    corpus = corpus_of(store, order)
    out = []
    for source in sources_of(store, corpus, order):
        report(f"reading {source.name}")
        source, delivery = _deliver(store, corpus, source, report)
        corpus = _declared(store, corpus, source)
        out.append(delivery)
    return out


def _declared(store: Store, corpus: Corpus, source: Source) -> Corpus:
    """Write a source into `corpus.yaml` beside what another process may have written meanwhile."""
    path = store.workspace.corpus_file(corpus.name)
    with store.workspace.locked():
        present = load_corpus(path) if path.is_file() else corpus
        changed = present.model_copy(update={"license": corpus.license}).with_source(source)
        if not path.is_file() or changed != present:
            save_corpus(changed, path)
    return changed


@dataclass(frozen=True)
class _Brought:
    """What one file brought, read and mapped, before the log knows of it."""

    reading: Reading
    mapping: maps.Mapping
    intake: Intake
    raw: dict[str, str]
    preview: tuple[dict[str, Any], ...]

    @property
    def digest(self) -> str:
        """Return the digest of the delivery: of its one file, or of the names and digests of a folder's files."""
        return digest(self.raw) if len(self.raw) > 1 else next(iter(self.raw.values()))

    def facts(self, source: Source) -> dict[str, Any]:
        """Return what the delivery's log row says beside counts and objects."""
        return {
            "digest": self.digest,
            "raw": sorted(self.raw.values()),
            "reader": self.reading.proposal.reader,
            "encoding": self.reading.proposal.encoding,
            "mapping": dict(self.mapping.expressions),
            "selection": source.model_dump(include={"where", "limit", "sample", "seed", "chunk", "header"}),
            "split": source.split,
            "together": source.together,
            "declared": source.model_dump(mode="json", exclude_defaults=True),
        }


def _deliver(store: Store, corpus: Corpus, source: Source, report: Report) -> tuple[Source, Delivery]:
    with ExitStack() as held:
        brought = _brought(store, corpus, source, (held, report))
        report(f"keeping the rows of {source.name}")
        facts = brought.facts(source) | {"schema": corpus.schema_name}
        counts: dict[str, int] = {}

        def prepare(state: State) -> list[Entry]:
            # Another process may have taken in the same new source meanwhile.
            _refuse_other_key(source.name, brought.intake.key, state.deliveries.get(source.name))
            taken = take(brought.intake, facts, state)
            counts.update(taken.counts, matched=sum(entry[0] == "match" for entry in taken.entries))
            counts["repairs"] = sum(entry[0] == "edit" for entry in taken.entries)
            return [] if _nothing_new(taken.entries, state, source.name) else taken.entries

        store.change(corpus, prepare)
    counts["conflicts"] = len(store.state(corpus).replayed.conflicts)
    said = {key: facts[key] for key in ("digest", "reader", "encoding", "mapping")} | counts
    guesses = (*brought.reading.proposal.guesses, *brought.mapping.guesses)
    delivery = Delivery(name=source.name, guesses=guesses, preview=brought.preview, **said)
    # Chosen once: a later change of the schema's identity must not rename what is here.
    frozen = {"map": facts["mapping"], "key": brought.intake.key}
    return source.model_copy(update=frozen), delivery


def _brought(store: Store, corpus: Corpus, source: Source, means: tuple[ExitStack, Report]) -> _Brought:
    """Read a file, telling how far; its rows wait in files that the stack removes."""
    path, report = path_of(store, source), means[1]
    reading = reading_of(source, path)
    schema = load_schema(store.workspace.schema_file(corpus.schema_name))
    raw = _kept_raw(store, path)
    before = store.state(corpus).deliveries.get(source.name)
    declared = corpus.source(source.name)
    known = (before.body["mapping"] if before else {}) | (declared.map if declared else {})
    mapped = Mapped(source, schema, known)
    while True:
        units = selected(told(read(reading), reading, (source.name, report)), source)
        intake, mapping = _read_once(store, (corpus.name, reading, units), (mapped, before), means)
        if mapping == mapped.mapping():
            break
        # A column that appears late changed what is proposed: all rows are read once more, with it known.
    if raw != _digests(path):
        raise OutsideError(f"{path.name!r} was changed while it was read", "ingest it again")
    return _Brought(reading, mapping, intake, raw, tuple(maps.preview(mapping, mapped.rows[:3])))


def _read_once(
    store: Store,
    file: tuple[str, Reading, Iterator[Record | Reject]],
    known: tuple[Mapped, Row | None],
    means: tuple[ExitStack, Report],
) -> tuple[Intake, maps.Mapping]:
    """Return the rows of a file, and the mapping that the columns known at its first rows gave."""
    corpus, reading, units = file
    mapped, before = known
    source = mapped.source
    held, report = means
    first = list(islice(units, LOOKED_AT))
    if not mapped.rows:
        mapped.see(first)
    mapping = mapped.mapping()
    key = key_of(source, reading, mapped.schema, mapping)
    _refuse_other_key(source.name, key, before)
    intake = held.enter_context(Intake(mapped.schema.types, key, store.objects, of=(corpus, source.name)))
    apply = maps.applied(mapping, fields_of(mapped.schema))
    fill(intake, first, apply, reading)
    while first and not mapped.is_shaped:  # some of them were torn
        first = next(batches(units), [])
        mapped.see(first)
        fill(intake, first, apply, reading)
    if spans := spans_of(reading, source, first):
        schema = mapped.schema
        task = Task(store.workspace, reading, mapping, fields_of(schema), schema.types, key, intake.of)
        read_parts(task, spans, (intake, mapped), report)
        return intake, mapping
    with uncollected():
        for batch in batches(units):
            mapped.see(batch)
            fill(intake, batch, apply, reading)
    return intake, mapping


def _nothing_new(entries: list[Entry], state: State, source: str) -> bool:
    """Return whether a delivery says just what the newest one of its source says already."""
    before = state.deliveries.get(source)
    same = ("digest", "members", "rejects", "mapping", "selection", "split", "together")
    return before is not None and all(before.body.get(key) == entries[0][3].get(key) for key in same)


def _refuse_other_key(name: str, key: tuple[str, ...], before: Row | None) -> None:
    """Refuse a key that would give every record of a known source a new identity."""
    if before is not None and tuple(before.body["key"]) != key:
        frozen = ", ".join(before.body["key"]) or "the whole row"
        raise UsageError(f"the key of source {name!r} is frozen: {frozen}", "use a new source name")


def _kept_raw(store: Store, path: Path) -> dict[str, str]:
    """Keep the raw bytes of a file, or of each file of a folder; return digests by relative name."""
    return {name: store.objects.put_file(file) for name, file in _files(path).items()}


def _digests(path: Path) -> dict[str, str]:
    with out_of_space(path):
        return {name: digest_file(file) for name, file in _files(path).items()}


def _files(path: Path) -> dict[str, Path]:
    if path.is_file():
        return {".": path}
    files, whole = sorted(p for p in path.rglob("*") if p.is_file()), path.resolve()
    for file in files:
        if not file.resolve().is_relative_to(whole):
            what = f"{path.name!r} holds the link {file.name!r}, which leads out of it"
            raise UsageError(what, "put the file itself in its place")
    return {str(file.relative_to(path)): file for file in files}
