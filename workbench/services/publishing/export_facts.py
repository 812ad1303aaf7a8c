"""What a card says about a version: read from the store, and from a run on it where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from workbench import __version__
from workbench.curation import describe as columns
from workbench.curation import measures
from workbench.curation.measures import Absent, Spread
from workbench.curation.split import SPLITS
from workbench.errors import WorkbenchError
from workbench.publish.adapter import base_of
from workbench.publish.facts import Example, ExportFacts, Length, RunFacts
from workbench.schema import Schema
from workbench.services.checking.curate import DUPLICATE_OF
from workbench.services.publishing.clearance import are_harmless
from workbench.services.training.train import runs
from workbench.store.store import Store
from workbench.store.versions import Version, records_of, state_of
from workbench.training.runs import RunFolder

_READ = 1_000
"""Texts whose language is looked at: enough for a share in whole percents, and done in a second."""
_EXAMPLES = 3
_UNSURE = "not sure"


def facts_of(store: Store, version: Version, license: str | None) -> ExportFacts:
    """Return what is known of a version, the same whenever it is asked."""
    corpus = store.corpus(version.corpus)
    schema = store.kept_schema(version.schema_object)
    stated = license or corpus.license
    deliveries = state_of(store.catalogue, store.objects, schema, version).deliveries
    standing = store.objects.table(version.assignment, ["split", "reason"])
    texts = columns.text_fields(schema.derived(_leaving(store, version, schema)), schema)
    spoken = _spoken(texts)
    return ExportFacts(
        corpus=version.corpus,
        version=version.id,
        parent=version.parent,
        schema=version.schema,
        license=stated,
        languages=corpus.languages,
        counts={side: version.counts.get(side, 0) for side in SPLITS},
        removed=version.counts.get("removed", 0),
        excluded=version.counts.get("excluded", 0),
        proof=version.proof,
        sources=tuple(
            {"name": name, "digest": row.body["digest"], "license": stated} for name, row in deliveries.items()
        ),
        settings=version.settings,
        tool=f"workbench {__version__}",
        text_columns=tuple(schema.declared.texts),
        name=version.name,
        note=version.note,
        title=schema.declared.title,
        kept_for_removed=_kept_for(standing),
        excluded_because=version.report.get("excluded", {}),
        spoken=spoken,
        spoken_of=min(_READ, sum(len(held) for held in texts.values())) if spoken else 0,
        lengths=tuple(length for name, held in texts.items() for length in _lengths(name, held)),
    )


def _leaving(store: Store, version: Version, schema: Schema) -> pl.DataFrame:
    records = records_of(store.catalogue, store.objects, schema, version)
    return records.filter(pl.col("split").is_in(SPLITS))


def _kept_for(standing: pl.DataFrame) -> int:
    reasons = standing.filter(pl.col("split") == "removed")["reason"].drop_nulls()
    return reasons.filter(reasons.str.starts_with(DUPLICATE_OF)).n_unique()


def _spoken(texts: Mapping[str, pl.Series]) -> dict[str, float]:
    """Return the share of each language in texts of all fields, the most frequent first."""
    held = [text.drop_nulls().head(-(-_READ // len(texts))) for text in texts.values()]
    if not held or not sum(map(len, held)):
        return {}
    read = columns.spoken(pl.concat([text.rename("text").cast(pl.String) for text in held]))
    return {share.value: share.share for share in measures.shares(read.fill_null(_UNSURE)).shares}


def _lengths(name: str, texts: pl.Series) -> list[Length]:
    what = name.strip("()")
    found = {"characters": measures.characters(texts), "words": measures.word_counts(texts)}
    spreads = {unit: measures.spread(values) for unit, values in found.items()}
    return [length_of(what, unit, spread) for unit, spread in spreads.items() if not isinstance(spread, Absent)]


def length_of(what: str, unit: str, spread: Spread) -> Length:
    """Return a spread as a card tells it."""
    return Length(what, unit, spread.n, spread.median, spread.p95, spread.max)


def run_facts(store: Store, version: Version) -> RunFacts | None:
    """Return what the newest finished run on a version tells of it; None where there is none."""
    trained = [run for run in runs(store.workspace) if _is_finished(run, version)]
    if not trained:
        return None
    run = max(trained, key=lambda run: str(run.state().get("at", "")))
    known = run.facts()["base"]
    # A base may have been named by the way to its folder, which is nobody's to know.
    base = base_of(str(known["name"]), known)
    return RunFacts(run.name, base.name, _token_lengths(run), examples_of(store, version, run))


def _is_finished(run: RunFolder, version: Version) -> bool:
    try:
        return run.facts().get("version") == version.id and run.status() == "finished"
    except WorkbenchError:  # a damaged run folder hides no other
        return False


def _token_lengths(run: RunFolder) -> tuple[Length, ...]:
    """Return how many tokens a whole record has, as the X-ray of a run counted them, by split."""
    if not run.xray.is_file():
        return ()
    seen = pl.read_parquet(run.xray, columns=["split", "tokens"])
    spreads = {side: measures.spread(seen.filter(pl.col("split") == side)["tokens"]) for side in SPLITS}
    found = [(side, spread) for side, spread in spreads.items() if not isinstance(spread, Absent)]
    return tuple(length_of(f"whole record, {side}", "tokens", spread) for side, spread in found)


def examples_of(store: Store, version: Version, run: RunFolder) -> tuple[Example, ...]:
    """Return a few scored test records with what was asked and what both models said, always the same ones."""
    path = run.evaluation / "scores-test.parquet"
    if not path.is_file():
        return ()
    said = pl.read_parquet(path, columns=["record", "model", "prediction", "reference"])
    said = said.filter(pl.col("prediction").fill_null("") != "")
    both = said.filter(pl.col("model") == "tuned").join(
        said.filter(pl.col("model") == "base").select("record", base="prediction"), on="record", how="inner"
    )
    schema = store.kept_schema(version.schema_object)
    chosen = both.sort("record").head(_EXAMPLES)
    rows = {row["id"]: row for row in _named(store, version, schema, chosen["record"].to_list())}
    found = [
        Example(prompt_text(schema.render(rows[row["record"]])), row["reference"] or "", row["base"], row["prediction"])
        for row in chosen.iter_rows(named=True)
        if row["record"] in rows
    ]
    harmless = are_harmless(store, [f"{one.base}\n{one.tuned}" for one in found])
    return tuple(one for one, may_leave in zip(found, harmless, strict=True) if may_leave)


def _named(store: Store, version: Version, schema: Schema, records: list[str]) -> list[dict[str, Any]]:
    return _leaving(store, version, schema).filter(pl.col("id").is_in(records)).to_dicts()


def prompt_text(rendered: Any) -> str:  # noqa: ANN401 - what a schema renders: turns, a prompt, or a text
    """Return what a model is asked of a rendered record, as plain text."""
    match rendered:
        case {"messages": [*turns, {"role": "assistant"}]}:
            return "\n\n".join(str(turn["content"]) for turn in turns)
        case {"prompt": prompt}:
            return str(prompt)
    return ""
