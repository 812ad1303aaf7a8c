"""Push the adapter of a run to the Hub: checked, described from what was measured, sent as one commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from workbench import __version__
from workbench.curation.split import SPLITS
from workbench.errors import OutsideError, RefusedError, UsageError
from workbench.publish.adapter import AdapterFacts, base_of, write_adapter
from workbench.publish.adapter_card import adapter_card
from workbench.publish.facts import RunFacts
from workbench.publish.hub import Pushed, PushPlan, plan, plan_unseen, push
from workbench.publish.licenses import checked_license
from workbench.publish.pausing import telling
from workbench.publish.remote import find_token
from workbench.services.evaluation import scored
from workbench.services.evaluation.evaluate import evaluated
from workbench.services.progress import Report, silent
from workbench.services.publishing.clearance import check_may_leave
from workbench.services.publishing.export_facts import examples_of
from workbench.services.publishing.left_by_run import evaluate_again, read_of
from workbench.services.publishing.source_licenses import license_notes, sources_of
from workbench.store.store import Store
from workbench.store.versions import Version, versions
from workbench.training.runs import RunFolder


@dataclass(frozen=True)
class Target:
    """Where an adapter goes, and under which licence."""

    repo: str
    license: str | None
    private: bool = True


def planned(store: Store, run: RunFolder, target: Target) -> PushPlan:
    """Return what a push would send, changing nothing on the Hub, which need not even be within reach."""
    with _ready(store, run, target) as folder:
        try:
            todo = plan(folder, target.repo, token=find_token(), kind="model", known=_known(store, run), tag=run.name)
        except OutsideError as error:
            todo = plan_unseen(folder, target.repo, kind="model", why=error.what)
    learned_from = license_notes(sources_of(store, _version(store, run)), target.license)
    return replace(todo, notes=(*todo.notes, *learned_from))


def pushed(store: Store, run: RunFolder, target: Target, report: Report = silent) -> Pushed:
    """Push a run's adapter as one commit with a tag that is the run's name, and log where it went."""
    facts = run.facts()
    with telling(report), _ready(store, run, target) as folder:
        done = push(
            folder,
            target.repo,
            tag=run.name,
            message=f"{run.name}: {facts['corpus']} {facts.get('version_name', '')}".strip(),
            kind="model",
            private=target.private,
            known=_known(store, run),
            report=report,
        )
    body = {"version": facts["version"], "run": run.name, "repo": done.repo, "commit": done.commit, "tag": done.tag}
    rows = store.catalogue.rows(facts["corpus"], kinds=("publication",))
    if not any(body.items() <= row.body.items() for row in rows):
        store.catalogue.append(("publication", facts["corpus"], facts["version"], body))
    return done


@contextmanager
def _ready(store: Store, run: RunFolder, target: Target) -> Iterator[Path]:
    """Write what would be published of a run, for as long as the block lasts."""
    license = checked_license(target.license)
    if run.status() != "finished":
        raise RefusedError(f"the run {run.name!r} is {run.status()}", "push a run that has finished: workbench runs")
    version = _version(store, run)
    check_may_leave(store, version)
    facts = replace(_facts(store, (run, version), license), repo=target.repo)
    with TemporaryDirectory(dir=store.workspace.scratch) as scratch:
        folder = Path(scratch) / "adapter"
        write_adapter(run.adapter, facts, adapter_card(facts), folder)
        yield folder


def _version(store: Store, run: RunFolder) -> Version:
    version = scored.version_of(store, run)
    if version is None:
        hint = "push where it was trained: what its records are, and whether they leak, is known only there"
        raise UsageError(f"this workspace does not hold the version that {run.name!r} was trained on", hint)
    return version


def _facts(store: Store, trained: tuple[RunFolder, Version], license: str) -> AdapterFacts:
    run, version = trained
    known, recipe = run.facts(), run.recipe()
    with read_of(run, run.facts_file, "train it again"):
        base, packages = base_of(recipe.base, known["base"]), dict(known.get("packages", {}))
    plain = recipe.model_dump(mode="json") | {"base": base.name}
    return AdapterFacts(
        corpus=version.corpus,
        version=version.id,
        version_name=version.name,
        schema=version.schema,
        run=run.name,
        license=license,
        languages=store.corpus(version.corpus).languages,
        counts={side: version.counts.get(side, 0) for side in SPLITS},
        base=base,
        recipe=plain,
        packages=packages,
        evaluations=_evaluations(run),
        tool=f"workbench {__version__}",
        records=_published(store, version),
        told=RunFacts(run.name, base.name, examples=examples_of(store, version, run)),
    )


def _evaluations(run: RunFolder) -> Mapping[str, Mapping[str, Any]]:
    """Return what was measured, by split; what a number must be published with stays with it."""
    found = {split: _measured(run, split) for split in ("test", "validation")}
    return {split: known for split, known in found.items() if known}


def _measured(run: RunFolder, split: str) -> Mapping[str, Any]:
    with read_of(run, run.evaluation / f"metrics-{split}.json", evaluate_again(run, split)):
        known = dict(evaluated(run, split) or {})
        return {key: dict(known[key]) for key in ("base", "tuned", "difference", "how") if key in known}


def _published(store: Store, version: Version) -> str:
    """Return the repository that holds this very version of the records; empty where it was never pushed."""
    rows = store.catalogue.rows(version.corpus, kinds=("publication",))
    repos = [row.body["repo"] for row in rows if row.body.get("version") == version.id and "run" not in row.body]
    return str(repos[-1]) if repos else ""


def _known(store: Store, run: RunFolder) -> frozenset[str]:
    return frozenset(version.id for version in versions(store.catalogue, str(run.facts()["corpus"])))
