"""Take raw files into a corpus: detect, map, identify, keep; every row read is kept, merged or quarantined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from workbench.corpus import Corpus, Source, load_corpus, save_corpus
from workbench.curation.split import draw
from workbench.curation.validate import issues
from workbench.errors import UsageError, unknown
from workbench.fingerprint import digest
from workbench.readers import mapping as maps
from workbench.readers.detect import plan
from workbench.readers.field_spec import Kind
from workbench.readers.record import Origin, Proposal, Reading, Record, Reject, Repair
from workbench.readers.registry import read, reader
from workbench.schema import Schema, load_schema
from workbench.services.progress import Report, silent
from workbench.store.catalogue import Entry, Row
from workbench.store.deliveries import Arrival, Intake, take
from workbench.store.state import State
from workbench.store.store import Store

_LOOKED_AT = 200
"""Rows that a mapping is proposed from."""


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
    corpus = _corpus(store, order)
    out = []
    for source in _sources(store, corpus, order):
        report(f"reading {source.name}")
        corpus, delivery = _deliver(store, corpus, source)
        save_corpus(corpus, store.workspace.corpus_file(corpus.name))
        out.append(delivery)
    return out


def _corpus(store: Store, order: Order) -> Corpus:
    path = store.workspace.corpus_file(order.corpus)
    if path.is_file():
        corpus = load_corpus(path)
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
    source = Source(name="", path=str(order.files[0]), **order.settings)
    rows = _rows(_reading(source, order.files[0]))
    fits = [fit for name in store.workspace.named("schemas") if (fit := _fit(store, name, rows, source))]
    if not fits:
        raise UsageError(
            f"cannot tell what kind of records {order.files[0].name!r} holds (columns {', '.join(_columns(rows))})",
            f"say it with --schema, one of: {', '.join(store.workspace.named('schemas'))}; "
            "and --map FIELD=COLUMN where names differ",
        )
    return max(fits)[-1]


def _fit(store: Store, name: str, rows: list[dict[str, Any]], source: Source) -> tuple[int, int, int, int, str] | None:
    schema = load_schema(store.workspace.schema_file(name))
    proposed = maps.propose(_columns(rows), rows, fields_of(schema)).expressions
    mapping = maps.Mapping(proposed | source.map)
    if not all(column in mapping.expressions for column in schema.columns if schema.required(column)):
        return None
    origin = Origin(0, 0, 0)
    taken = _intake([Record(row, origin) for row in rows], mapping, schema)
    frame = schema.table([arrival.fields for arrival in taken.arrivals]).with_columns(
        id=pl.int_range(pl.len()).cast(pl.String), source=pl.lit(""), position=pl.int_range(pl.len())
    )
    errors = issues(frame, schema).filter(pl.col("severity") == "error").height + len(taken.rejects)
    own_names = sum(column in mapping.expressions for column in _columns(rows))
    return len(mapping.columns), own_names, -errors, len(schema.rules), name


def _sources(store: Store, corpus: Corpus, order: Order) -> Iterator[Source]:
    if not order.files:
        if not corpus.sources:
            raise UsageError(f"corpus {corpus.name!r} declares no sources", "give the file to ingest")
        yield from (s.model_copy(update=order.settings) for s in corpus.sources)
        return
    names = [order.settings.get("name") or path.name for path in order.files]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        hint = "each source needs its own name: ingest them one by one with --name"
        raise UsageError(f"two files would both be the source {twice!r}", hint)
    for path, name in zip(order.files, names, strict=True):
        known = corpus.source(name) or Source(name=name, path="")
        changed = order.settings | {"name": name, "path": store.workspace.relative(path)}
        yield Source.model_validate(known.model_dump() | changed)


def _deliver(store: Store, corpus: Corpus, source: Source) -> tuple[Corpus, Delivery]:
    path = store.workspace.root / source.path
    reading = _reading(source, path)
    schema = load_schema(store.workspace.schema_file(corpus.schema_name))
    units = list(read(reading))
    records = _selected([unit for unit in units if isinstance(unit, Record)], source)
    key = source.key or _text_key(reading)
    before = store.state(corpus).deliveries.get(source.name)
    _refuse_other_key(source.name, key, before)
    mapping = _mapping(source, records, schema, before.body["mapping"] if before else {})
    intake = _intake(records, mapping, schema)
    intake.rejects = [*(unit for unit in units if isinstance(unit, Reject)), *intake.rejects]
    raw = _kept_raw(store, path)
    facts = {
        "digest": digest(raw) if len(raw) > 1 else next(iter(raw.values())),
        "raw": sorted(raw.values()),
        "reader": reading.proposal.reader,
        "encoding": reading.proposal.encoding,
        "mapping": dict(mapping.expressions),
        "selection": source.model_dump(include={"where", "limit", "sample", "seed", "chunk", "header"}),
        "split": source.split,
        "together": source.together,
    }
    counts: dict[str, int] = {}

    def prepare(state: State) -> list[Entry]:
        taken = take(intake, facts, key, (corpus.name, source.name, state))
        counts.update(taken.counts, matched=sum(entry[0] == "match" for entry in taken.entries))
        counts["repairs"] = sum(entry[0] == "edit" for entry in taken.entries)
        return [] if _nothing_new(taken.entries, state, source.name) else taken.entries

    store.change(corpus, prepare)
    delivery = Delivery(
        name=source.name,
        digest=str(facts["digest"]),
        reader=reading.proposal.reader,
        encoding=reading.proposal.encoding,
        mapping=dict(mapping.expressions),
        guesses=reading.proposal.guesses,
        preview=tuple(maps.preview(mapping, [record.fields for record in records[:3]])),
        **counts,
    )
    return corpus.with_source(source.model_copy(update={"map": dict(mapping.expressions)})), delivery


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


def _reading(source: Source, path: Path) -> Reading:
    """Return how a file is read: what the source says, and what `plan` finds for the rest."""
    found = plan(path)
    proposal = Proposal(
        reader=source.reader or found.proposal.reader,
        encoding=source.encoding or found.proposal.encoding,
        guesses=() if source.encoding and source.reader else found.proposal.guesses,
    )
    reader(proposal.reader)
    return Reading(
        path=path,
        proposal=proposal,
        chunk=source.chunk or found.chunk,
        header=found.header if source.header is None else source.header,
    )


def _rows(reading: Reading) -> list[dict[str, Any]]:
    rows = []
    for unit in read(reading):
        if isinstance(unit, Record):
            rows.append(unit.fields)
        if len(rows) == _LOOKED_AT:
            break
    return rows


def _columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _selected(records: list[Record], source: Source) -> list[Record]:
    """Return the records that the source's where, sample and limit leave, in file order."""
    if source.where:
        frame = pl.DataFrame([record.fields for record in records], infer_schema_length=None, strict=False)
        try:
            mask = frame.select(pl.sql_expr(source.where).alias("hit"))["hit"].fill_null(value=False)
        except pl.exceptions.PolarsError as error:
            raise UsageError(
                f"--where {source.where!r} fails: {error}", f"columns: {', '.join(frame.columns)}"
            ) from error
        records = [record for record, hit in zip(records, mask, strict=True) if hit]
    if source.sample is not None:
        order = sorted(records, key=lambda r: (draw(source.seed, digest(r.fields)), r.origin.position))
        records = sorted(order[: source.sample], key=lambda r: r.origin.position)
    return records if source.limit is None else records[: source.limit]


