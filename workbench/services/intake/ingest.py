"""Take raw files into a corpus: detect, map, identify, keep; every row read is kept, merged or quarantined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from workbench.corpus import Corpus, Source, load_corpus, save_corpus
from workbench.errors import OutsideError, UsageError, WorkbenchError
from workbench.fingerprint import digest
from workbench.readers import mapping as maps
from workbench.readers.detect import seen
from workbench.readers.record import Reading, Record, Reject
from workbench.readers.registry import read
from workbench.schema import load_schema
from workbench.services.intake.order import Order, corpus_of, key_of, path_of, sources_of
from workbench.services.intake.parts import Task, cut, read_parts, spans_of, whole
from workbench.services.intake.raw_files import RawFiles, copied, stamps_of
from workbench.services.intake.reasons import reasons_of
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
from workbench.services.intake.spread import Spread
from workbench.services.intake.turn_parts import left_in_turns
from workbench.services.progress import Report, silent
from workbench.store.catalogue import Entry, Row
from workbench.store.deliveries import left, numbered, take
from workbench.store.intake import SEGMENT_ROWS, Intake
from workbench.store.state import State
from workbench.store.store import Store
from workbench.text import counted
from workbench.workspace import sweep

if TYPE_CHECKING:
    from workbench.scale.engine import Engine

__all__ = ["Delivery", "Order", "ingest"]
_NAMED = 8
"""Unread columns that are named at most."""


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
    unread: dict[str, int] = field(default_factory=dict)
    """Raw columns and parts of turns (`messages[].name`) that no field takes, and how many kept rows hold each.

    They stay with their records.
    """
    schema: str = ""
    """Kind of the records."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Why rows went to quarantine, and how many for each reason, the most frequent first."""
    repairs: int = 0
    """Changes the reader made, each written to the log as an edit."""
    matched: int = 0
    """Vanished records whose heirs were found."""
    left: int = 0
    """Records that stood in the source's last delivery and neither stand in this one nor have an heir there."""
    conflicts: int = 0
    """Edits of this corpus that no longer fit their record and wait for a person."""
    same_as: tuple[str, ...] = ()
    """Other sources of this corpus whose last delivery had the very same bytes."""

    @property
    def left_over(self) -> str:
        """Return a sentence that names the unread columns, not yet safe to show; empty where there are none."""
        named = [f"{name} ({counted(rows, 'row')})" for name, rows in islice(self.unread.items(), _NAMED)]
        more = f" and {len(self.unread) - _NAMED:,} more" if len(self.unread) > _NAMED else ""
        told = f"no field takes {', '.join(named)}{more}: kept with the records, not trained on, in no export"
        turns = any("[]." in name for name in self.unread)
        return f"{told}{'; a corpus of --schema tools keeps what turns hold' * turns}" if named else ""


def ingest(store: Store, order: Order, report: Report = silent, engine: Engine | None = None) -> list[Delivery]:
    """Ingest files or the declared sources, one delivery each, and keep the settings in `corpus.yaml`.

    An engine's workers read the parts of files that can be cut, and write segments; what comes out is the same.
    """
    for folder in (store.workspace.scratch, store.workspace.cache):
        sweep(folder)
    corpus = corpus_of(store, order)
    out = []
    for source in sources_of(store, corpus, order):
        report(f"reading {source.name}")
        source, delivery = _deliver(store, corpus, source, (report, engine))
        corpus = _declared(store, corpus, source)
        out.append(delivery)
    return out


def rehearse(store: Store, order: Order, report: Report = silent, engine: Engine | None = None) -> list[Delivery]:
    """Return what `ingest` would make of an order, all rows read; neither the store nor `corpus.yaml` learns of it.

    Of what only the log can tell (repairs, conflicts) nothing is counted.
    """
    corpus = corpus_of(store, order)
    return [_rehearsed(store, corpus, source, (report, engine)) for source in sources_of(store, corpus, order)]


