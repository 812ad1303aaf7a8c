"""Read what a model wrote back into records, and hold each against the schema's rules and the version's records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.curation.validate import record_issues
from workbench.schema import Schema
from workbench.services.evaluation import scored
from workbench.store.store import Store
from workbench.store.versions import Version
from workbench.text import folded

if TYPE_CHECKING:
    from workbench.evaluation.topics import Topics

TOPIC = "topic"
"""The field that a record's text is expected to be about."""
_EXPLANATION = re.compile(r"^[ \t]*Explanation[ \t]*:[ \t]*\n?(.*)\Z", re.M | re.S)


@dataclass(frozen=True)
class Written:
    """One answer: its text, the record it holds (none where it cannot be read), and why it is not valid."""

    text: str
    record: dict[str, Any] | None = None
    reasons: tuple[str, ...] = ()
    is_known: bool = False
    """Whether a record of the version asks just the same."""
    on_topic: bool | None = None
    """Whether it holds every word of the topic that was asked for; None where none was."""
    nearest_topic: str | None = None
    """Topic whose training records share most of its words; None where topics cannot be told."""

    @property
    def is_valid(self) -> bool:
        """Whether the answer is a record without a fault."""
        return self.record is not None and not self.reasons


@dataclass(frozen=True)
class Known:
    """What answers are held against: the schema, the fields asked for, the version's questions and topics."""

    schema: Schema
    fields: Mapping[str, str]
    stems: frozenset[str]
    topics: Topics | None
    accuracy: float | None

    @classmethod
    def of(cls, store: Store, version: Version, schema: Schema, fields: Mapping[str, str]) -> Known:
        """Return what is known of a version, where its kind has options to read back."""
        choices = schema.declared.choices
        if choices is None:
            return cls(schema, fields, frozenset(), None, None)
        rows = scored.records(store, version)
        stems = frozenset(folded(stem) for stem in rows[choices.stem] if stem)
        topics, accuracy = _judge(rows, schema, fields.get(TOPIC))
        return cls(schema, fields, stems, topics, accuracy)

    def read(self, texts: Sequence[str]) -> Iterator[Written]:
        """Yield every text with the record it holds and what is wrong with it."""
        if self.schema.declared.choices is None:
            yield from (Written(text) for text in texts)
            return
        records = [self._record(text) for text in texts]
        faults = _faults([record for record in records if record is not None], self.schema)
        for text, record in zip(texts, records, strict=True):
            if record is None:
                yield Written(text, reasons=("unreadable",))
            else:
                yield self._held(text, record, next(faults))

    def _record(self, text: str) -> dict[str, Any] | None:
        from workbench.evaluation.metrics.questions import question_in

        found, names = question_in(text), self.schema.declared.choices
        if found is None or names is None:
            return None
        explained = _EXPLANATION.search(text)
        explanation = {names.explanation: explained[1].strip()} if explained and explained[1].strip() else {}
        read = {names.stem: found.stem, names.options: list(found.options), names.key: found.key}
        return {**read, **explanation, **self.fields}

    def _held(self, text: str, record: dict[str, Any], reasons: tuple[str, ...]) -> Written:
        from workbench.evaluation.metrics.answers import words

        assert self.schema.declared.choices is not None
        topic, stem = self.fields.get(TOPIC), record[self.schema.declared.choices.stem]
        on_topic = set(words(topic)) <= set(words(text)) if topic else None
        nearest = self.topics.nearest(text) if self.topics else None
        return Written(text, record, reasons, folded(stem) in self.stems, on_topic, nearest)


def _faults(records: Sequence[dict[str, Any]], schema: Schema) -> Iterator[tuple[str, ...]]:
    """Yield the error-level rules that each record breaks."""
    if not records:
        return
    numbers = [str(place) for place in range(len(records))]
    frame = schema.table([{**dict.fromkeys(schema.columns), **record} for record in records]).with_columns(
        id=pl.Series(numbers), source=pl.lit("generated"), position=pl.Series(range(len(records)), dtype=pl.Int64)
    )
    errors = record_issues(frame, schema).filter(pl.col("severity") == "error")
    for number in numbers:
        yield tuple(errors.filter(record=number)["rule"].unique().sort())


def _judge(rows: pl.DataFrame, schema: Schema, topic: str | None) -> tuple[Topics | None, float | None]:
    """Return a judge of topics learned from the training records, and how often it is right on held-out ones."""
    from workbench.evaluation.topics import learn_topics

    if topic is None or TOPIC not in rows.columns:
        return None, None
    told = rows.filter(pl.col(TOPIC).is_not_null())
    train = _pairs(told.filter(split="train"), schema)
    known = {name for name, _ in train}
    if topic not in known or len(known) < 2:
        return None, None
    topics = learn_topics(train)
    return topics, topics.accuracy(_pairs(told.filter(pl.col("split").is_in(["validation", "test"])), schema))


def _pairs(rows: pl.DataFrame, schema: Schema) -> list[tuple[str, str]]:
    """Return (topic, text) of records, the text as it stands in what the model learns to write."""
    return [(row[TOPIC], str(_answer(schema.render(row)))) for row in rows.iter_rows(named=True)]


def _answer(rendered: Mapping[str, Any]) -> str:
    return str(rendered["messages"][-1]["content"] if "messages" in rendered else rendered.get("completion", ""))