def _mapping(source: Source, records: list[Record], schema: Schema, frozen: dict[str, str]) -> maps.Mapping:
    """Return the mapping of a source: proposed, then as given; `frozen` is that of its newest delivery.

    A column may be rare, or gone from a later delivery: all rows are looked at for names, the first ones for shapes.
    """
    rows = [record.fields for record in records[:_LOOKED_AT]]
    columns = _columns([record.fields for record in records])
    proposed = maps.propose(columns, rows, fields_of(schema))
    known = [*columns, *maps.Mapping(frozen).columns]
    given = maps.parse([f"{name}={expression}" for name, expression in source.map.items()], known)
    mapping = maps.Mapping({**proposed.expressions, **given.expressions})
    missing = [name for name in schema.columns if schema.required(name) and name not in mapping.expressions]
    if missing and rows:
        raise UsageError(
            f"no column of {source.name!r} gives {schema.name}.{missing[0]} (columns: {', '.join(columns)})",
            f"say which, for example --map {missing[0]}={columns[0] if columns else 'COLUMN'}",
        )
    return mapping


def _intake(records: list[Record], mapping: maps.Mapping, schema: Schema) -> Intake:
    intake, fields = Intake(), fields_of(schema)
    for record in records:
        try:
            typed, extra = maps.apply(mapping, record.fields, fields)
            digest(record.fields)
        except (maps.MappingError, TypeError, RecursionError) as error:
            intake.rejects.append(Reject(_as_bytes(record), record.origin, str(error)))
            continue
        repairs = tuple(_by_field(repair, mapping) for repair in record.repairs)
        intake.arrivals.append(Arrival(typed, extra, record.fields, record.origin, repairs))
    return intake


def _as_bytes(record: Record) -> bytes:
    return repr(record.fields).encode()


def _by_field(repair: Repair, mapping: maps.Mapping) -> Repair:
    """Return a repair of a raw column as one of the schema field that takes it."""
    names = {column: name for name, column in mapping.expressions.items()}
    return Repair(names.get(repair.field, repair.field), repair.value, repair.reason)


def _kept_raw(store: Store, path: Path) -> dict[str, str]:
    """Keep the raw bytes of a file, or of each file of a folder; return digests by relative name."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return {str(file.relative_to(path)): store.objects.put_file(file) for file in files}


def fields_of(schema: Schema) -> dict[str, maps.FieldSpec]:
    """Return what a mapping must know of each schema field."""
    return {
        name: maps.FieldSpec(
            kind=_KINDS.get(kind, "messages"),
            required=schema.required(name),
            aliases=schema.declared.aliases.get(name, ()),
            plural=schema.declared.plural.get(name, ""),
        )
        for name, kind in schema.types.items()
    }


_KINDS: dict[pl.DataType, Kind] = {
    pl.String(): "str",
    pl.Int64(): "int",
    pl.Float64(): "float",
    pl.Boolean(): "bool",
    pl.List(pl.String): "list[str]",
    pl.List(pl.Int64): "list[int]",
}
