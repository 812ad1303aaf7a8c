"""The main job on the sample corpora: six kinds in, checked, split and proved, one trained, measured and exported."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.errors import RefusedError, UsageError
from workbench.services.checking.check import issue_counts
from workbench.services.checking.curate import curate
from workbench.services.checking.planted import compare
from workbench.services.evaluation.evaluate import evaluate
from workbench.services.progress import Report, silent
from workbench.services.publishing.export import export
from workbench.services.training.train import Training, start, watch
from workbench.services.verify import verify
from workbench.services.versions.build import build
from workbench.store.store import Store
from workbench.workspace import Workspace

CORPORA = ("quiz", "domain-qa", "novel", "novel-chunks", "story", "instruct", "chat")
TRAINED = "domain-qa"
LOWER, MATCHES = 0.20, 0.5
"""What the demo must reach: perplexity this share below the base's, exact matches on this share of the test."""


@dataclass
class Demo:
    """What a demo did, and what of it did not come out as promised."""

    workspace: Path
    corpora: list[dict[str, Any]] = field(default_factory=list)
    evaluation: dict[str, Any] = field(default_factory=dict)
    run: str = ""
    export: str = ""
    refusal: str = ""
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0


def demo(folder: Path, report: Report = silent) -> Demo:
    """Run the main job in a new workspace and return what it did; `broken` is empty where all promises held."""
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{str(folder)!r} is not empty", "give a new folder: the demo makes its own workspace")
    began = time.monotonic()
    done = Demo(folder)
    with Store(Workspace.create(folder)) as store:
        for name in CORPORA:
            done.corpora.append(_curated(store, name, done.broken, report))
        done.refusal = _refused(store, done.broken, report)
        _trained(store, done, report)
        done.broken += verify(store)
    done.seconds = time.monotonic() - began
    return done


def _curated(store: Store, name: str, broken: list[str], report: Report) -> dict[str, Any]:
    report(f"{name}: ingest, check, dedup, split")
    deliveries, version = build(store, name)
    curated = curate(store, name)
    faults = compare(store.workspace.corpus_folder(name) / "faults.yaml", curated)
    for delivery in deliveries:
        if delivery.read != delivery.kept + delivery.merged + delivery.quarantined:
            broken.append(f"{name}: {delivery.name}: read is not kept + merged + quarantined")
    broken += [f"{name}: missed {rule} at {where}" for rule, where in sorted(faults.missed)]
    broken += [f"{name}: invented {rule} at {where}" for rule, where in sorted(faults.invented)]
    sums = {key: sum(getattr(d, key) for d in deliveries) for key in ("read", "kept", "merged", "quarantined")}
    return {
        "corpus": name,
        "kind": curated.corpus.schema_name,
        **sums,
        "issues": issue_counts(curated.issues),
        "duplicates": curated.judgement.counts(),
        "faults": {"planted": len(faults.planted), "missed": len(faults.missed), "invented": len(faults.invented)},
        "version": version.name,
        "splits": version.counts,
        "proof": {key: version.proof[key] for key in ("exact", "near", "neighbour", "group", "max_jaccard")},
    }


def _refused(store: Store, broken: list[str], report: Report) -> str:
    """Show that records with a literal BOS are refused before they cost a training."""
    report("story: its texts hold a literal <s>, so the X-ray must refuse to train on them")
    try:
        start(store, Training("story", name="story-refused"), report)
    except RefusedError as error:
        return f"{error.what} -> {error.hint}"
    broken.append("story: a doubled BOS was not refused")
    return ""


def _trained(store: Store, done: Demo, report: Report) -> None:
    run = start(store, Training(TRAINED), report)
    tenth = -1

    def told(progress: Any) -> None:  # noqa: ANN401 - training.launch.Progress
        nonlocal tenth
        if progress.total and progress.step * 10 // progress.total != tenth and progress.loss is not None:
            tenth = progress.step * 10 // progress.total
            report(f"step {progress.step} of {progress.total}, loss {progress.loss:.3f}")

    watch(run, told)
    report("measuring base and tuned on the test split")
    done.run, done.evaluation = run.name, evaluate(store, run)
    exported = export(store, TRAINED, "latest")
    done.export = str(exported.folder)
    done.broken += _promises(done.evaluation, run.adapter)


def _promises(evaluation: dict[str, Any], adapter: Path) -> list[str]:
    base, tuned = evaluation["base"], evaluation["tuned"]
    broken = []
    if tuned["perplexity"] > base["perplexity"] * (1 - LOWER):
        broken.append(f"perplexity {base['perplexity']:.3f} -> {tuned['perplexity']:.3f}: not {LOWER:.0%} lower")
    if tuned["em"] < MATCHES or base["em"] > 0.1:
        broken.append(f"exact match {base['em']:.3f} -> {tuned['em']:.3f}: not from about 0 to {MATCHES}")
    if not list(adapter.glob("*.safetensors")):
        broken.append("no adapter on disk")
    return broken
