"""What the versions screen says of versions and of what differs between them: cells and safe pieces of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.curation.split import SIDES, SPLITS
from workbench.services.looking.column import Column
from workbench.text import counted, moment, show
from workbench.tui.widgets.word_diff import Piece, field_diffs

if TYPE_CHECKING:
    from workbench.services.checking.describe import Description
    from workbench.services.versions.changes import Changed, Changes
    from workbench.services.versions.version_lines import History, VersionLine
    from workbench.store.versions import Version

HISTORY_COLUMNS = (
    Column("", 2),
    Column("version", 7),
    Column("age", 7),
    Column("train", 8),
    Column("valid", 6),
    Column("test", 6),
    Column("+", 5),
    Column("-", 5),
    Column("~", 5),
    Column("tags and notes", 60),
)
_SIGNS = {"added": "+", "removed": "-", "edited": "~", "moved": ">"}
_REASONS = 4
"""Reasons of exclusion that are listed."""


def history_rows(told: History, marked: str, now: datetime) -> list[tuple[object, ...]]:
    """Return the corpus as it stands, then its versions, newest first."""
    since = told.lines[0].version.name if told.lines else ""
    changed = f"{counted(told.pending, 'action')} since {since}" if told.pending else f"as in {since}"
    pending = changed if since else "not split yet"
    first = ("d" if marked == "now" else "", "now", "", "", "", "", "", "", "", pending)
    return [first, *(_row(line, marked, place == 0, now) for place, line in enumerate(told.lines))]


def _row(line: VersionLine, marked: str, is_newest: bool, now: datetime) -> tuple[object, ...]:
    from workbench.services.versions.version_lines import age

    version, changed = line.version, line.changed or {}
    sign = ("*" if is_newest else "") + ("d" if version.name == marked else "")
    counts = [version.counts.get(side, 0) for side in SPLITS]
    parts = [changed.get(kind, "") for kind in ("added", "removed", "edited")]
    said = "; ".join([*line.tags, *line.notes])
    return (sign, version.name, age(version.at, now), *counts, *parts, said)


def summary(line: VersionLine, budget: Description | None = None) -> Iterator[Piece]:
    """Yield what a version is: its labels, counts, texts, how it was drawn, what the proof says, and its tokens."""
    version = line.version
    yield f"{show(version.corpus)} {version.name}", "bold"
    yield f"  {version.id[:12]}  {show(moment(version.at))}\n", "$foreground-muted"
    for tag in line.tags:
        yield f"tag {show(tag)}\n", "$text-accent"
    for note in line.notes:
        yield f"note {show(note)}\n", "$text-accent"
    yield "\n"
    yield from _texts(version)
    yield from _drawn(version)
    yield "\n"
    yield from proof_lines(version.proof)
    yield from _tokens(budget)


def _tokens(budget: Description | None) -> Iterator[Piece]:
    if budget is None:
        yield "tokens are not counted: b counts them as a base does\n", "$foreground-muted"
        return
    from workbench.curation.measures import Spread

    yield f"\ntokens as {show(budget.tokenizer)} counts them\n", "bold"
    yield f"{'':<16}{'records':>9}{'median':>8}{'95 %':>8}{'longest':>9}{'sum':>12}\n", "$foreground-muted"
    for one in budget.fields:
        found = one.tokens
        if isinstance(found, Spread):
            yield f"{show(one.name, limit=15):<16}{found.n:>9,}{found.median:>8,.0f}{found.p95:>8,.0f}"
            yield f"{found.max:>9,}{found.total:>12,}\n"
        else:
            yield f"{show(one.name, limit=15):<16} n/a ({show(found.reason)})\n"


def _texts(version: Version) -> Iterator[Piece]:
    texts: Mapping[str, Mapping[str, int]] = version.report.get("texts", {})
    yield f"{'':<11}{'records':>9}{'words':>11}{'characters':>13}\n", "$foreground-muted"
    for side in SIDES:
        found = texts.get(side, {})
        counts = "".join(f"{found.get(what, 0):>{width},}" for what, width in (("words", 11), ("characters", 13)))
        yield f"{side:<11}{version.counts.get(side, 0):>9,}{counts if found else ''}\n"


def _drawn(version: Version) -> Iterator[Piece]:
    settings, report = version.settings["split"], version.report
    shares = settings["counts"] or [f"{share:.0%}" for share in settings["ratios"]]
    how = "the sources' own split" if settings["keep_source_split"] else "/".join(map(str, shares))
    threshold = version.settings["duplicates"]["threshold"]
    yield f"\n{how}, seed {settings['seed']}, duplicates from J {threshold:.2f}\n", "$foreground-muted"
    if report:
        largest = report["largest_group"]
        yield f"largest group {largest['records']:,} records ({largest['share']:.1%})\n", "$foreground-muted"
        yield from reason_lines(report["excluded"])


def reason_lines(excluded: Mapping[str, int]) -> Iterator[Piece]:
    """Yield the commonest reasons of exclusion."""
    reasons = sorted(excluded.items(), key=lambda item: -item[1])
    for reason, count in reasons[:_REASONS]:
        yield f"excluded {count:,}: {show(reason)}\n", "$text-warning"
    if len(reasons) > _REASONS:
        yield f"and {len(reasons) - _REASONS:,} more reasons\n", "$foreground-muted"


def proof_lines(proof: Mapping[str, Any]) -> Iterator[Piece]:
    """Yield the leaks that a proof counts, how near its sides come, and the giant component if there is one."""
    leaks = {what: proof.get(what, 0) for what in ("exact", "near", "neighbour", "group")}
    is_clean = not any(leaks.values())
    yield "proof ", "bold"
    yield ("+ no leak" if is_clean else "! LEAK"), "$text-success" if is_clean else "bold $text-error"
    yield f": {', '.join(f'{count:,} {what}' for what, count in leaks.items())}\n"
    yield f"largest Jaccard between sides {show(proof.get('max_jaccard'))}\n"
    giant = proof.get("giant")
    if giant:
        most = giant["most"]
        named = most.get("value") or " and ".join(record[:12] for record in most["pair"])
        yield f"! one group holds {giant['share']:.0%} of the records: {giant['records']:,}\n", "$text-warning"
        yield f"  linked most by {show(most['reason'])}: {show(named, limit=80)}\n", "$text-warning"


def standing_now(told: History) -> Iterator[Piece]:
    """Yield what the corpus is apart from any version."""
    yield f"{show(told.corpus)} as it stands\n", "bold"
    if not told.lines:
        yield "\nNo version yet. A version is a fixed, proved split of the records: what is trained on.\n\n"
        yield "s", "bold $text-accent"
        yield " looks at a split and makes the first one\n"
    elif told.pending:
        since = told.lines[0].version.name
        yield f"\n{counted(told.pending, 'action')} since {since}: the next version will hold what they come to.\n\n"
        yield "s", "bold $text-accent"
        yield " looks at a split and makes a version\n"
    else:
        yield f"\nNothing has changed since {told.lines[0].version.name}.\n"


def difference_head(found: Changes) -> Iterator[Piece]:
    """Yield what two ends differ by, in records and in words a side."""
    yield f" {show(found.name)} ", "bold"
    for kind, count in found.diff.counts().items():
        yield f" {_SIGNS[kind]}{count:,} {kind}", "" if count else "$foreground-muted"
    before, after = ({side: told.get("words", 0) for side, told in texts.items()} for texts in found.diff.texts)
    sides = [side for side in SPLITS if before.get(side, 0) != after.get(side, 0)]
    words = ", ".join(f"{side} {before.get(side, 0):,} -> {after.get(side, 0):,}" for side in sides)
    yield f"\n words {words}" if words else "\n", "$foreground-muted"


def change_pieces(told: Changed) -> Iterator[Piece]:
    """Yield one changed record, word by word."""
    places = {"added": f"now in {told.now}", "removed": f"was in {told.was}", "moved": f"{told.was} > {told.now}"}
    moved = told.was != told.now
    place = places.get(told.kind) or (f"{told.was} > {told.now}" if moved else f"in {told.now}")
    yield f"{_SIGNS[told.kind]} {told.kind} ", "bold"
    yield f"{told.record[:16]}  {show(place)}\n\n", "$foreground-muted"
    yield from field_diffs(told.steps, alone=told.kind == "moved")
