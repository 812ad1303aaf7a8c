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
from workbench.curation.sides import NONE, Stood, numbers_in
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
    prior: Stood
    """The split each record was last assigned to, if ever."""
    delivered: Stood
    """The split that each record was delivered for, where that counts."""


def curate(
    store: Store,
    name: str,
    *,
    threshold: float | None = None,
    prior: Stood | None = None,
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
    return _judged(seen, once, delivered_sides(state) if keeps else Stood(), used, engine)


def _pairs(store: Store, name: str, compared: tuple[Units, int], engine: Engine | None) -> Pairs:
    """Return the verified pairs of units, compared in shingles of so many words."""
    found, ngram = compared
    if engine is None:
        return verified_pairs(found, ngram, near_texts(store.workspace, name, found.texts, ngram))
    from workbench.scale import judging

    near = near_texts_by(engine, store.workspace, name, found.texts, ngram)
    return judging.verified_pairs(engine, found, ngram, near)


def judged_again(curated: Curated, *, prior: Stood, keep: bool) -> Curated:
    """Return a corpus judged with other sides to hold to; see `curate`. No text is looked at again."""
    seen = _Seen(curated.corpus, curated.schema, curated.state, curated.issues, curated.units, curated.pairs)
    delivered = delivered_sides(curated.state) if keep else Stood()
    return _judged(seen, prior, delivered, curated.corpus.duplicates.threshold)


@dataclass(frozen=True)
class _Seen:
    corpus: Corpus
    schema: Schema
    state: State
    issues: pl.DataFrame
    units: Units
    pairs: Pairs


def _judged(seen: _Seen, prior: Stood, delivered: Stood, threshold: float, engine: Engine | None = None) -> Curated:
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


def assigned_before(store: Store, state: State, *, corpus: str | None = None) -> Stood:
    """Return the split each record was last assigned to, be it here or not, heirs standing for vanished ones.

    A removed record is named only once it or the record it went for has changed or is gone: until then that one
    stands for both, and a duplicate that was never assigned must not rank beside it.
    """
    known = versions(store.catalogue, corpus or (state.rows[0].corpus if state.rows else ""))
    if not known:
        return Stood()
    assignment = store.objects.table(known[-1].assignment, ["id", "split", "reason", "prior"])
    stood = assignment.select("id", side="prior").drop_nulls("side")
    stood = stood.filter(numbers_in(_covered(store, state, known[-1], assignment), stood["id"]) == NONE)
    vanished = numbers_in(pl.Series(list(state.heirs), dtype=pl.String).sort(), stood["id"]) != NONE
    return Stood(stood.filter(~vanished)).over(_by_heirs(stood.filter(vanished), state))


def _by_heirs(stood: pl.DataFrame, state: State) -> Stood:
    """Return where records stood that have an heir, by what stands for each today: itself once it is back."""
    own: dict[str, str] = {}
    inherited: dict[str, str] = {}
    for record, side in stood.iter_rows():
        heir = state.today(record)
        if heir == record:
            own[record] = side
        else:
            inherited[heir] = max(side, inherited.get(heir, side), key=RANK.__getitem__)
    return Stood.of(inherited | own)


def _covered(store: Store, state: State, version: Version, assignment: pl.DataFrame) -> pl.Series:
    """Return the removed records, in order, whose kept one, like themselves, is just as it was in that version."""
    removed = assignment.filter(pl.col("split") == "removed", pl.col("prior").is_not_null())
    pairs = removed.select("id", kept=pl.col("reason").str.strip_prefix(DUPLICATE_OF)).sort("id")
    if pairs.is_empty() or all(row.seq <= version.upto for row in state.rows):
        return pairs["id"]
    wanted = pl.concat([pairs["id"], pairs["kept"]]).unique().sort()
    then = state_of(store.catalogue, store.objects, state.schema, version, shelf=state.shelf)
    same = _same(wanted, state, then)
    return pairs.filter(*(pl.Series(numbers_in(same, pairs[end]) != NONE) for end in ("id", "kept")))["id"]


def _same(wanted: pl.Series, *states: State) -> pl.Series:
    """Return which of some records, in order, two states hold alike."""
    both = [state.records.select("id", *state.schema.columns) for state in states]
    for frame in both:
        wanted = wanted.filter(numbers_in(frame["id"].sort(), wanted) != NONE)
    one, other = (frame.filter(numbers_in(wanted, frame["id"]) != NONE).sort("id") for frame in both)
    alike = [row == before for row, before in zip(one.iter_rows(), other.iter_rows(), strict=True)]
    return wanted.filter(pl.Series(alike, dtype=pl.Boolean))


def order_of(
    records: pl.DataFrame,
    schema: Schema,
    found: pl.DataFrame,
    held: tuple[Stood, Stood],
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
        _rank_in(delivered, records),
        ~pl.col("source").is_in(list(generated)),
        _rank_in(once, records),
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


def _rank_in(sides: Stood, records: pl.DataFrame) -> pl.Expr:
    """Return how high the side is that each record stands on, -1 for none."""
    return pl.lit(pl.Series(sides.at(records["id"])))
