"""Describe a corpus or a version: how much, how long, what is wrong, in which languages, how fair the splits are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from workbench.curation import describe as columns
from workbench.curation import measures
from workbench.curation.balance import Balance, Letters, balance, letters_of
from workbench.curation.describe import Gaps
from workbench.curation.measures import Absent, Shares, Spread, Vocabulary
from workbench.curation.split import SIDES
from workbench.curation.validate import issues
from workbench.errors import UsageError
from workbench.schema import Schema
from workbench.services.checking.check import check, issue_counts
from workbench.services.checking.curate import DUPLICATE_OF
from workbench.services.progress import Report, silent
from workbench.services.training import bases
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import Version, state_of, versions

UNASSIGNED = "unassigned"
"""The split of a record that came after the newest version."""
UNSURE, OTHER = "unsure", "(other)"
"""Stand for a language that is not sure, and for an answer outside the closed set."""
LETTER = "letter"
"""The category of the right options' letters."""


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
    """What is described: the records with the schema's derived columns and their split, and where they come from."""

    corpus: str
    schema: Schema
    state: State
    frame: pl.DataFrame
    issues: list[dict[str, Any]]
    version: Version | None
    standing: Version | None


def describe(
    store: Store, corpus: str, version: str | None = None, *, tokenizer: str | None = None, report: Report = silent
) -> Description:
    """Return the corpus as it is now, or as the named version sees it, in columns.

    Tokens are counted with the tokenizer of a base (a folder, a Hub id on this machine, or `tiny` once built).
    """
    store.corpus(corpus)  # a corpus or a version that is not there is told before any work begins
    named = None if version is None else store.version(corpus, version)
    counter = _tokenizer(store, tokenizer, report) if tokenizer else None
    report("checking records")
    seen = _seen(store, corpus, named, report)
    report("reading texts")
    drawn = columns.drawn(seen.frame)
    few = columns.text_fields(drawn, seen.schema)
    spoken = {name: columns.spoken(texts) for name, texts in few.items()}
    fields = tuple(
        _field(name, whole, (few[name], spoken[name]), counter)
        for name, whole in columns.text_fields(seen.frame, seen.schema).items()
    )
    chosen = columns.letters(seen.frame, seen.schema)
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
        fields=fields,
        letters=Absent("no multiple-choice records") if chosen is None else letters_of(chosen),
        answers=_answers(seen),
        conversation=_conversation(seen),
        sources=measures.shares(seen.frame["source"]),
        balance=_balances(seen, (drawn, next(iter(spoken.values()))), chosen),
        gaps=tuple(columns.gaps(seen.frame, seen.schema)),
    )


def _seen(store: Store, corpus: str, named: Version | None, report: Report) -> _Seen:
    if named is None:
        state, found = check(store, corpus, report)
        newest = versions(store.catalogue, corpus)[-1:]
        version, standing = None, newest[0] if newest else None
    else:
        version = standing = named
        state = state_of(store.catalogue, store.objects, store.kept_schema(named.schema_object), named)
        found = issues(state.records, state.schema)
    frame = state.schema.derived(state.records)
    if standing is not None:
        sides = store.objects.table(standing.assignment, ["id", "split"]).drop_nulls()
        frame = frame.join(sides, on="id", how="left", maintain_order="left")
        frame = frame.with_columns(pl.col("split").fill_null(UNASSIGNED))
    return _Seen(corpus, state.schema, state, frame, issue_counts(found), version, standing)


def _counts(seen: _Seen) -> dict[str, int]:
    return {
        "records": seen.frame.height,
        "quarantined": seen.state.rejects.height,
        "edited": int(seen.frame["edited"].sum()),
        "dropped": seen.state.dropped.height,
    }


def _splits(seen: _Seen) -> dict[str, int] | Absent:
    if seen.standing is None:
        return Absent("not split yet")
    counts = dict(seen.frame.group_by("split").len().iter_rows())
    return {side: counts.get(side, 0) for side in (*SIDES, UNASSIGNED)}


