"""Look at a corpus as a whole: which records stand twice, and where each stood before."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from workbench.corpus import Corpus, save_corpus
from workbench.curation.duplicates import (
    BANDS,
    CROWDED,
    LEADERS,
    PERMUTATIONS,
    ROWS,
    Unit,
    units,
    verified_pairs,
)
from workbench.curation.judge import Judgement, Rank, judge
from workbench.curation.split import RANK
from workbench.errors import UsageError
from workbench.fingerprint import digest
from workbench.schema import Schema
from workbench.services.check import check
from workbench.services.delivered import delivered_sides
from workbench.services.records import find
from workbench.store.catalogue import Entry
from workbench.store.objects import write_parquet
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import Version, state_of, versions
from workbench.workspace import out_of_space

_SCHEME = f"minhash {PERMUTATIONS} affine32 xxh32 {BANDS}x{ROWS} words casefold nfc crowded {CROWDED}/{LEADERS} 2"
"""Names everything that verified pairs depend on beside the texts; kept pairs of another scheme are not used."""
DUPLICATE_OF = "duplicate of "
"""What the reason of a removed record begins with; the kept record follows."""


@dataclass(frozen=True)
class Curated:
    """A corpus looked at as a whole: its records, their issues and their duplicates."""

    corpus: Corpus
    schema: Schema
    state: State
    records: pl.DataFrame
    issues: pl.DataFrame
    units: list[Unit]
    pairs: pl.DataFrame
    """All verified pairs of units, whatever was judged: what they hold together stays together."""
    judgement: Judgement
    prior: dict[str, str]
    """The split each record was last assigned to, if ever."""


def curate(
    store: Store,
    name: str,
    *,
    threshold: float | None = None,
    prior: dict[str, str] | None = None,
    keep: bool | None = None,
) -> Curated:
    """Look at a corpus as a whole; what is given replaces what corpus.yaml and the newest version say.

    `keep` tells whether the sources' own split is kept, by which of two duplicates the held-out one stays.
    """
    corpus = store.corpus(name)
    state, found = check(store, name)
    schema = store.schema(corpus)
    all_units = units(schema.derived(state.records), schema)
    pairs = _pairs(store, all_units, schema.declared.duplicates.ngram)
    once = assigned_before(store, state) if prior is None else prior
    faulty = set(found.filter(pl.col("severity") == "error")["record"])
    delivered = delivered_sides(state) if (_keeps(store, corpus) if keep is None else keep) else {}
    judgement = judge(
        all_units,
        pairs,
        _ranks(state.records, schema, faulty, (delivered, once)),
        threshold=corpus.duplicates.threshold if threshold is None else threshold,
        apart=_apart(state),
    )
    return Curated(corpus, schema, state, state.records, found, all_units, pairs, judgement, once)


def _keeps(store: Store, corpus: Corpus) -> bool:
    known = versions(store.catalogue, corpus.name)
    return bool(known[-1].settings["split"]["keep_source_split"]) if known else corpus.split.keep_source_split


def assigned_before(store: Store, state: State, *, corpus: str | None = None) -> dict[str, str]:
    """Return the split each record was last assigned to, be it here or not, heirs standing for vanished ones.

    A removed record is named only once it or the record it went for has changed or is gone: until then that one
    stands for both, and a duplicate that was never assigned must not rank beside it.
    """
    name = corpus or (state.rows[0].corpus if state.rows else "")
    own: dict[str, str] = {}
    inherited: dict[str, str] = {}
    for version in versions(store.catalogue, name)[-1:]:
        assignment = store.objects.table(version.assignment)
        covered = _covered(store, state, version, assignment)
        for record, split in assignment.select("id", "prior").drop_nulls().iter_rows():
            heir = state.today(record)
            if record in covered:
                continue
            if heir == record:
                own[record] = split
            else:
                inherited[heir] = max(split, inherited.get(heir, split), key=RANK.__getitem__)
    return inherited | own


def _covered(store: Store, state: State, version: Version, assignment: pl.DataFrame) -> set[str]:
    """Return the removed records whose kept one, like themselves, is just as it was in that version."""
    removed = assignment.filter(pl.col("split") == "removed", pl.col("prior").is_not_null())
    pairs = [(record, reason.removeprefix(DUPLICATE_OF)) for record, reason in removed.select("id", "reason").rows()]
    if not pairs or all(row.seq <= version.upto for row in state.rows):
        return {record for record, _ in pairs}
    wanted = {record for pair in pairs for record in pair}
    now = _rows(state, wanted)
    then = _rows(state_of(store.catalogue, store.objects, state.schema, version), wanted)
    same = {record for record in now if now[record] == then.get(record)}
    return {record for record, kept in pairs if record in same and kept in same}


def _rows(state: State, wanted: set[str]) -> dict[str, tuple[object, ...]]:
    frame = state.records.filter(pl.col("id").is_in(list(wanted))).select("id", *state.schema.columns)
    return {row[0]: row for row in frame.iter_rows()}


def _ranks(
    records: pl.DataFrame, schema: Schema, faulty: set[str], held: tuple[Mapping[str, str], Mapping[str, str]]
) -> dict[str, Rank]:
    """Return the keep order: valid, held out (test first), edited by hand, longest, then source and place.

    `held` is where the sources put the records, if that counts, and where they were assigned before.
    """
    length = pl.sum_horizontal(
        pl.col(c).str.len_chars().fill_null(0) for c, t in schema.types.items() if t == pl.String
    )
    rows = records.select("id", "source", "position", "edited", length.alias("length")).iter_rows()
    return {
        record: (
            record in faulty,
            *(-RANK.get(sides.get(record, ""), -1) for sides in held),
            *(not edited, -size, source, place, record),
        )
        for record, source, place, edited, size in rows
    }


def _pairs(store: Store, all_units: list[Unit], ngram: int) -> pl.DataFrame:
    """Return the verified pairs, computed once for the same texts and scheme."""
    texts = [[unit.name, unit.text, unit.question, unit.answer] for unit in all_units]
    kept = store.workspace.cache / f"pairs-{digest([_SCHEME, ngram, texts])[:32]}.parquet"
    known = _kept_pairs(kept)
    if known is not None:
        return known
    pairs = verified_pairs(all_units, ngram)
    draft = kept.with_suffix(f".{uuid.uuid4().hex}")  # two processes may look at once
    try:
        with out_of_space(draft):
            write_parquet(pairs, draft)
            draft.replace(kept)
    finally:
        with suppress(OSError):
            draft.unlink()
    return pairs


def _kept_pairs(path: Path) -> pl.DataFrame | None:
    """Return pairs computed before; what a power cut left torn counts as never computed."""
    try:
        return pl.read_parquet(path) if path.is_file() else None
    except (pl.exceptions.PolarsError, OSError):
        return None


def _apart(state: State) -> set[frozenset[str]]:
    """Return the pairs that a person judged to be no duplicates."""
    verdicts: dict[frozenset[str], bool] = {}
    for row in state.of("judgement"):
        pair = frozenset(state.today(record) for record in row.body["pair"])
        verdicts[pair] = row.body["verdict"] == "different"
    return {pair for pair, apart in verdicts.items() if apart}


def set_apart(store: Store, name: str, pair: tuple[str, str], *, verdict: str = "different") -> None:
    """Judge that two records, named by unique prefixes of their ids, are or are not duplicates of each other."""
    corpus = store.corpus(name)

    def entries(state: State) -> list[Entry]:
        one, other = sorted(find(state, prefix) for prefix in pair)
        if one == other:
            raise UsageError(f"{pair[0]!r} and {pair[1]!r} are the same record", "name two records")
        return [("judgement", corpus.name, f"{one}|{other}", {"pair": [one, other], "verdict": verdict})]

    store.change(corpus, entries)


def set_threshold(store: Store, name: str, threshold: float) -> None:
    """Keep a duplicate threshold in corpus.yaml, for this and every later version."""
    with store.workspace.locked():
        corpus = store.corpus(name)
        settings = corpus.duplicates.model_copy(update={"threshold": threshold})
        save_corpus(corpus.model_copy(update={"duplicates": settings}), store.workspace.corpus_file(name))
