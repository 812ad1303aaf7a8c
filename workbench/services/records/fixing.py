"""Apply the fixes that issues suggest: all alike, in one transaction that one undo takes back."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from workbench.corpus import Corpus
from workbench.curation.contamination import CONTAMINATED
from workbench.curation.fixes import changes
from workbench.curation.flags.credentials import masked
from workbench.errors import DataError
from workbench.services.checking.against import held_against
from workbench.services.checking.check import found_issues, of_rule
from workbench.services.records.editing import edits_for
from workbench.store.catalogue import Entry
from workbench.store.edits import WHOLE
from workbench.store.state import State
from workbench.store.store import Store


@dataclass(frozen=True)
class Change:
    """What a suggested fix would make of one field."""

    record: str
    field: str
    before: str
    after: str | None
    """None where the record would be dropped."""


def preview(store: Store, name: str, rule: str, against: Collection[str] = ()) -> list[Change]:
    """Return what `fix` would change, field by field, as it may be shown: secrets are masked."""
    corpus = store.corpus(name)
    state = store.state(corpus)
    fixable = _fixable(store, corpus, state, (rule, against)).select("record", "field", "fix")
    present = {row["id"]: row for row in state.present(fixable["record"].unique().to_list())}
    return [change for record, *said in fixable.iter_rows() for change in _changes(present[record], *said)]


def _changes(row: dict[str, Any], field: str, suggested: str) -> Iterator[Change]:
    values = changes(field, suggested)
    if values is None:
        yield Change(row["id"], field, _as_text(row.get(field)), None)
        return
    for name, value in values.items():
        yield Change(row["id"], name, _as_text(row[name]), _as_text(value))


def _as_text(value: Any) -> str:  # noqa: ANN401 - a JSON value
    return masked(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def fixes(store: Store, name: str, rule: str, against: Collection[str] = ()) -> pl.DataFrame:
    """Return the issues of one rule that come with a suggested fix; `against` as in `held_against`."""
    corpus = store.corpus(name)
    return _fixable(store, corpus, store.state(corpus), (rule, against))


def fix(store: Store, name: str, rule: str, against: Collection[str] = ()) -> int:
    """Apply the suggested fix to all records alike; return the number of edits made, 0 where none breaks the rule."""
    corpus = store.corpus(name)

    def entries(state: State) -> list[Entry]:
        # The suggestions are made from the very state they are applied to: nobody's edit is overwritten.
        wanted: dict[str, dict[str, Any]] = defaultdict(dict)
        fixable = _fixable(store, corpus, state, (rule, against))
        for record, field, suggested in fixable.select("record", "field", "fix").iter_rows():
            values = changes(field, suggested)
            wanted[record] |= {WHOLE: True} if values is None else values
        return edits_for(state, corpus.name, wanted, f"fix {rule}")

    return len(store.change(corpus, entries))


def _fixable(store: Store, corpus: Corpus, state: State, asked: tuple[str, Collection[str]]) -> pl.DataFrame:
    rule, against = asked
    found = found_issues(store.workspace, corpus.name, state, state.schema)
    if against:
        found = pl.concat([found, held_against(store, state, against).issues])
    repeated = bool(against) and rule == CONTAMINATED
    broken = found.filter(pl.col("rule") == rule) if repeated else of_rule(found, rule, state.schema)
    fixable = broken.filter(pl.col("fix").is_not_null())
    if fixable.is_empty() and not broken.is_empty():
        raise DataError(f"{rule!r} comes with no suggested fix", broken["hint"][0])
    return fixable