def _rehearsed(store: Store, corpus: Corpus, source: Source, how: tuple[Report, Engine | None]) -> Delivery:
    report, engine = how
    report(f"reading {source.name}")
    with ExitStack() as held:
        spread = Spread.on(engine, report, held) if engine else None
        brought = _brought(store, corpus, source, _Means(held, report, spread))
        state = store.state(corpus)
        rows, counts = numbered(brought.intake, state)
        gone = left(brought.intake, rows, state)
        said = brought.says(source) | counts | {"same_as": _same_as(state, source, brought)}
        return Delivery(**said, matched=len(gone.heirs), left=gone.records)


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
    raw: RawFiles
    mapped: Mapped

    @property
    def digest(self) -> str:
        """Return the digest of the delivery: of its one file, or of the names and digests of a folder's files."""
        digests = self.raw.digests
        return digest(digests) if len(digests) > 1 else next(iter(digests.values()))

    def facts(self, source: Source) -> dict[str, Any]:
        """Return what the delivery's log row says beside counts and objects."""
        return {
            "digest": self.digest,
            "raw": sorted(self.raw.digests.values()),
            "reader": self.reading.proposal.reader,
            "encoding": self.reading.proposal.encoding,
            "mapping": dict(self.mapping.expressions),
            "selection": source.model_dump(include={"where", "limit", "sample", "seed", "chunk", "header"}),
            "split": source.split,
            "together": source.together,
            "declared": source.model_dump(mode="json", exclude_defaults=True),
        }

    def says(self, source: Source) -> dict[str, Any]:
        """Return what a delivery says beside its counts, told by its rows while they wait."""
        rows, facts = self.mapped.columns.items(), self.facts(source)
        unread = {name: held for name, held in rows if held and name not in self.mapping.columns}
        return {
            "name": source.name,
            "schema": self.mapped.schema.name,
            **{key: facts[key] for key in ("digest", "reader", "encoding", "mapping")},
            "guesses": (*self.reading.proposal.guesses, *self.mapping.guesses),
            "preview": tuple(maps.preview(self.mapping, self.mapped.rows[:3])),
            "unread": unread | left_in_turns(self.intake, self.mapping, fields_of(self.mapped.schema)),
            "reasons": reasons_of(self.intake.rejects),
        }


@dataclass(frozen=True)
class _Means:
    """What a file is read with."""

    held: ExitStack
    """Removes what waits on disk once the delivery is in the log."""
    report: Report
    spread: Spread | None
    """The workers of an engine."""


def _deliver(
    store: Store, corpus: Corpus, source: Source, how: tuple[Report, Engine | None]
) -> tuple[Source, Delivery]:
    report, engine = how
    with ExitStack() as held:
        refuse_purged = held.enter_context(_watched(store, source.name))
        spread = Spread.on(engine, report, held) if engine else None
        brought = _brought(store, corpus, source, _Means(held, report, spread))
        said = brought.says(source)
        report(f"keeping the rows of {source.name}")
        facts = brought.facts(source) | {"schema": corpus.schema_name}
        counts: dict[str, int] = {}

        def prepare(state: State) -> list[Entry]:
            refuse_purged()
            # Another process may have taken in the same new source meanwhile.
            _refuse_other_key(source.name, brought.intake.key, state.deliveries.get(source.name))
            keep = spread.keep(store) if spread and brought.intake.height > SEGMENT_ROWS else None
            taken = take(brought.intake, facts, state, keep)
            counts.update(taken.counts, matched=len(taken.left.heirs), left=taken.left.records)
            counts["repairs"] = sum(entry[0] == "edit" for entry in taken.entries)
            brought.raw.keep(store.objects)  # last: what is refused before leaves no copy of itself behind
            return [] if _nothing_new(taken.entries, state, source.name) else taken.entries

        store.change(corpus, prepare)
    state = store.state(corpus)
    counts["conflicts"] = len(state.replayed.conflicts)
    # Chosen once: a later change of the schema's identity must not rename what is here.
    frozen = {"map": facts["mapping"], "key": brought.intake.key}
    return source.model_copy(update=frozen), Delivery(**said | counts, same_as=_same_as(state, source, brought))


def _same_as(state: State, source: Source, brought: _Brought) -> tuple[str, ...]:
    """Return the other sources that brought the very same bytes last."""
    others = ((name, row) for name, row in state.deliveries.items() if name != source.name)
    return tuple(name for name, row in others if row.body["digest"] == brought.digest)


