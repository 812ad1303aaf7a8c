"""Say where each record of a corpus stands: on a side, excluded or removed, why, and where it once stood."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from workbench.corpus import SplitSettings
from workbench.curation.cutting import cut_groups
from workbench.curation.grouped import Cut, Grouped, Reasons, highest_of_groups
from workbench.curation.passages import Text, cut_passages
from workbench.curation.sides import (
    EXCLUDED,
    NONE,
    REMOVED,
    TEST,
    TRAIN,
    Codes,
    Numbers,
    Stood,
    names_of,
    numbers_in,
    picked,
)
from workbench.curation.split import SPLITS, Wanted, tested_in
from workbench.services.checking.curate import DUPLICATE_OF, Curated
from workbench.services.versions.delivered import delivered_sides, generated_records
from workbench.services.versions.grouping import Groups, groups_of
from workbench.services.versions.ledger import Ledger, text_keys
from workbench.store.versions import ASSIGNMENT

AS_DELIVERED = "as delivered"
"""The method of keeping the sources' own split."""


@dataclass(frozen=True)
class Before:
    """What earlier versions bind an assignment to."""

    prior: Stood
    """The split each record was last assigned to."""
    tested: Ledger = field(default_factory=Ledger)
    number: int = 1
    """Number of the version to be made."""


@dataclass(frozen=True)
class Assignment:
    """Where each record stands, and how that came."""

    frame: pl.DataFrame
    """Columns as in `store.versions.ASSIGNMENT`, in id order."""
    method: str
    too_big: int
    """Groups too big to be placed as wanted."""
    groups: Groups
    """Of all current records."""


def assign(curated: Curated, settings: SplitSettings, before: Before) -> Assignment:
    """Return where each record stands: train, validation, test, excluded or removed, with reason and past."""
    groups = groups_of(curated)
    before = replace(before, tested=before.tested.bound(text_keys(curated.records, curated.schema)))
    aside = _without_side(curated)
    set_aside = numbers_in(groups.ids, aside["id"])
    prior, eligible = before.prior.at(groups.ids), np.ones(len(groups.ids), np.bool_)
    eligible[set_aside] = False
    cut = _cut(curated, Grouped(groups.ids, groups.group, prior, before.tested.at(groups.ids), eligible), settings)
    cut.side[set_aside] = aside["side"].to_numpy()
    reason = _reasons(cut, aside["reason"], set_aside)
    frame = pl.DataFrame({"id": groups.ids, "split": names_of(cut.side), "reason": reason})
    stood = _stood(cut, groups.group, prior)
    return Assignment(_with_past(curated, frame, stood, before), cut.method, cut.too_big, groups)


def _reasons(cut: Cut, others: pl.Series, set_aside: Numbers) -> pl.Series:
    """Return the reason of each record; `others` are those of the records that were set aside."""
    named, given = pl.Series(cut.reasons.named, dtype=pl.String), cut.reasons.given.copy()
    given[set_aside] = np.arange(len(named), len(named) + len(others))
    return picked(pl.concat([named, others]), given)


def _stood(cut: Cut, group: Numbers, prior: Codes) -> Codes:
    """Return the split that each record stands on, or stood on last."""
    stood = prior if cut.settled is None else np.where(cut.settled == NONE, prior, cut.settled)
    stood = np.where(cut.standing, cut.side, stood)
    # A removed record's text stands where its group does: it must not be drawn elsewhere once the kept one is gone.
    reached = highest_of_groups(group, stood)[group]
    return np.where((cut.side == REMOVED) & (reached != NONE), reached, stood)


def _with_past(curated: Curated, frame: pl.DataFrame, stood: Codes, before: Before) -> pl.DataFrame:
    """Return the assignment as a table, absent records that once stood somewhere included.

    Where the absent stood is kept: they may come back, and test must never become train.
    """
    tests = Ledger.first(frame["id"].filter(pl.Series(stood == TEST, dtype=pl.Boolean)), before.number)
    tested = tests.merged(before.tested)
    tested = tested.with_texts(text_keys(curated.records, curated.schema, tested.frame["id"]))
    absent = _absent(frame["id"], (before.prior.frame["id"], before.tested.frame["id"]))
    frame = frame.with_columns(prior=names_of(stood))
    if len(absent):
        past = pl.DataFrame({"id": absent, "prior": names_of(before.prior.at(absent))})
        frame = pl.concat([frame, past], how="diagonal").sort("id")
    return frame.with_columns(tested.columns(frame["id"])).select(*ASSIGNMENT)


