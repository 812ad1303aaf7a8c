"""Say where each record of a corpus stands: on a side, excluded or removed, why, and where it once stood."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from workbench.corpus import SplitSettings
from workbench.curation.passages import Passage, cut_passages
from workbench.curation.split import RANK, Cut, Wanted, cut_groups, highest_of_groups, tested_in
from workbench.services.checking.curate import DUPLICATE_OF, Curated
from workbench.services.versions.delivered import delivered_sides, generated_records
from workbench.services.versions.grouping import groups_of
from workbench.services.versions.ledger import Ledger, text_keys
from workbench.store.versions import ASSIGNMENT

AS_DELIVERED = "as delivered"
"""The method of keeping the sources' own split."""


@dataclass(frozen=True)
class Before:
    """What earlier versions bind an assignment to."""

    prior: dict[str, str]
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
    groups: dict[str, str]
    """Record -> group, of all current records."""


def assign(curated: Curated, settings: SplitSettings, before: Before) -> Assignment:
    """Return where each record stands: train, validation, test, excluded or removed, with reason and past."""
    groups = groups_of(curated)
    keys = text_keys(curated.records, curated.schema)
    before = replace(before, tested=before.tested.bound(keys))
    out = _without_side(curated)
    eligible = curated.records.filter(~pl.col("id").is_in(list(out)))
    cut = _cut(curated, (eligible, groups), settings, before)
    out |= {record: (side, cut.reasons.get(record)) for record, side in cut.split.items()}
    stood = before.prior | cut.settled | {record: side for record, (side, _) in out.items() if side in RANK}
    # A removed record's text stands where its group does: it must not be drawn elsewhere once the kept one is gone.
    reached = highest_of_groups(groups, stood)
    stood |= {r: reached[groups[r]] for r, (side, _) in out.items() if side == "removed" and groups[r] in reached}
    return Assignment(_frame(keys, out, stood, before), cut.method, cut.too_big, groups)


def _frame(
    keys: Mapping[str, str], out: Mapping[str, tuple[str, str | None]], stood: Mapping[str, str], before: Before
) -> pl.DataFrame:
    """Return the assignment as a table, absent records that once stood somewhere included.

    `out` names every current record, `keys` their texts. Where the absent stood is kept: they may come back, and test
    must never become train.
    """
    names = [*{**out, **before.prior, **before.tested.numbers}]
    tests = Ledger(dict.fromkeys((r for r in out if stood.get(r) == "test"), before.number))
    tested = tests.merged(before.tested).with_texts(keys)
    columns = {
        "id": names,
        "split": [out[record][0] if record in out else None for record in names],
        "reason": [out[record][1] if record in out else None for record in names],
        "prior": [stood.get(record) for record in names],
        "tested": [tested.numbers.get(record) for record in names],
        "texts": [tested.texts.get(record) for record in names],
    }
    return pl.DataFrame(columns, schema=ASSIGNMENT).sort("id")


def _without_side(curated: Curated) -> dict[str, tuple[str, str | None]]:
    """Return the removed and the faulty records, with their reasons."""
    errors = curated.issues.filter(pl.col("severity") == "error")
    rules = errors.group_by("record").agg(pl.col("rule").unique().sort().str.join(", "))
    faulty: dict[str, tuple[str, str | None]] = {r: ("excluded", f"issue: {named}") for r, named in rules.iter_rows()}
    removed = curated.judgement.removed.select("id", "kept").iter_rows()
    return faulty | {record: ("removed", f"{DUPLICATE_OF}{kept}") for record, kept in removed}


def _tested_groups(groups: Mapping[str, str], tested: Mapping[str, int]) -> dict[str, int]:
    """Return the groups that hold once tested records, with the first version that tested one."""
    out: dict[str, int] = {}
    for record, number in tested.items():
        if (group := groups.get(record)) is not None:
            out[group] = min(number, out.get(group, number))
    return out


def _cut(curated: Curated, field: tuple[pl.DataFrame, dict[str, str]], settings: SplitSettings, before: Before) -> Cut:
    eligible, groups = field
    tested = _tested_groups(groups, before.tested.numbers)
    once = {record: tested[groups[record]] for record in eligible["id"] if groups[record] in tested}
    if settings.keep_source_split:
        return _as_delivered(eligible["id"], delivered_sides(curated.state), before.prior, once)
    wanted = Wanted(settings.seed, settings.ratios, settings.counts)
    known = {record: side for record, side in before.prior.items() if record in groups}
    # What a model wrote counts as assigned to train from the start: it is never drawn for a held-out side.
    known = dict.fromkeys(sorted(generated_records(curated.state) & groups.keys()), "train") | known
    reached = highest_of_groups(groups, known)
    if curated.schema.declared.order:
        sources: dict[str, list[Passage]] = defaultdict(list)
        for record, source, position in eligible.select("id", "source", "position").iter_rows():
            sources[source].append(Passage(record, position))
        # Where a group's test passages still stand, whatever else it holds yields to them anyway.
        bound = {record: number for record, number in once.items() if reached.get(groups[record]) != "test"}
        return cut_passages(sources, known, wanted, groups, bound)
    drawn = {record: groups[record] for record in eligible["id"]}
    return cut_groups(drawn, _strata(curated, eligible), known, wanted, reached=reached, tested=tested)


def _as_delivered(
    eligible: Iterable[str], delivered: Mapping[str, str], prior: Mapping[str, str], tested: Mapping[str, int]
) -> Cut:
    """Return the sides that the sources came with; rows without one, or with a lower one than before, are excluded."""
    split: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for record in eligible:
        side, before = delivered.get(record), prior.get(record)
        split[record] = side or "excluded"
        if side is None:
            reasons[record] = "its source names no split"
        elif before and RANK[side] < RANK[before]:
            split[record], reasons[record] = "excluded", f"stood in {before} before, so it cannot be {side} now"
        elif record in tested and side != "test":
            split[record], reasons[record] = "excluded", tested_in(tested[record])
    return Cut(split, reasons, method=AS_DELIVERED)


def _strata(curated: Curated, eligible: pl.DataFrame) -> dict[str, str]:
    columns = curated.schema.declared.strata
    return dict(eligible.select("id", stratum(columns)).iter_rows()) if columns else {}


def stratum(columns: Iterable[str]) -> pl.Expr:
    """Return the name of each record's stratum: the values of the schema's strata, joined by bars."""
    parts = [pl.col(column).cast(pl.String).fill_null("") for column in columns]
    return (pl.concat_str(parts, separator="|") if parts else pl.lit("")).alias("stratum")
