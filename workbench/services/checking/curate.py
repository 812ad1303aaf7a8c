"""Look at a corpus as a whole: which records stand twice, and where each stood before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from workbench.corpus import Corpus
from workbench.curation.duplicates import Pairs, verified_pairs
from workbench.curation.judge import Judgement, judge
from workbench.curation.slices import held
from workbench.curation.split import RANK
from workbench.curation.units import Units, units
from workbench.schema import Schema
from workbench.services.checking.check import check
from workbench.services.duplicates.kept_pairs import near_texts, near_texts_by
from workbench.services.duplicates.verdicts import Verdicts, verdicts_of
from workbench.services.progress import Report, silent
from workbench.services.versions.delivered import delivered_sides, generated_sources
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import Version, state_of, versions

if TYPE_CHECKING:
    from workbench.scale.engine import Engine

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
    units: Units
    pairs: Pairs
    """All verified pairs of units, whatever was judged: what they hold together stays together."""
    judgement: Judgement
    prior: dict[str, str]
    """The split each record was last assigned to, if ever."""
    delivered: dict[str, str]
    """The split that each record was delivered for, where that counts."""


def curate(
    store: Store,
    name: str,
    *,
    threshold: float | None = None,
    prior: dict[str, str] | None = None,
    keep: bool | None = None,
    report: Report = silent,
    engine: Engine | None = None,
) -> Curated:
    """Look at a corpus as a whole; what is given replaces what corpus.yaml and the newest version say.

    `keep` tells whether the sources' own split is kept, by which of two duplicates the held-out one stays. An engine
    applies the rules and compares the texts; what it finds is what this machine would find.
    """
    corpus = store.corpus(name)
    state, found = check(store, name, report, engine)
    schema = store.schema(corpus)
    report(f"comparing the texts of {state.records.height:,} records")
    found_units = units(state.derived, schema, keep=state.shelf or held)
    ngram = schema.declared.duplicates.ngram
    pairs = _pairs(store, name, (found_units, ngram), engine)
    report("judging duplicates")
    once = assigned_before(store, state) if prior is None else prior
    keeps = _keeps(store, corpus) if keep is None else keep
    used = corpus.duplicates.threshold if threshold is None else threshold
    seen = _Seen(corpus, schema, state, found, found_units, pairs)
    return _judged(seen, once, delivered_sides(state) if keeps else {}, used, engine)


def _pairs(store: Store, name: str, compared: tuple[Units, int], engine: Engine | None) -> Pairs:
    """Return the verified pairs of units, compared in shingles of so many words."""
    found, ngram = compared
    if engine is None:
        return verified_pairs(found, ngram, near_texts(store.workspace, name, found.texts, ngram))
    from workbench.scale import judging

    near = near_texts_by(engine, store.workspace, name, found.texts, ngram)
    return judging.verified_pairs(engine, found, ngram, near)


def judged_again(curated: Curated, *, prior: dict[str, str], keep: bool) -> Curated:
    """Return a corpus judged with other sides to hold to; see `curate`. No text is looked at again."""
    seen = _Seen(curated.corpus, curated.schema, curated.state, curated.issues, curated.units, curated.pairs)
    delivered = delivered_sides(curated.state) if keep else {}
    return _judged(seen, prior, delivered, curated.corpus.duplicates.threshold)


@dataclass(frozen=True)
class _Seen:
    corpus: Corpus
    schema: Schema
    state: State
    issues: pl.DataFrame
    units: Units
    pairs: Pairs


def _judged(
    seen: _Seen, prior: dict[str, str], delivered: dict[str, str], threshold: float, engine: Engine | None = None
) -> Curated:
    verdicts, records = verdicts_of(seen.state), seen.state.records
    judgement = _judge(engine)(
        seen.units,
        seen.pairs,
        order_of(records, seen.schema, seen.issues, (delivered, prior), verdicts, generated_sources(seen.state)),
        threshold=threshold,
        apart=verdicts.apart,
        agreed=verdicts.agreed,
    )
    facts = (seen.corpus, seen.schema, seen.state, records, seen.issues, seen.units, seen.pairs)
    return Curated(*facts, judgement, prior, delivered)


def _judge(engine: Engine | None) -> Callable[..., Judgement]:
    """Return what judges pairs: `judge`, or what does the same on an engine."""
    if engine is None:
        return judge
    from workbench.scale import judging

    return partial(judging.judge, engine)


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


def order_of(
    records: pl.DataFrame,
    schema: Schema,
    found: pl.DataFrame,
    held: tuple[Mapping[str, str], Mapping[str, str]],
    verdicts: Verdicts,
    generated: Collection[str] = (),
) -> pl.Series:
    """Return all ids, the one to keep first: valid, chosen, held out (test first), edited by hand, longest.

    `held` is where the sources put the records, if that counts, and where they were assigned before. What a person
    wrote comes before what the `generated` sources hold, wherever that was assigned: it takes its place there. Ids
    break ties: the order of ingest is another one in a workspace where the corpus is built again.
    """
    delivered, once = held
    held_back = {kept for kept, gone in verdicts.agreed if holds_back(kept, gone, held)}
    faulty = found.filter(pl.col("severity") == "error")["record"].implode()
    length = pl.sum_horizontal(
        pl.col(c).str.len_chars().fill_null(0) for c, t in schema.types.items() if t == pl.String
    )
    worst_first = (
        ~pl.col("id").is_in(faulty),
        pl.col("id").is_in(sorted(verdicts.chosen - held_back)),
        _rank_in(delivered),
        ~pl.col("source").is_in(list(generated)),
        _rank_in(once),
        pl.col("edited"),
        length,
    )
    keys = [key.alias(f"key{i}") for i, key in enumerate(worst_first)]
    down = [True] * len(keys) + [False]
    return records.select("id", *keys).sort([f"key{i}" for i in range(len(keys))] + ["id"], descending=down)["id"]


def holds_back(kept: str, gone: str, held: tuple[Mapping[str, str], Mapping[str, str]]) -> str | None:
    """Return the side that keeps a record from going for another one, None where it may.

    What was delivered for a higher side stays; so does what was assigned to one, unless the other was never assigned:
    then that one takes its place there. Otherwise the one would be removed and the other excluded.
    """
    delivered, once = held
    if RANK.get(delivered.get(gone, ""), -1) > RANK.get(delivered.get(kept, ""), -1):
        return delivered[gone]
    if kept in once and RANK.get(once.get(gone, ""), -1) > RANK[once[kept]]:
        return once[gone]
    return None


def _rank_in(sides: Mapping[str, str]) -> pl.Expr:
    """Return how high the side is that each record stands on, -1 for none."""
    ranks = {record: RANK.get(side, -1) for record, side in sides.items()}
    return pl.col("id").replace_strict(ranks, default=-1, return_dtype=pl.Int8)
