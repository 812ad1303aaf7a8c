"""Check a corpus: what is wrong with its records, and whether the letters of its answers are balanced."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from workbench.curation.flags.letters import spread
from workbench.curation.quality import RULES_VERSION, unchecked
from workbench.curation.split import SPLITS
from workbench.curation.validate import ISSUES, corpus_issues, in_order, issues, known_rules, record_issues
from workbench.errors import OutsideError, unknown
from workbench.fingerprint import digest
from workbench.schema import Schema
from workbench.services.progress import Report, silent
from workbench.store.objects import write_parquet
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import versions
from workbench.workspace import Workspace

if TYPE_CHECKING:
    from workbench.scale.engine import Engine

SEVERITIES = ("error", "warning", "info")


def check(store: Store, name: str, report: Report = silent, engine: Engine | None = None) -> tuple[State, pl.DataFrame]:
    """Return a corpus' state and all issues of its records."""
    corpus = store.corpus(name)
    state = store.state(corpus, shelf=engine is not None)
    return state, found_issues(store.workspace, name, state, store.schema(corpus), report, engine)


def found_issues(
    workspace: Workspace,
    name: str,
    state: State,
    schema: Schema,
    report: Report = silent,
    engine: Engine | None = None,
) -> pl.DataFrame:
    """Return what `issues` says of a state's records, looking only at records whose issues are not kept yet.

    The issues that depend on each record alone are kept for every stored segment, and found by an engine where one
    is given; records that were edited are looked at anew, and so is what comes from comparing records.
    """
    folder, own = workspace.cache, f"issues-{digest(name)[:16]}-"
    unedited = _unedited(state)
    parts, looked_at = [], 0
    segments = list(_segments(state))
    total = sum(len(rids) for _, rids in segments)
    kept_at = {segment: folder / f"{own}{_key(segment, state, schema)}.parquet" for segment, _ in segments}
    if engine:
        _look_ahead(engine, kept_at, state, schema)
    for segment, rids in segments:
        path = kept_at[segment]
        stored = _kept(path)
        if stored is None:
            stored = record_issues(_of_segment(state.stored, rids), schema)
            _keep(stored, path)
        parts.append(_of_current(stored, rids, unedited))
        looked_at += len(rids)
        report("checking records", looked_at, total)
    _prune(set(folder.glob(f"{own}*.parquet")) - set(kept_at.values()))
    report("comparing the records with each other")
    return _with_others(state, parts, schema)


def issues_of(state: State, engine: Engine | None = None) -> pl.DataFrame:
    """Return what `issues` says of the records of a state that is an older one: nothing is kept for the next time."""
    if engine is None:
        return issues(state.records, state.schema)
    from workbench.scale.issues import issues_of as issues_on

    unedited = _unedited(state)
    rids = {state.objects.path(name): rids for name, rids in _segments(state)}
    found = issues_on(engine, list(rids), state.types, state.schema)
    parts = [_of_current(stored, rids[path], unedited) for path, stored in found.items()]
    return _with_others(state, parts, state.schema)


def _unedited(state: State) -> pl.DataFrame:
    """Return `rid` and `record` of the current records that are as they were delivered, in rid order."""
    return state.records.filter(~pl.col("edited")).select("rid", record="id").sort("rid")


def _of_segment(rows: pl.DataFrame, rids: pl.Series) -> pl.DataFrame:
    """Return those of some rows, in rid order, that a segment holds; to ask all rows would take a look at each."""
    if rids.is_empty():
        return rows.clear()
    ends, numbers = rids.to_numpy(), rows["rid"].to_numpy()
    first, last = np.searchsorted(numbers, ends.min()), np.searchsorted(numbers, ends.max(), side="right")
    return rows[first:last].filter(pl.col("rid").is_in(rids.implode()))


def _of_current(stored: pl.DataFrame, rids: pl.Series, unedited: pl.DataFrame) -> pl.DataFrame:
    """Return the issues of a segment's current rows: a record may stand in several, once as each delivery had it."""
    return stored.join(_of_segment(unedited, rids), on="record", how="semi")


