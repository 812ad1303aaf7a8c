"""Check and dedup a corpus: what is wrong with its records, and which stand twice."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from workbench.corpus import Corpus, save_corpus
from workbench.curation.duplicates import BANDS, PERMUTATIONS, ROWS, Unit, units, verified_pairs
from workbench.curation.judge import Judgement, Rank, judge
from workbench.curation.split import RANK
from workbench.curation.validate import issues
from workbench.fingerprint import digest
from workbench.schema import Schema
from workbench.store.objects import write_parquet
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import versions
from workbench.workspace import out_of_space

_SCHEME = f"minhash {PERMUTATIONS} affine32 xxh32 {BANDS}x{ROWS} words casefold nfc 1"
"""Names everything that verified pairs depend on beside the texts; kept pairs of another scheme are not used."""


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
    judgement: Judgement
    prior: dict[str, str]
    """The split each record was last assigned to, if ever."""

    @property
    def faulty(self) -> set[str]:
        """Return the records with an error-level issue."""
        return set(self.issues.filter(pl.col("severity") == "error")["record"])


def check(store: Store, name: str) -> tuple[State, pl.DataFrame]:
    """Return a corpus' state and all issues of its records."""
    corpus = store.corpus(name)
    state = store.state(corpus)
    return state, issues(state.records, store.schema(corpus))


def issue_counts(found: pl.DataFrame) -> list[dict[str, Any]]:
    """Return rule, severity and count, most frequent first."""
    counted = found.group_by("rule", "severity").agg(count=pl.len()).sort(["count", "rule"], descending=[True, False])
    return counted.to_dicts()


def curate(store: Store, name: str, *, threshold: float | None = None, prior: dict[str, str] | None = None) -> Curated:
    """Look at a corpus as a whole; `threshold` and `prior` replace what corpus.yaml and the newest version say."""
    corpus = store.corpus(name)
    state, found = check(store, name)
    schema = store.schema(corpus)
    records = state.records
    all_units = units(schema.derived(records), schema)
    pairs = _pairs(store, all_units, schema.declared.duplicates.ngram)
    once = assigned_before(store, state) if prior is None else prior
    faulty = set(found.filter(pl.col("severity") == "error")["record"])
    judgement = judge(
        all_units,
        _without(pairs, _apart(state)),
        _ranks(records, schema, faulty, once),
        threshold=corpus.duplicates.threshold if threshold is None else threshold,
    )
    return Curated(corpus, schema, state, records, found, all_units, pairs, judgement, once)


def assigned_before(store: Store, state: State, *, corpus: str | None = None) -> dict[str, str]:
    """Return the split each record was last assigned to, be it here or not, heirs standing for vanished ones."""
    name = corpus or (state.rows[0].corpus if state.rows else "")
    own: dict[str, str] = {}
    inherited: dict[str, str] = {}
    for version in versions(store.catalogue, name)[-1:]:
        assignment = store.objects.table(version.assignment)
        for record, split in assignment.select("id", "prior").drop_nulls().iter_rows():
            heir = state.today(record)
            if heir == record:
                own[record] = split
            else:
                inherited[heir] = max(split, inherited.get(heir, split), key=RANK.__getitem__)
    return inherited | own


def _ranks(records: pl.DataFrame, schema: Schema, faulty: set[str], prior: dict[str, str]) -> dict[str, Rank]:
    """Return the keep order: valid, assigned before (test first), edited by hand, longest, then source and place."""
    length = pl.sum_horizontal(
        pl.col(c).str.len_chars().fill_null(0) for c, t in schema.types.items() if t == pl.String
    )
    rows = records.select("id", "source", "position", "edited", length.alias("length")).iter_rows()
    return {
        record: (record in faulty, -RANK.get(prior.get(record, ""), -1), not edited, -size, source, place, record)
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


def _without(pairs: pl.DataFrame, apart: set[frozenset[str]]) -> pl.DataFrame:
    if not apart:
        return pairs
    keep = [frozenset((a, b)) not in apart for a, b in pairs.select("a", "b").iter_rows()]
    return pairs.filter(pl.Series(keep, dtype=pl.Boolean))


def set_apart(store: Store, name: str, pair: tuple[str, str], *, verdict: str = "different") -> None:
    """Judge that two records are, or are not, duplicates of each other."""
    corpus = store.corpus(name)
    body = {"pair": sorted(pair), "verdict": verdict}
    store.change(corpus, lambda _state: [("judgement", corpus.name, "|".join(sorted(pair)), body)])


def set_threshold(store: Store, name: str, threshold: float) -> None:
    """Keep a duplicate threshold in corpus.yaml, for this and every later version."""
    corpus = store.corpus(name)
    settings = corpus.duplicates.model_copy(update={"threshold": threshold})
    save_corpus(corpus.model_copy(update={"duplicates": settings}), store.workspace.corpus_file(name))
