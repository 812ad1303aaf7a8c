"""Read what records are held against: another corpus, or any raw file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from workbench.corpus import Source
from workbench.curation.contamination import Known, Text, contaminated
from workbench.errors import UsageError
from workbench.readers import mapping as maps
from workbench.readers.detect import seen
from workbench.readers.record import Record
from workbench.readers.registry import read
from workbench.schema import Schema
from workbench.services.intake.head import copy_of
from workbench.services.intake.rows import LOOKED_AT, Mapped, fields_of, reading_of
from workbench.store.state import State
from workbench.store.store import Store


@dataclass(frozen=True)
class Held:
    """What a corpus' records were held against, and the issues of those that repeat it."""

    issues: pl.DataFrame
    texts: int
    """Texts of the other side."""
    stock: int
    """Runs of words that were taken for a template."""
    too_short: int
    """Texts of the other side that have too few words to be known again."""


def held_against(store: Store, state: State, others: Iterable[str]) -> Held:
    """Return the issues of a state's records that repeat other corpora or files."""
    known, own = Known(), state.rows[0].corpus if state.rows else ""
    for other in others:
        if other == own:
            raise UsageError(f"every record of {own!r} stands in {own!r}", "give another corpus, or a file")
        for text in _texts(store, other, state.schema):
            known.add(text)
    issues, stock = contaminated(state.schema.derived(state.records), state.schema, known)
    return Held(issues, known.texts, stock, known.too_short)


def _texts(store: Store, other: str, schema: Schema) -> Iterator[Text]:
    if other in store.corpora():
        return _of_corpus(store, other)
    if Path(other).is_file():
        return _of_file(Path(other), schema, store.workspace.scratch)
    hint = f"give a file, or one of the corpora: {', '.join(store.corpora())}"
    raise UsageError(f"{other!r} is neither a corpus nor a file", hint)


def _of_corpus(store: Store, name: str) -> Iterator[Text]:
    state = store.state(store.corpus(name))
    derived, choices = state.schema.derived(state.records), state.schema.declared.choices
    options = derived[choices.options].to_list() if choices else [None] * derived.height
    for column in state.schema.declared.texts:
        asked = choices is not None and column == choices.stem
        for record, text, several in zip(derived["id"], derived[column], options, strict=True):
            yield Text(f"{name} {record[:12]}", text or "", tuple(several or ()) if asked else ())


def _of_file(path: Path, schema: Schema, scratch: Path) -> Iterator[Text]:
    """Yield every text of a file's rows, and its questions with options where these can be told as ingest would."""
    source = Source(name=path.name, path=str(path))
    sight = seen(path)
    with copy_of(path, scratch) as copy:
        reading = reading_of(source, replace(sight, path=copy))
        records = [unit for unit in read(reading) if isinstance(unit, Record)]
    apply = _applied(source, records, schema)
    for record in records:
        place = f"{path.name} row {record.origin.position}"
        yield from (Text(place, text) for text in _leaves(record.fields))
        yield from _asked(place, record, apply, schema)


def _applied(source: Source, records: list[Record], schema: Schema) -> maps.Applied | None:
    mapped = Mapped(source, schema, {})
    mapped.see(records[:LOOKED_AT])
    try:
        return maps.applied(mapped.mapping(), fields_of(schema))
    except UsageError:  # a file of another kind is compared by its texts alone
        return None


def _asked(place: str, record: Record, apply: maps.Applied | None, schema: Schema) -> Iterator[Text]:
    choices = schema.declared.choices
    if apply is None or choices is None:
        return
    try:
        typed, _ = apply(record.fields)
    except maps.MappingError:
        return
    if typed[choices.stem] and typed[choices.options]:
        yield Text(place, typed[choices.stem], tuple(typed[choices.options]))


def _leaves(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
