"""Let a run's model write records: asked through its corpus' own template, read back, checked, and accepted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from workbench.errors import DataError, UsageError, unknown
from workbench.fingerprint import digest
from workbench.recipe import Generate, with_overrides
from workbench.schema import Schema
from workbench.services.evaluation import scored
from workbench.services.evaluation.written import TOPIC, Known, Written
from workbench.services.intake.ingest import Delivery, Order, ingest
from workbench.services.progress import Report, silent
from workbench.store.store import Store
from workbench.training.runs import RunFolder
from workbench.workspace import write_text

_DECODING = "generate."
"""What recipe keys of decoding begin with."""


@dataclass(frozen=True)
class Wanted:
    """What a model is asked to write."""

    fields: Mapping[str, str]
    """Values of the schema's fields that stand in the prompt."""
    count: int = 1
    seed: int | None = None
    """Of what is drawn; None takes the recipe's."""
    decoding: tuple[str, ...] = ()
    """Recipe keys of `generate`, set for this once, for example `generate.temperature=0.9`."""
    into: str | None = None
    """Corpus that the valid records are meant for."""


@dataclass(frozen=True)
class Generated:
    """All that a model wrote to one prompt."""

    run: str
    schema: str
    prompt: Any
    wanted: Wanted
    decoding: Generate
    written: tuple[Written, ...] = field(repr=False)
    judge_accuracy: float | None = None
    """Share of held-out records whose topic the judge of `nearest_topic` finds."""

    def facts(self) -> dict[str, Any]:
        """Return everything as one JSON object, counts first."""
        return {
            "run": self.run,
            "asked": len(self.written),
            **self.counts(),
            "fields": dict(self.wanted.fields),
            "decoding": self.decoding.model_dump(mode="json"),
            "prompt": self.prompt,
            "answers": [asdict(answer) | {"valid": answer.is_valid} for answer in self.written],
        }

    def counts(self) -> dict[str, Any]:
        """Return how many are valid, known, on topic, and why the others are not valid."""
        valid = [answer for answer in self.written if answer.is_valid]
        topic = self.wanted.fields.get(TOPIC)
        told = any(answer.nearest_topic is not None for answer in valid)
        return {
            "valid": len(valid),
            "known": sum(answer.is_known for answer in valid),
            "on_topic": sum(bool(answer.on_topic) for answer in valid) if topic else _missing("no topic was asked for"),
            "nearest_topic": sum(answer.nearest_topic == topic for answer in valid)
            if told
            else _missing("the version's training records do not tell this topic from another"),
            "judge_accuracy": self.judge_accuracy,
            "reasons": dict(Counter(reason for answer in self.written for reason in answer.reasons)),
        }


def _missing(reason: str) -> dict[str, Any]:
    return {"value": None, "reason": reason}


def write_records(store: Store, run: RunFolder, wanted: Wanted, report: Report = silent) -> Generated:
    """Return what the tuned model writes to one prompt, each answer read and checked by the rules of its schema.

    The prompt is the one that a training record with these fields has. Only kinds with options can be read back;
    of others the texts alone are returned.
    """
    from workbench.evaluation.generate import generate

    version = scored.version_of(store, run)
    if version is None:
        hint = "generate where it was trained, or ask in your own words with --prompt"
        raise UsageError(f"this workspace does not hold the version that {run.name!r} was trained on", hint)
    schema = store.kept_schema(version.schema_object)
    if wanted.into is not None:
        check_accepts(store, wanted.into, schema.name)
    prompt, decoding = prompt_of(schema, wanted.fields), _decoding(run, wanted)
    answers = generate(
        run,
        [prompt] * wanted.count,
        "tuned",
        decoded=decoding,
        report=lambda what, done, total: report(what, done, total),
    )
    texts = [answer.tuned or "" for answer in answers]
    seen = Known.of(store, version, schema, wanted.fields)
    return Generated(run.name, schema.name, prompt, wanted, decoding, tuple(seen.read(texts)), seen.accuracy)