@contextmanager
def _watched(store: Store, source: str) -> Iterator[Callable[[], None]]:
    """Give what raises OutsideError where anything was purged in the block: a text that was read could come back.

    A purge also removes what waits on disk, so where the block fails after one, that is what is said.
    """
    seen = store.catalogue.last()

    def refuse() -> None:
        if store.catalogue.purged_since(seen):
            raise OutsideError(f"texts were purged while {source!r} was read", "ingest it again")

    try:
        yield refuse
    except (OSError, WorkbenchError):
        refuse()
        raise


def _brought(store: Store, corpus: Corpus, source: Source, means: _Means) -> _Brought:
    """Read a file, telling how far; its rows wait in files that the stack removes."""
    path = path_of(store, source)
    stamps = stamps_of(path)
    sight = seen(path, source.encoding)
    if not sight.encoding.name:
        reading_of(source, sight)  # what no reader takes is refused before its bytes are kept
    schema = load_schema(store.workspace.schema_file(corpus.schema_name))
    before = store.state(corpus).deliveries.get(source.name)
    declared = corpus.source(source.name)
    known = (before.body["mapping"] if before else {}) | (declared.map if declared else {})
    mapped = Mapped(source, schema, known)
    raw = means.held.enter_context(copied(store.objects, path, stamps))
    reading = reading_of(source, replace(sight, path=raw.place))
    intake, mapping = _read(store, (corpus.name, reading), (mapped, before), means)
    raw.refuse_changed()
    return _Brought(reading, mapping, intake, raw, mapped)


def _read(
    store: Store, file: tuple[str, Reading], known: tuple[Mapped, Row | None], means: _Means
) -> tuple[Intake, maps.Mapping]:
    """Return the rows of a file for a corpus, and the mapping that all its columns gave."""
    corpus, reading = file
    mapped = known[0]
    while True:
        units = selected(told(read(reading), reading, (mapped.source.name, means.report)), mapped.source)
        intake, mapping = _read_once(store, (corpus, reading, units), known, means)
        if mapping == mapped.mapping():
            return intake, mapping
        # A column that appears late changed what is proposed: all rows are read once more, with it known.
        mapped.begin_again()


def _read_once(
    store: Store,
    file: tuple[str, Reading, Iterator[Record | Reject]],
    known: tuple[Mapped, Row | None],
    means: _Means,
) -> tuple[Intake, maps.Mapping]:
    """Return the rows of a file, and the mapping that the columns known at its first rows gave."""
    corpus, reading, units = file
    mapped, before = known
    source = mapped.source
    first = list(islice(units, LOOKED_AT))
    mapped.see(first)
    mapping = mapped.mapping()
    key = key_of(source, reading, mapped.schema, mapping)
    if before is not None and not source.key and not before.body["key"]:
        key = ()  # the whole row, chosen at the first ingest: a schema that names an identity since changes nothing
    _refuse_other_key(source.name, key, before)
    intake = means.held.enter_context(Intake(mapped.schema.types, key, store.objects, of=(corpus, source.name)))
    apply = maps.applied(mapping, fields_of(mapped.schema))
    mapped.leave_out(fill(intake, first, apply, reading))
    while first and not mapped.is_shaped:  # some of them were torn
        first = next(batches(units), [])
        mapped.see(first)
        mapped.leave_out(fill(intake, first, apply, reading))
    schema = mapped.schema
    task = Task(store.workspace, reading, mapping, fields_of(schema), schema.types, key, intake.of)
    if _is_read_in_parts(task, source, first, (intake, mapped), means):
        return intake, mapping
    with uncollected():
        for batch in batches(units):
            mapped.see(batch)
            mapped.leave_out(fill(intake, batch, apply, reading))
    return intake, mapping


def _is_read_in_parts(
    task: Task, source: Source, first: list[Record | Reject], into: tuple[Intake, Mapped], means: _Means
) -> bool:
    """Read what follows the first units in parts, where that is possible and worth it, and say whether it was."""
    if means.spread is None:
        spans = spans_of(task.reading, source, first)
        if spans:
            read_parts(task, spans, into, means.report)
        return bool(spans)
    spans = cut(task.reading, source, first)
    if len(spans) > 1:
        means.spread.read(task, spans, into)
        return True
    reason = whole(task.reading, source) or "it is one part, or in an encoding that cannot be cut"
    means.report(f"{source.name} is read by this machine alone: {reason}")
    return False


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
