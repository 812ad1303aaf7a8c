"""Save a corpus' curation as plain files beside `corpus.yaml`, and build it again from raw bytes and those files."""

from __future__ import annotations

from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.corpus import SplitSettings, save_corpus
from workbench.curation.sides import Stood
from workbench.errors import DataError
from workbench.fingerprint import digest
from workbench.services.checking.curate import assigned_before
from workbench.services.intake.ingest import Delivery, Order, ingest
from workbench.services.progress import Report, silent
from workbench.services.records.marks import MADE, MARKS
from workbench.services.versions.ledger import Ledger, with_heirs
from workbench.services.versions.pulled import pulled_versions, whole_ledger
from workbench.services.versions.refs import NOTE, REF
from workbench.services.versions.saved import (
    AFTER,
    ASSIGNMENT,
    LOG,
    MARKED,
    REFS,
    TESTED,
    VERSIONS,
    assigned_table,
    lines,
    saved_assignment,
    saved_log,
    saved_marks,
    saved_refs,
    saved_tested,
    saved_versions,
    tested_table,
)
from workbench.services.versions.split import Past, Request, past_of, requested, split
from workbench.store.catalogue import Entry, Row
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import Version, versions
from workbench.workspace import write_text

if TYPE_CHECKING:
    from workbench.scale.engine import Engine

REPLAYED = ("edit", "match", "judgement", "readmission")
"""Kinds of log rows that are saved, in order, in `log.jsonl`."""
_ROW = ("kind", "subject", "who", "at")
"""What a saved row holds beside its body."""


def save(store: Store, name: str) -> list[Path]:
    """Write log, assignment, ledger of tests, versions, their tags and marks beside `corpus.yaml`; return the files."""
    corpus = store.corpus(name)
    state = store.state(corpus)
    folder = store.workspace.corpus_folder(name)
    known = versions(store.catalogue, name)
    if known:
        corpus = corpus.model_copy(update={"split": SplitSettings(**known[-1].settings["split"])})
    ledger = whole_ledger(store, state, name)
    told = [_saved(version) for version in sorted([*pulled_versions(store, name), *known], key=lambda v: v.number)]
    if told:
        told[-1]["tested"] = ledger.frame.height
    written = {
        LOG: lines(_plain(state)),
        ASSIGNMENT: assigned_table(assigned_before(store, state, corpus=name)),
        TESTED: tested_table(ledger),
        REFS: lines(_beside(_entries(store, name, (REF, NOTE)), saved_refs(folder / REFS))),
        VERSIONS: lines(told),
    }
    marked = _marked(store, state, name, saved_marks(folder / MARKED))
    if marked or (folder / MARKED).is_file():
        written[MARKED] = lines(marked)
    with store.workspace.locked():
        save_corpus(corpus, folder / "corpus.yaml")
        for file, text in written.items():
            write_text(folder / file, text)
    return [folder / "corpus.yaml", *(folder / file for file in written)]