def _duplicates(store: Store, standing: Version | None) -> Duplicates | Absent:
    if standing is None:
        return Absent("not looked for in a version yet")
    table = store.objects.table(standing.assignment, ["split", "reason"])
    reasons = table.filter(pl.col("split") == "removed")["reason"].drop_nulls()
    return Duplicates(len(reasons), reasons.filter(reasons.str.starts_with(DUPLICATE_OF)).n_unique())


def _field(
    name: str,
    whole: pl.Series,
    few: tuple[pl.Series, pl.Series],
    counter: Any,  # noqa: ANN401 - tokenizers is untyped
) -> Field:
    """Return one text field in numbers; `few` are the drawn texts and their languages."""
    texts, spoken = few
    return Field(
        name,
        measures.spread(measures.characters(whole)),
        measures.spread(measures.word_counts(whole)),
        Absent("no tokenizer given") if counter is None else measures.spread(_token_counts(counter, texts)),
        measures.vocabulary(whole),
        measures.shares(spoken.filter(texts.is_not_null()).fill_null(UNSURE)),
        len(texts),
    )


def _tokenizer(store: Store, base: str, report: Report) -> Any:  # noqa: ANN401 - tokenizers is untyped
    """Return a base's tokenizer as it counts a bare text; transformers, and so torch, is not needed for that."""
    from tokenizers import Tokenizer

    from workbench.lm.load import base_folder

    if base == bases.TINY and not bases.listing(store.workspace):
        raise UsageError("the tiny base is not built yet", "build it with: workbench base build tiny")
    file = base_folder(bases.located(store.workspace, base, report)) / "tokenizer.json"
    if not file.is_file():
        raise UsageError(f"no tokenizer.json in {base!r}", "name a base with a fast tokenizer")
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _token_counts(tokenizer: Any, texts: pl.Series) -> pl.Series:  # noqa: ANN401 - tokenizers is untyped
    encoded = tokenizer.encode_batch_fast(texts.drop_nulls().to_list(), add_special_tokens=False)
    return pl.Series([len(one) for one in encoded], dtype=pl.Int64)


def _answers(seen: _Seen) -> Shares | Absent:
    said = columns.answers(seen.frame, seen.schema)
    closed = None if said is None else columns.closed_answers(said)
    return Absent("no closed set of short answers") if closed is None else measures.shares(closed.fill_null(OTHER))


def _conversation(seen: _Seen) -> Conversation | Absent:
    found = columns.turns(seen.frame, seen.schema)
    if found is None:
        return Absent("no conversations")
    return Conversation(measures.spread(found[0]), measures.shares(found[1]))


def _balances(
    seen: _Seen, spoken: tuple[pl.DataFrame, pl.Series], chosen: pl.DataFrame | None
) -> tuple[Balance, ...] | Absent:
    """Return every category over the splits, or why there is nothing to compare."""
    if seen.standing is None:
        return Absent("not split yet")
    drawn, languages = spoken
    language = balance("language", languages.fill_null(UNSURE), drawn["split"])
    return (language, *(balance(name, *pair) for name, pair in _categories(seen, chosen)))


def _categories(seen: _Seen, chosen: pl.DataFrame | None) -> Iterator[tuple[str, tuple[pl.Series, pl.Series]]]:
    """Yield the categories of the records, each with the value and the split of the records that it is of."""
    frame, splits = seen.frame, seen.frame["split"]
    if chosen is not None:
        known = chosen["letter"].is_not_null()
        yield LETTER, (chosen["letter"].filter(known), splits.filter(known))
    said = columns.answers(frame, seen.schema)
    closed = None if said is None else columns.closed_answers(said)
    if closed is not None:
        yield "answer", (closed.fill_null(OTHER), splits)
    yield "source", (frame["source"], splits)
    for name, values in columns.categories(frame, seen.schema).items():
        yield name, (values, splits)
