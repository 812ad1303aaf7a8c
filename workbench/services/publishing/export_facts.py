"""What a card says about a version: read from the store, and from a run on it where there is one."""

from __future__ import annotations

from typing import Any

import polars as pl

from workbench import __version__
from workbench.curation import measures
from workbench.curation.measures import Absent
from workbench.curation.split import SPLITS
from workbench.errors import WorkbenchError
from workbench.publish.adapter import base_of
from workbench.publish.facts import Example, ExportFacts, Length, RunFacts
from workbench.schema import Schema
from workbench.services.checking.curate import DUPLICATE_OF
from workbench.services.publishing.clearance import are_harmless
from workbench.services.publishing.departing import Departing, here, length_of
from workbench.services.publishing.left_by_run import evaluate_again, read_of
from workbench.services.publishing.source_licenses import sources_of
from workbench.services.training.train import runs
from workbench.store.store import Store
from workbench.store.versions import Version
from workbench.training.runs import RunFolder

_EXAMPLES = 3


def facts_of(store: Store, version: Version, license: str | None, departing: Departing | None = None) -> ExportFacts:
    """Return what is known of a version, the same whenever it is asked; `departing` are its records that leave."""
    corpus = store.corpus(version.corpus)
    schema = store.kept_schema(version.schema_object)
    standing = store.objects.table(version.assignment, ["split", "reason"])
    texts = (departing or here(store, version, schema)).texts()
    return ExportFacts(
        corpus=version.corpus,
        version=version.id,
        parent=version.parent,
        schema=version.schema,
        license=license or corpus.license,
        languages=corpus.languages,
        counts={side: version.counts.get(side, 0) for side in SPLITS},
        removed=version.counts.get("removed", 0),
        excluded=version.counts.get("excluded", 0),
        proof=version.proof,
        sources=sources_of(store, version),
        settings=version.settings,
        tool=f"workbench {__version__}",
        text_columns=tuple(schema.declared.texts),
        name=version.name,
        note=version.note,
        title=schema.declared.title,
        kept_for_removed=_kept_for(standing),
        excluded_because=version.report.get("excluded", {}),
        spoken=texts.spoken,
        spoken_of=texts.spoken_of,
        lengths=texts.lengths,
    )


def _kept_for(standing: pl.DataFrame) -> int:
    reasons = standing.filter(pl.col("split") == "removed")["reason"].drop_nulls()
    return reasons.filter(reasons.str.starts_with(DUPLICATE_OF)).n_unique()


def run_facts(store: Store, version: Version) -> RunFacts | None:
    """Return what the newest finished run on a version tells of it; None where there is none."""
    trained = [run for run in runs(store.workspace) if _is_finished(run, version)]
    if not trained:
        return None
    run = max(trained, key=lambda run: str(run.state().get("at", "")))
    with read_of(run, run.facts_file, "train it again"):
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
    with read_of(run, run.xray, "train it again"):
        seen = pl.read_parquet(run.xray, columns=["split", "tokens"]).cast({"split": pl.String, "tokens": pl.Int64})
    spreads = {side: measures.spread(seen.filter(pl.col("split") == side)["tokens"]) for side in SPLITS}
    found = [(side, spread) for side, spread in spreads.items() if not isinstance(spread, Absent)]
    return tuple(length_of(f"whole record, {side}", "tokens", spread) for side, spread in found)


def examples_of(store: Store, version: Version, run: RunFolder) -> tuple[Example, ...]:
    """Return a few scored test records with what was asked and what both models said, always the same ones."""
    path = run.evaluation / "scores-test.parquet"
    if not path.is_file():
        return ()
    with read_of(run, path, evaluate_again(run, "test")):
        said = pl.read_parquet(path, columns=["record", "model", "prediction", "reference"])
        said = said.cast(pl.String).filter(pl.col("prediction").fill_null("") != "")
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
    return here(store, version, schema).records.filter(pl.col("id").is_in(records)).to_dicts()


def prompt_text(rendered: Any) -> str:  # noqa: ANN401 - what a schema renders: turns, a prompt, or a text
    """Return what a model is asked of a rendered record, as plain text."""
    match rendered:
        case {"messages": [*turns, {"role": "assistant"}]}:
            return "\n\n".join(str(turn["content"]) for turn in turns)
        case {"prompt": prompt}:
            return str(prompt)
    return ""
