"""Say where each record of a corpus stands: on a side, excluded or removed, why, and where it once stood."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import polars as pl

from workbench.corpus import SplitSettings
from workbench.curation.passages import Passage, cut_passages
from workbench.curation.split import RANK, Cut, Wanted, cut_groups, highest
from workbench.services.curate import DUPLICATE_OF, Curated
from workbench.services.delivered import delivered_sides
from workbench.services.grouping import groups_of
from workbench.store.versions import ASSIGNMENT

_Row = tuple[str, str | None, str | None, str | None]


def assign(curated: Curated, settings: SplitSettings, prior: dict[str, str]) -> pl.DataFrame:
    """Return where each record stands: train, validation, test, excluded or removed, with reason and prior."""
    groups = groups_of(curated)
    out = _without_side(curated)
    eligible = curated.records.filter(~pl.col("id").is_in(list(out)))
    cut = _cut(curated, (eligible, groups), settings, prior)
    out |= {record: (side, cut.reasons.get(record)) for record, side in cut.split.items()}
    stood = prior | cut.settled | {record: side for record, (side, _) in out.items() if side in RANK}
    # A removed record's text stands where its group does: it must not be drawn elsewhere once the kept one is gone.
    reached = _reached(groups, stood)
    stood |= {r: reached[groups[r]] for r, (side, _) in out.items() if side == "removed" and groups[r] in reached}
    rows: list[_Row] = [(record, *out[record], stood.get(record)) for record in curated.records["id"]]
    # Where a dropped or vanished record stood is kept: it may come back, and test must never become train.
    rows += [(record, None, None, side) for record, side in prior.items() if record not in out]
    return pl.DataFrame(rows, schema=ASSIGNMENT, orient="row").sort("id")


def _without_side(curated: Curated) -> dict[str, tuple[str, str | None]]:
    """Return the removed and the faulty records, with their reasons."""
    errors = curated.issues.filter(pl.col("severity") == "error")
    rules = errors.group_by("record").agg(pl.col("rule").unique().sort().str.join(", "))
    faulty: dict[str, tuple[str, str | None]] = {r: ("excluded", f"issue: {named}") for r, named in rules.iter_rows()}
    removed = curated.judgement.removed.select("id", "kept").iter_rows()
    return faulty | {record: ("removed", f"{DUPLICATE_OF}{kept}") for record, kept in removed}


def _reached(groups: Mapping[str, str], stood: Mapping[str, str]) -> dict[str, str]:
    """Return the highest side that each group's records stand or stood on."""
    sides: dict[str, list[str]] = defaultdict(list)
    for record, group in groups.items():
        if record in stood:
            sides[group].append(stood[record])
    return {group: side for group, held in sides.items() if (side := highest(held))}


def _cut(
    curated: Curated, field: tuple[pl.DataFrame, dict[str, str]], settings: SplitSettings, prior: dict[str, str]
) -> Cut:
    eligible, groups = field
    if settings.keep_source_split:
        return _as_delivered(eligible["id"], delivered_sides(curated.state), prior)
    wanted = Wanted(settings.seed, settings.ratios, settings.counts)
    known = {record: side for record, side in prior.items() if record in groups}
    if curated.schema.declared.order:
        sources: dict[str, list[Passage]] = defaultdict(list)
        for record, source, position in eligible.select("id", "source", "position").iter_rows():
            sources[source].append(Passage(record, position))
        return cut_passages(sources, known, wanted, groups)
    drawn = {record: groups[record] for record in eligible["id"]}
    return cut_groups(drawn, _strata(curated, eligible), known, wanted, reached=_reached(groups, known))


def _as_delivered(eligible: Iterable[str], delivered: Mapping[str, str], prior: Mapping[str, str]) -> Cut:
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
    return Cut(split, reasons)


def _strata(curated: Curated, eligible: pl.DataFrame) -> dict[str, str]:
    columns = curated.schema.declared.strata
    if not columns:
        return {}
    joined = eligible.select("id", pl.concat_str([pl.col(c).fill_null("") for c in columns], separator="|"))
    return dict(joined.iter_rows())