def _with_others(state: State, parts: list[pl.DataFrame], schema: Schema) -> pl.DataFrame:
    """Return the issues of stored rows with those of edited records, and of records compared with each other."""
    edited = record_issues(state.records.filter(pl.col("edited")), schema)
    return in_order(state.records, [*parts, edited, corpus_issues(state.derived, schema)])


def _look_ahead(engine: Engine, kept_at: dict[str, Path], state: State, schema: Schema) -> None:
    """Keep the issues of the segments that nobody looked at yet, as an engine finds them."""
    from workbench.scale.issues import issues_of

    wanted = {state.objects.path(name): path for name, path in kept_at.items() if _kept(path) is None}
    for segment, found in issues_of(engine, list(wanted), state.types, schema).items():
        _keep(found, wanted[segment])


def _segments(state: State) -> Iterator[tuple[str, pl.Series]]:
    """Yield the segments that hold current records, with the numbers of their rows."""
    current = state.records["rid"].sort()
    for name in state.segments:
        rids = state.objects.table(name, ["rid"])["rid"]
        if len(_of_segment(current.to_frame(), rids)):
            yield name, rids


def _key(segment: str, state: State, schema: Schema) -> str:
    """Return what the issues of a segment depend on: its bytes as read, the schema, and the rules."""
    types = [[column, str(kind)] for column, kind in state.types.items()]
    return digest([state.objects.path(segment).name, types, schema.digest, RULES_VERSION, unchecked()])[:32]


def _kept(path: Path) -> pl.DataFrame | None:
    """Return issues found before; what a power cut left torn counts as never found."""
    try:
        found = pl.read_parquet(path) if path.is_file() else None
    except (pl.exceptions.PolarsError, OSError):
        return None
    return found if found is not None and found.schema == pl.Schema(ISSUES) else None


def _keep(found: pl.DataFrame, path: Path) -> None:
    """Keep issues for the next time; where the disk takes nothing, they are found anew each time."""
    draft = path.with_suffix(f".{uuid.uuid4().hex}")
    try:
        with suppress(OSError, OutsideError):
            write_parquet(found, draft)
            draft.replace(path)
    finally:
        _prune([draft])


def _prune(paths: Iterable[Path]) -> None:
    """Remove what no segment of the corpus needs any more."""
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def of_rule(found: pl.DataFrame, rule: str, schema: Schema) -> pl.DataFrame:
    """Return the issues of one rule; a name that is no rule's is refused with the list of those there are."""
    known = known_rules(schema) | set(found["rule"])
    if rule not in known:
        raise unknown("rule", rule, known)
    return found.filter(pl.col("rule") == rule)


def issue_counts(found: pl.DataFrame) -> list[dict[str, Any]]:
    """Return rule, severity and count: errors first, then warnings, then the rest, most frequent first."""
    counted = found.group_by("rule", "severity").agg(count=pl.len())
    rank = pl.col("severity").replace_strict({s: i for i, s in enumerate(SEVERITIES)}, return_dtype=pl.Int8)
    return counted.sort([rank, "count", "rule"], descending=[False, True, False]).to_dicts()


def letter_balance(store: Store, state: State, name: str) -> list[dict[str, Any]]:
    """Return how the right letters are spread in the corpus and in each split of its newest version.

    One entry a scope with letters, chi2, p, n and whether it is uneven; none where no record has options.
    """
    schema = store.schema(store.corpus(name))
    choices = schema.declared.choices
    if choices is None:
        return []
    records = state.records.select("id", choices.key, choices.options)
    scopes = [("corpus", records), *_splits(store, records, name)]
    spreads = ((scope, spread(frame, schema)) for scope, frame in scopes)
    return [
        {"scope": scope, "letters": b.letters, "chi2": round(b.chi2, 3), "p": b.p, "n": b.n, "uneven": b.uneven}
        for scope, b in spreads
        if b is not None
    ]


def _splits(store: Store, records: pl.DataFrame, name: str) -> Iterable[tuple[str, pl.DataFrame]]:
    for version in versions(store.catalogue, name)[-1:]:
        assigned = store.objects.table(version.assignment, ["id", "split"])
        placed = records.join(assigned, on="id")
        for split in SPLITS:
            yield f"{version.name} {split}", placed.filter(pl.col("split") == split)