def _absent(here: pl.Series, named: Iterable[pl.Series]) -> pl.Series:
    """Return the records that are named and not here, each once."""
    return pl.concat([ids.filter(pl.Series(numbers_in(here, ids) == NONE, dtype=pl.Boolean)) for ids in named]).unique()


def _without_side(curated: Curated) -> pl.DataFrame:
    """Return `id`, `side` (its code) and `reason` of the removed and the faulty records."""
    errors = curated.issues.filter(pl.col("severity") == "error")
    rules = errors.group_by(id="record").agg(pl.col("rule").unique().sort().str.join(", "))
    sides = {side: pl.lit(side, dtype=pl.Int8).alias("side") for side in (REMOVED, EXCLUDED)}
    removed = curated.judgement.removed.select("id", sides[REMOVED], reason=DUPLICATE_OF + pl.col("kept"))
    faulty = rules.select("id", sides[EXCLUDED], reason="issue: " + pl.col("rule"))
    return pl.concat([removed, faulty.join(removed, on="id", how="anti")])


def _cut(curated: Curated, records: Grouped, settings: SplitSettings) -> Cut:
    if settings.keep_source_split:
        return _as_delivered(records, delivered_sides(curated.state).at(records.ids))
    wanted = Wanted(settings.seed, settings.ratios, settings.counts)
    # What a model wrote counts as assigned to train from the start: it is never drawn for a held-out side.
    known, written = records.prior.copy(), numbers_in(records.ids, generated_records(curated.state))
    known[written] = np.where(known[written] == NONE, TRAIN, known[written])
    records = replace(records, prior=known)
    if curated.schema.declared.order:
        return cut_passages(records, _text(curated, records), wanted)
    return cut_groups(records, wanted, _strata(curated))


def _as_delivered(records: Grouped, delivered: Codes) -> Cut:
    """Return the sides that the sources came with; rows without one, or with a lower one than before, are excluded."""
    cut = Cut(np.where(records.eligible, delivered, np.int8(NONE)), Reasons(len(records)), method=AS_DELIVERED)
    cut.exclude(records.eligible & (delivered == NONE), "its source names no split")
    lower = cut.standing & (records.prior > delivered)
    for rank, before in enumerate(SPLITS):
        for side, name in enumerate(SPLITS[:rank]):
            now = lower & (records.prior == rank) & (delivered == side)
            cut.exclude(now, f"stood in {before} before, so it cannot be {name} now")
    tested = np.where(cut.standing & (cut.side != TEST), records.first_tested()[records.group], 0)
    for number in np.unique(tested[tested > 0]).tolist():
        cut.exclude(tested == number, tested_in(number))
    return cut


def _text(curated: Curated, records: Grouped) -> Text:
    """Return the eligible passages in the order of their sources."""
    placed = curated.records.select("id", "source", "position").sort("source", "position", maintain_order=True)
    text = Text(numbers_in(records.ids, placed["id"]), placed["source"], placed["position"].to_numpy())
    return text.only(records.eligible[text.record])


def _strata(curated: Curated) -> pl.Series | None:
    """Return the stratum of each record, in the order of ids; None where the schema has no strata."""
    columns = curated.schema.declared.strata
    return curated.records.select("id", stratum(columns)).sort("id")["stratum"] if columns else None


def stratum(columns: Iterable[str]) -> pl.Expr:
    """Return the name of each record's stratum: the values of the schema's strata, joined by bars."""
    parts = [pl.col(column).cast(pl.String).fill_null("") for column in columns]
    return (pl.concat_str(parts, separator="|") if parts else pl.lit("")).alias("stratum")