def _decoding(run: RunFolder, wanted: Wanted) -> Generate:
    recipe = run.recipe()
    seed = () if wanted.seed is None else (f"{_DECODING}seed={wanted.seed}",)
    decoding = with_overrides(recipe, (*wanted.decoding, *seed)).generate
    if wanted.count > 1 and not decoding.do_sample:
        hint = f"draw answers: --set {_DECODING}do_sample=true --set {_DECODING}temperature=0.7"
        raise UsageError(f"{run.name!r} decodes greedily, so {wanted.count} answers would be one", hint)
    return decoding


def split_settings(settings: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return (fields, decoding) of `field=value` and `generate.key=value`."""
    fields: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(f"{setting!r} has no '='", "write it as topic=Optimizers")
        if not name.startswith(_DECODING):
            fields[name.strip()] = value.strip()
    return fields, tuple(setting for setting in settings if setting.startswith(_DECODING))


def prompt_of(schema: Schema, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the prompt of a record with these fields, as its schema renders it, without an answer.

    Raises UsageError for a field that the schema lacks, that is no text, or that its prompt does not show.
    """
    for name in fields:
        if name not in schema.columns:
            raise unknown("field", name, schema.columns)
        if schema.types[name] != pl.String:
            raise UsageError(f"the field {name!r} is no text", f"texts: {', '.join(_texts(schema))}")
    prompt = _asked(schema, fields)
    for name in fields:
        if _asked(schema, {**fields, name: ""}) == prompt:
            shown = ", ".join(field for field in _texts(schema) if _asked(schema, {field: "?"}) != _asked(schema, {}))
            raise UsageError(f"the prompt of a {schema.name} record does not show {name!r}", f"it shows: {shown}")
    return prompt


def _texts(schema: Schema) -> list[str]:
    return [name for name, kind in schema.types.items() if kind == pl.String]


def _asked(schema: Schema, fields: Mapping[str, str]) -> dict[str, Any]:
    empty: dict[str, Any] = {name: [] if isinstance(kind, pl.List) else None for name, kind in schema.types.items()}
    rendered = schema.render(empty | dict.fromkeys(_texts(schema), "") | dict(fields))
    match rendered:
        case {"messages": [*turns, {"role": "assistant"}]}:
            return {"messages": turns}
        case {"prompt": prompt}:
            return {"prompt": prompt}
    hint = "ask in your own words with --prompt, or as its records do with --split"
    raise UsageError(f"records of the kind {schema.name!r} have no prompt", hint)


def check_accepts(store: Store, corpus: str, schema: str) -> None:
    """Raise UsageError where a corpus cannot take written records of a kind: before a model works for nothing."""
    if corpus not in store.corpora():
        raise unknown("corpus", corpus, store.corpora())
    held = store.corpus(corpus)
    if held.schema_name != schema:
        raise UsageError(f"corpus {corpus!r} holds {held.schema_name} records, not {schema}", "name another corpus")
    if store.schema(held).declared.choices is None:
        raise UsageError(f"written {schema} records cannot be read back", "leave --accept out: the texts are shown")


def accept(store: Store, corpus: str, generated: Generated, report: Report = silent) -> Delivery:
    """Take the valid records into a corpus as a source of its own, marked with the run that wrote them.

    They stand in train or nowhere. Accepted again, the same records change nothing. Raises as `check_accepts` does.
    """
    check_accepts(store, corpus, generated.schema)
    records = [answer.record for answer in generated.written if answer.is_valid and answer.record]
    if not records:
        raise DataError("no valid record was generated", "train longer, or ask with fields that the corpus knows")
    name = f"generated-{generated.run}-{digest(records)[:8]}"
    path = store.workspace.corpus_folder(corpus) / "generated" / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
    settings = {"name": name, "generated": generated.run, "split": "train"}
    return ingest(store, Order(corpus, (path,), schema=generated.schema, settings=settings), report)[0]
