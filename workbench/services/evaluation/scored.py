"""What the store knows of the records that a run was measured on: their source, split group, topic and options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.schema import Choices, Schema
from workbench.services.checking.curate import curate
from workbench.services.versions.grouping import groups_of
from workbench.store.store import Store
from workbench.store.versions import Version, records_of, versions
from workbench.training.runs import RunFolder

if TYPE_CHECKING:
    from workbench.evaluation.metrics.questions import Question

_TOPIC = "topic"


def version_of(store: Store, run: RunFolder) -> Version | None:
    """Return the version that a run trains, None where this workspace does not hold it."""
    facts = run.facts()
    corpus = str(facts.get("corpus", ""))
    if corpus not in store.corpora():
        return None
    return next((v for v in versions(store.catalogue, corpus) if v.id == facts.get("version")), None)


def records(store: Store, version: Version) -> pl.DataFrame:
    """Return the records of a version as it was made, with `split`."""
    schema = store.kept_schema(version.schema_object)
    return records_of(store.catalogue, store.objects, schema, version)


def known(store: Store, version: Version, rows: pl.DataFrame) -> dict[str, dict[str, str | None]]:
    """Return {record: {source, group, topic}}; groups are those of the corpus as it stands now.

    A record that was dropped or has vanished since has no group; a topic is asked for by multiple-choice questions.
    """
    groups = groups_of(curate(store, version.corpus)).names(rows["id"])
    has_topic = bool(store.kept_schema(version.schema_object).declared.choices) and _TOPIC in rows.columns
    topics = rows[_TOPIC] if has_topic else [None] * rows.height
    named = zip(rows["id"], rows["source"], groups, topics, strict=True)
    return {record: {"source": source, "group": group, _TOPIC: topic} for record, source, group, topic in named}


def questions(schema: Schema, rows: pl.DataFrame) -> dict[str, Question]:
    """Return the questions with options that some records hold; none where their schema declares no options."""
    if schema.declared.choices is None:
        return {}
    found = {row["id"]: _asked(row, schema.declared.choices) for row in rows.iter_rows(named=True)}
    return {record: asked for record, asked in found.items() if asked is not None}


def _asked(row: Mapping[str, Any], names: Choices) -> Question | None:
    from workbench.evaluation.metrics.questions import LETTERS, Question

    options, key = row[names.options] or [], row[names.key]
    if key is None or not 2 <= len(options) <= len(LETTERS):
        return None
    return Question(row[names.stem], tuple(options), int(key))


def texts(schema: Schema, rows: pl.DataFrame) -> dict[str, str]:
    """Return the plain texts of some records; none where their schema renders a question or turns."""
    if "text" not in schema.declared.render["default"]:
        return {}
    return {row["id"]: schema.render(row)["text"] for row in rows.iter_rows(named=True)}
