"""Describe a corpus or a version: how much, how long, what is wrong, in which languages, how fair the splits are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.curation import describe as columns
from workbench.curation import measures
from workbench.curation.balance import Balance, Letters
from workbench.curation.describe import Gaps
from workbench.curation.measures import Absent, Shares, Spread, Vocabulary
from workbench.curation.split import SIDES
from workbench.curation.tally import Tally
from workbench.errors import UsageError
from workbench.schema import Schema
from workbench.services.checking.check import check, issue_counts, issues_of
from workbench.services.checking.curate import DUPLICATE_OF
from workbench.services.checking.measured import UNASSIGNED, measured, measured_on
from workbench.services.progress import Report, silent
from workbench.services.training import bases
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import Version, state_of, versions

if TYPE_CHECKING:
    from workbench.scale.engine import Engine


@dataclass(frozen=True)
class Field:
    """One text field: its lengths, words and languages; `drawn` records were read for tokens and languages."""

    name: str
    characters: Spread | Absent
    words: Spread | Absent
    tokens: Spread | Absent
    vocabulary: Vocabulary
    languages: Shares
    drawn: int


@dataclass(frozen=True)
class Conversation:
    """Turns of each record, and the roles of all turns."""

    turns: Spread | Absent
    roles: Shares


@dataclass(frozen=True)
class Duplicates:
    """Records a version removed as duplicates, and how many kept records they went for."""

    removed: int
    kept_for_them: int


@dataclass(frozen=True)
class Description:
    """A corpus in numbers; what cannot be given is an Absent with its reason."""

    corpus: str
    kind: str
    version: str | None
    """Id of the version that is described, None for the corpus as it is now."""
    splits_of: str | None
    """Id of the version that the splits are of: the one described, else the newest; None before the first."""
    splits_name: str | None
    """Its short name, v1, v2, ..."""
    records: int
    quarantined: int
    edited: int
    dropped: int
    splits: dict[str, int] | Absent
    issues: list[dict[str, Any]]
    duplicates: Duplicates | Absent
    tokenizer: str | None
    fields: tuple[Field, ...]
    letters: Letters | Absent
    answers: Shares | Absent
    conversation: Conversation | Absent
    sources: Shares
    balance: tuple[Balance, ...] | Absent
    gaps: tuple[Gaps, ...]

    def facts(self) -> dict[str, Any]:
        """Return the description as one JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class _Seen:
    """What is described: a state with its issues, what was counted in it, and the version whose splits are told."""

    state: State
    issues: list[dict[str, Any]]
    tally: Tally
    version: Version | None
    standing: Version | None

    @property
    def schema(self) -> Schema:
        """Return the schema that the records are read by."""
        return self.state.schema


def describe(
    store: Store,
    corpus: str,
    version: str | None = None,
    *,
    tokenizer: str | None = None,
    report: Report = silent,
    engine: Engine | None = None,
) -> Description:
    """Return the corpus as it is now, or as the named version sees it, in columns.

    Tokens are counted with the tokenizer of a base (a folder, a Hub id on this machine, or `tiny` once built). With an
    engine it is the very same description.
    """
    store.corpus(corpus)  # a corpus or a version that is not there is told before any work begins
    named = None if version is None else store.version(corpus, version)
    counter = _tokenizer(store, tokenizer, report) if tokenizer else None
    report("checking records")
    seen = _seen(store, corpus, named, counter, report, engine)
    return Description(
        corpus=corpus,
        kind=seen.schema.name,
        version=seen.version.id if seen.version else None,
        splits_of=seen.standing.id if seen.standing else None,
        splits_name=seen.standing.name if seen.standing else None,
        **_counts(seen),
        splits=_splits(seen),
        issues=seen.issues,
        duplicates=_duplicates(store, seen.standing),
        tokenizer=tokenizer,
        fields=tuple(_field(seen.tally, name, is_counted=counter is not None) for name in _text_fields(seen.schema)),
        letters=_letters(seen),
        answers=_answers(seen.tally),
        conversation=_conversation(seen),
        sources=seen.tally.shares("source"),
        balance=_balances(seen),
        gaps=seen.tally.gaps(seen.schema),
    )


