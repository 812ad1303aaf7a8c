"""Take raw files into a corpus: detect, map, identify, keep; every row read is kept, merged or quarantined."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from workbench.corpus import Corpus, Source, load_corpus, save_corpus
from workbench.curation.validate import issues
from workbench.errors import OutsideError, UsageError, unknown
from workbench.fingerprint import digest, digest_file
from workbench.readers import mapping as maps
from workbench.readers.record import Origin, Reading, Record, Reject
from workbench.readers.registry import read
from workbench.schema import Schema, load_schema
from workbench.services.intake import LOOKED_AT, Mapped, columns_of, fields_of, fill, first_rows, reading_of, selected
from workbench.services.progress import Report, silent
from workbench.store.catalogue import Entry, Row
from workbench.store.deliveries import take
from workbench.store.intake import SEGMENT_ROWS, Intake
from workbench.store.state import State
from workbench.store.store import Store
from workbench.workspace import out_of_space, safe_name, sweep


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


@dataclass(frozen=True)
class Order:
    """What to ingest: the corpus, the files (none: all declared sources), and settings for new sources."""

    corpus: str
    files: tuple[Path, ...] = ()
    schema: str | None = None
    license: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    """Fields of `corpus.Source` that were given; they replace declared ones."""


def ingest(store: Store, order: Order, report: Report = silent) -> list[Delivery]:
    """Ingest files or the declared sources, one delivery each, and keep the settings in `corpus.yaml`."""
    for folder in (store.workspace.scratch, store.workspace.cache):
        sweep(folder)
    corpus = _corpus(store, order)
    out = []
    for source in _sources(store, corpus, order):
        report(f"reading {source.name}")
        source, delivery = _deliver(store, corpus, source)
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


def _corpus(store: Store, order: Order) -> Corpus:
    safe_name("corpus", order.corpus)  # before anything is written: a name stays in the log for ever
    if order.corpus in store.corpora():
        corpus = store.corpus(order.corpus)
        if order.schema and order.schema != corpus.schema_name:
            raise UsageError(f"corpus {corpus.name!r} holds {corpus.schema_name} records, not {order.schema}")
        return corpus if order.license is None else corpus.model_copy(update={"license": order.license})
    if not order.files:
        raise unknown("corpus", order.corpus, store.corpora())
    schema = order.schema or _fitting_schema(store, order)
    load_schema(store.workspace.schema_file(schema))
    return Corpus(name=order.corpus, schema_name=schema, license=order.license)


def _fitting_schema(store: Store, order: Order) -> str:
    """Return the schema that takes most of a file's columns, by most of their own names, with fewest errors.

    A tie of all three goes to the kind that asks more of its records; what no kind can take is refused.
    """
    source = _source({"name": "new", "path": str(order.files[0])} | order.settings)
    rows = first_rows(reading_of(source, order.files[0]))
    if not rows:
        raise UsageError(
            f"{order.files[0].name!r} holds no row that can be read, so its kind cannot be told",
            "say it with --schema; its units go to quarantine with their reasons",
        )
    fits = [fit for name in store.workspace.named("schemas") if (fit := _fit(store, name, rows, source))]
    if not fits:
        raise UsageError(
            f"cannot tell what kind of records {order.files[0].name!r} holds (columns {', '.join(columns_of(rows))})",
            f"say it with --schema, one of: {', '.join(store.workspace.named('schemas'))}; "
            "and --map FIELD=COLUMN where names differ",
        )
    return max(fits)[-1]


def _fit(store: Store, name: str, rows: list[dict[str, Any]], source: Source) -> tuple[int, int, int, int, str] | None:
    schema = load_schema(store.workspace.schema_file(name))
    proposed = maps.propose(columns_of(rows), rows, fields_of(schema)).expressions
    mapping = maps.Mapping(proposed | source.map)
    if not all(column in mapping.expressions for column in schema.columns if schema.required(column)):
        return None
    with Intake(schema, (), store.objects) as taken:
        fill(taken, [Record(row, Origin(i, 0, 0)) for i, row in enumerate(rows)], mapping)
        brought = pl.concat([schema.table([]), *(frame.select(schema.columns) for frame in taken.frames())])
        frame = brought.with_columns(
            id=pl.int_range(pl.len()).cast(pl.String), source=pl.lit(""), position=pl.int_range(pl.len())
        )
        errors = issues(frame, schema).filter(pl.col("severity") == "error").height + len(taken.rejects)
    own_names = sum(column in mapping.expressions for column in columns_of(rows))
    return len(mapping.columns), own_names, -errors, len(schema.rules), name


def _sources(store: Store, corpus: Corpus, order: Order) -> Iterator[Source]:
    if not order.files:
        if not corpus.sources:
            raise UsageError(f"corpus {corpus.name!r} declares no sources", "give the file to ingest")
        yield from (_source(s.model_dump() | order.settings) for s in corpus.sources)
        return
    names = [order.settings.get("name") or path.name for path in order.files]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        hint = "each source needs its own name: ingest them one by one with --source NAME"
        raise UsageError(f"two files would both be the source {twice!r}", hint)
    for path, name in zip(order.files, names, strict=True):
        known = corpus.source(name) or _source({"name": name, "path": ""})
        changed = order.settings | {"name": name, "path": store.workspace.relative(path)}
        yield _source(known.model_dump() | changed)


def _source(settings: dict[str, Any]) -> Source:
    try:
        return Source.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", "workbench ingest --help") from error


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


def _deliver(store: Store, corpus: Corpus, source: Source) -> tuple[Source, Delivery]:
    with ExitStack() as held:
        brought = _brought(store, corpus, source, held)
        facts = brought.facts(source) | {"schema": corpus.schema_name}
        counts: dict[str, int] = {}

        def prepare(state: State) -> list[Entry]:
            # Another process may have taken in the same new source meanwhile.
            _refuse_other_key(source.name, brought.intake.key, state.deliveries.get(source.name))
            taken = take(brought.intake, facts, (corpus.name, source.name, state))
            counts.update(taken.counts, matched=sum(entry[0] == "match" for entry in taken.entries))
            counts["repairs"] = sum(entry[0] == "edit" for entry in taken.entries)
            return [] if _nothing_new(taken.entries, state, source.name) else taken.entries

        store.change(corpus, prepare)
    counts["conflicts"] = len(store.state(corpus).replayed.conflicts)
    told = {key: facts[key] for key in ("digest", "reader", "encoding", "mapping")} | counts
    guesses = (*brought.reading.proposal.guesses, *brought.mapping.guesses)
    delivery = Delivery(name=source.name, guesses=guesses, preview=brought.preview, **told)
    # Chosen once: a later change of the schema's identity must not rename what is here.
    frozen = {"map": facts["mapping"], "key": brought.intake.key}
    return source.model_copy(update=frozen), delivery


def _brought(store: Store, corpus: Corpus, source: Source, held: ExitStack) -> _Brought:
    """Read a file; its rows wait in files that `held` removes."""
    path = _path(store, source)
    reading = reading_of(source, path)
    schema = load_schema(store.workspace.schema_file(corpus.schema_name))
    raw = _kept_raw(store, path)
    before = store.state(corpus).deliveries.get(source.name)
    declared = corpus.source(source.name)
    known = (before.body["mapping"] if before else {}) | (declared.map if declared else {})
    mapped = Mapped(source, schema, known)
    while True:
        intake, mapping = _read_once(store, source, reading, (mapped, before), held)
        if mapping == mapped.mapping():
            break
        # A column that appears late changed what is proposed: all rows are read once more, with it known.
    if raw != _digests(path):
        raise OutsideError(f"{path.name!r} was changed while it was read", "ingest it again")
    return _Brought(reading, mapping, intake, raw, tuple(maps.preview(mapping, mapped.rows[:3])))


def _path(store: Store, source: Source) -> Path:
    """Return a source's file; a link may be given by hand, but none in the workspace may lead out of it.

    A corpus that came from elsewhere could name any file of this machine by such a link, and publish it.
    """
    path, root = store.workspace.root / source.path, store.workspace.root
    outside = Path(source.path).is_absolute() or ".." in Path(source.path).parts
    if outside or path.resolve().is_relative_to(root):
        return path
    hint = f"where you trust it, name the file itself: workbench ingest {path.resolve()} --source {source.name}"
    raise UsageError(f"{source.path!r} is a link that leads out of the workspace", hint)


def _read_once(
    store: Store, source: Source, reading: Reading, known: tuple[Mapped, Row | None], held: ExitStack
) -> tuple[Intake, maps.Mapping]:
    """Return the rows of a file, and the mapping that the columns known at its first rows gave."""
    mapped, before = known
    units = selected(read(reading), source)
    batch = list(islice(units, LOOKED_AT))
    if not mapped.rows:
        mapped.see(_records(batch))
    mapping = mapped.mapping()
    key = source.key or _text_key(reading) or _identity_columns(mapped.schema, mapping)
    _refuse_other_key(source.name, key, before)
    intake = held.enter_context(Intake(mapped.schema, key, store.objects))
    with _uncollected():
        while batch:
            fill(intake, _records(batch), mapping, reading)
            intake.rejects += [unit for unit in batch if isinstance(unit, Reject)]
            batch = list(islice(units, SEGMENT_ROWS))
            mapped.see(_records(batch))
    return intake, mapping


@contextmanager
def _uncollected() -> Iterator[None]:
    """Do without the cycle collector: parsed rows hold no cycles, and walking them takes a quarter of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _records(units: Iterable[Record | Reject]) -> list[Record]:
    return [unit for unit in units if isinstance(unit, Record)]


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


def _text_key(reading: Reading) -> tuple[str, ...]:
    # Passages cut from a text are known by their words; a chapter's heading may be mended without new identities.
    return ("text",) if reading.proposal.reader == "plain_text" else ()


def _identity_columns(schema: Schema, mapping: maps.Mapping) -> tuple[str, ...]:
    """Return the raw columns of the fields that a schema names as identity; none means the whole row."""
    fields = [name for name in schema.declared.identity if name in mapping.parsed]
    return tuple(dict.fromkeys(column for name in fields for column in sorted(mapping.parsed[name].columns)))


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