def _marked(store: Store, state: State, name: str, saved: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the marks to save, each with the number of rows of the saved log that stand before it."""
    replayed = [row.seq for row in state.rows if row.kind in REPLAYED]
    rows = store.catalogue.rows(name, kinds=MARKS)
    own = [_entry(row) | {AFTER: bisect(replayed, row.seq)} for row in rows]
    marked = _beside(own, [{key: value for key, value in mark.items() if key != AFTER} for mark in saved])
    after = 0
    for mark in marked:
        after = mark.setdefault(AFTER, after)
    return marked


def _entries(store: Store, name: str, kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    return [_entry(row) for row in store.catalogue.rows(name, kinds=kinds)]


def _beside(own: list[dict[str, Any]], saved: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows to save of kinds that change no record: the log's, and those that only the saved file holds.

    These stay behind the row that they stood behind: an undo closes what is before it. A saved row that the log holds
    with another body was purged since: its text must not be saved again.
    """
    same = _paired(saved, own, _identity_of)
    rest = [place for place in range(len(saved)) if place not in same]
    taken = set(same.values())
    others = [place for place in range(len(own)) if place not in taken]
    purged = _paired([saved[place] for place in rest], [own[place] for place in others], _row_of)
    same |= {rest[one]: others[other] for one, other in purged.items()}
    behind: dict[int, list[dict[str, Any]]] = defaultdict(list)
    last = -1
    for place, entry in enumerate(saved):
        last = same.get(place, last)
        if place not in same:
            behind[last].append(entry)
    return [*behind[-1], *(row for place, entry in enumerate(own) for row in (entry, *behind[place]))]


def _paired(
    saved: list[dict[str, Any]], own: list[dict[str, Any]], name: Callable[[dict[str, Any]], Hashable]
) -> dict[int, int]:
    """Return the places of saved rows with the places of own rows of the same name, each once, in order."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for place, entry in enumerate(own):
        places[name(entry)].append(place)
    named = ((place, places.get(name(entry))) for place, entry in enumerate(saved))
    return {place: found.pop(0) for place, found in named if found}


def _row_of(entry: dict[str, Any]) -> Hashable:
    return tuple(entry[key] for key in _ROW)


def _identity_of(entry: dict[str, Any]) -> Hashable:
    return _identity(entry["kind"], entry["subject"], _facts(entry))


def _facts(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a saved row."""
    return {key: value for key, value in entry.items() if key not in (*_ROW, AFTER)}


def _plain(state: State) -> list[dict[str, Any]]:
    rows = [row for row in state.rows if row.kind in REPLAYED]
    return [_with_row(_entry(row), state) for row in rows]


def _entry(row: Row) -> dict[str, Any]:
    """Return a log row as it is saved; of a replayed one, who made it and when, not who built it."""
    body = {key: value for key, value in row.body.items() if key != MADE}
    made = row.body.get(MADE, {})
    return {"kind": row.kind, "subject": row.subject, "who": row.who, "at": row.at, **body, **made}


def _replayed(entry: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    return body | {MADE: {"who": entry["who"], "at": entry["at"]}}


def _with_row(entry: dict[str, Any], state: State) -> dict[str, Any]:
    """Put the row of a re-admission into its entry: its segment is an object that an empty workspace lacks."""
    if entry["kind"] != "readmission":
        return entry
    row = state.objects.table(entry["segment"]).filter(rid=entry["rid"]).to_dicts()[0]
    return entry | {"row": {key: value for key, value in row.items() if key != "rid"}}


def _saved(version: Version) -> dict[str, Any]:
    return {"id": version.id, "at": version.at} | version.body()


def build(
    store: Store, name: str, report: Report = silent, engine: Engine | None = None
) -> tuple[list[Delivery], Version]:
    """Do the whole curation again: ingest the declared sources, replay the saved files, split.

    With an engine its workers read, check, compare and write down the records; the version is the very same.
    """
    deliveries = ingest(store, Order(corpus=name), report, engine)
    corpus = store.corpus(name)
    folder = store.workspace.corpus_folder(name)
    saved = saved_log(folder / LOG, store.schema(corpus))
    refs, marked = saved_refs(folder / REFS), saved_marks(folder / MARKED)
    done = _as_made(saved, marked)
    store.change(corpus, lambda state: _missing(done, name, state, store.catalogue.rows(name, kinds=MARKS)))
    past = _saved_past(folder, store, name, shelf=engine is not None)
    version = split(store, Request(name, requested(store, name)), past=past, report=report, engine=engine)
    _replay_refs(store, name, refs)
    return deliveries, version


def _as_made(saved: Sequence[dict[str, Any]], marked: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the saved rows of both files as they were made: an undo goes back through all of them.

    Each file keeps its own order, and a mark stands behind as many rows of the log as it tells; one saved before marks
    told that stands behind all of them. The clock is never asked: much is done within its second.
    """
    told = (min(mark.get(AFTER, len(saved)), len(saved)) for mark in marked)
    marks = [((place, 0), mark) for place, mark in zip(accumulate(told, max), marked, strict=True)]
    rows = [((place, 1), row) for place, row in enumerate(saved)]
    return [row for _, row in sorted([*marks, *rows], key=lambda one: one[0])]


def _replay_refs(store: Store, name: str, saved: list[dict[str, Any]]) -> None:
    """Append the tags and notes that the log does not hold yet, also those about versions that are not here."""
    rows = store.catalogue.rows(name, kinds=(REF, NOTE))
    here = Counter(_identity(row.kind, row.subject, row.body) for row in rows)
    absent = _absent(saved, here)
    store.catalogue.append(*((e["kind"], name, e["subject"], _replayed(e, facts)) for e, facts in absent))


def _absent(saved: list[dict[str, Any]], here: Counter[str]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the saved rows that are not here, each with its body."""
    for entry in saved:
        facts = _facts(entry)
        name = _identity(entry["kind"], entry["subject"], facts)
        if here[name]:
            here[name] -= 1  # the same edit made twice, with an undo between, is two rows
        else:
            yield entry, facts


def _missing(saved: list[dict[str, Any]], corpus: str, state: State, marked: list[Row]) -> list[Entry]:
    """Return the saved rows that the log, with the marks beside it, does not hold yet, in order.

    Twice replays nothing.
    """
    here = Counter(_identity(row.kind, row.subject, row.body) for row in [*state.rows, *marked])
    out: list[Entry] = []
    for entry, facts in _absent(saved, here):
        readmitted = sum(made[0] == "readmission" for made in out)
        body = _readmitted(facts, state, readmitted) if entry["kind"] == "readmission" else facts
        out.append((entry["kind"], corpus, entry["subject"], _replayed(entry, body)))
    return out


def _identity(kind: str, subject: str, body: dict[str, Any]) -> str:
    own = ("rid", "segment", "row", MADE)
    return digest([kind, subject, {key: value for key, value in body.items() if key not in own}])


def _readmitted(facts: dict[str, Any], state: State, before: int) -> dict[str, Any]:
    """Return the body of a saved re-admission, its row kept as an object of this store."""
    row, rid = facts["row"], state.next_rid + before
    schema = dict(state.stored.schema)
    return {key: value for key, value in facts.items() if key != "row"} | {
        "rid": rid,
        "segment": state.objects.put_table(pl.DataFrame([row | {"rid": rid}], schema=schema)),
    }


def _saved_past(folder: Path, store: Store, name: str, *, shelf: bool) -> Past:
    """Return the past from the log, or from the saved files where the log holds no version yet."""
    known, saved = past_of(store, name, shelf=shelf), saved_versions(folder / VERSIONS, name)
    named = saved or (folder / ASSIGNMENT).is_file()
    assigned = saved_assignment(folder / ASSIGNMENT) if named else {}
    if known.parent is None and assigned and not saved:
        raise DataError(f"{name}/{VERSIONS} is torn: it names no version, though records are assigned", "restore it")
    if known.parent is not None or not saved:
        return known
    state = store.state(store.corpus(name))
    prior = Stood.of({state.today(record): side for record, side in assigned.items()})
    last = saved[-1]
    tested = with_heirs(_saved_ledger(folder, last, assigned), state)
    return Past(last.id, last.number, prior, last.settings, last, tested)


def _saved_ledger(folder: Path, last: Version, assigned: dict[str, str]) -> Ledger:
    """Return the saved ledger of tests; one saved before there was any is what stood in test last."""
    if not last.report and not (folder / TESTED).is_file():
        return Ledger.of({record: last.number for record, side in assigned.items() if side == "test"})
    return saved_tested(folder / TESTED)