def _seen(
    store: Store, corpus: str, named: Version | None, counter: Path | None, report: Report, engine: Engine | None
) -> _Seen:
    if named is None:
        state, found = check(store, corpus, report, engine)
        newest = versions(store.catalogue, corpus)[-1:]
        standing = newest[0] if newest else None
    else:
        standing = named
        schema, shelf = store.kept_schema(named.schema_object), store.shelf if engine else None
        state = state_of(store.catalogue, store.objects, schema, named, shelf=shelf)
        found = issues_of(state, engine)
    sides = None
    if standing is not None:
        sides = store.objects.table(standing.assignment, ["id", "split"]).drop_nulls()
    if engine is None:
        tally = measured(state, sides, counter, report)
    else:
        tally = measured_on(engine, state, sides, counter)
    return _Seen(state, issue_counts(found), tally, named, standing)


def _counts(seen: _Seen) -> dict[str, int]:
    return {
        "records": seen.tally.total("records"),
        "quarantined": seen.state.quarantined,
        "edited": len(seen.state.touched),
        "dropped": len(seen.state.gone),
    }


def _splits(seen: _Seen) -> dict[str, int] | Absent:
    if seen.standing is None:
        return Absent("not split yet")
    counts = seen.tally.splits()
    return {side: counts.get(side, 0) for side in (*SIDES, UNASSIGNED)}


def _duplicates(store: Store, standing: Version | None) -> Duplicates | Absent:
    if standing is None:
        return Absent("not looked for in a version yet")
    table = store.objects.table(standing.assignment, ["split", "reason"])
    reasons = table.filter(pl.col("split") == "removed")["reason"].drop_nulls()
    return Duplicates(len(reasons), reasons.filter(reasons.str.starts_with(DUPLICATE_OF)).n_unique())


def _text_fields(schema: Schema) -> tuple[str, ...]:
    return tuple(columns.text_fields(schema.derived(schema.table([])), schema))


def _field(tally: Tally, name: str, *, is_counted: bool) -> Field:
    """Return one text field in numbers; `is_counted` tells whether its tokens are."""
    return Field(
        name,
        tally.spread("characters", name),
        tally.spread("words", name),
        tally.spread("tokens", name) if is_counted else Absent("no tokenizer given"),
        tally.vocabulary(name),
        tally.shares("language", name),
        tally.total("drawn"),
    )


def _tokenizer(store: Store, base: str, report: Report) -> Path:
    """Return the file of a base's tokenizer; it counts a bare text without transformers, and so without torch."""
    from workbench.lm.load import base_folder

    if base == bases.TINY and not bases.listing(store.workspace):
        raise UsageError("the tiny base is not built yet", "build it with: workbench base build tiny")
    file = base_folder(bases.located(store.workspace, base, report)) / "tokenizer.json"
    if not file.is_file():
        raise UsageError(f"no tokenizer.json in {base!r}", "name a base with a fast tokenizer")
    return file


def _letters(seen: _Seen) -> Letters | Absent:
    return seen.tally.letters() if seen.schema.declared.choices else Absent("no multiple-choice records")


def _answers(tally: Tally) -> Shares | Absent:
    closed = tally.closed_answers()
    return Absent("no closed set of short answers") if closed is None else measures.shares_of(closed)


def _conversation(seen: _Seen) -> Conversation | Absent:
    if columns.turns(seen.schema.derived(seen.schema.table([])), seen.schema) is None:
        return Absent("no conversations")
    return Conversation(seen.tally.spread("turns"), seen.tally.shares("role"))


def _balances(seen: _Seen) -> tuple[Balance, ...] | Absent:
    """Return every category over the splits, or why there is nothing to compare."""
    return Absent("not split yet") if seen.standing is None else tuple(seen.tally.balances(seen.schema))
