"""Pre-flight: what can be known to stop a training before it costs a process, each with its fix."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from workbench.errors import WorkbenchError
from workbench.recipe import Recipe, load_recipe
from workbench.services import bases
from workbench.services.device import gpus
from workbench.store.state import LOGGED
from workbench.store.store import Store
from workbench.store.versions import Version
from workbench.training.runs import RunFolder
from workbench.workspace import Workspace

Verdict = Literal["ok", "look", "no"]
_LEAKS = ("exact", "near", "neighbour", "group")
_ROOM = 2 * 2**30
"""Bytes that checkpoints and the adapter of a small base may take."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: fine, worth a look, or in the way; then `fix` says what to do."""

    name: str
    verdict: Verdict
    said: str
    fix: str = ""


@dataclass(frozen=True)
class Preflight:
    """What was found for one version and recipe, in the order in which it matters."""

    corpus: str
    version: str
    recipe: str
    recipes: tuple[str, ...]
    """All recipes of the workspace, to choose another."""
    checks: tuple[Check, ...]

    @property
    def is_green(self) -> bool:
        """Say whether nothing is in the way."""
        return all(check.verdict != "no" for check in self.checks)


def preflight(store: Store, corpus: str, version: str = "latest", recipe: str = "") -> Preflight:
    """Look at a version, a recipe and this machine; no recipe named means the one this corpus was trained with last.

    Tokenizer and template are not run here: the X-ray does that when the run is prepared, and refuses by name.
    """
    name = recipe or last_recipe(store.workspace, corpus)
    recipes = tuple(store.workspace.named("recipes"))
    try:
        found = store.version(corpus, version)
    except WorkbenchError as error:
        return Preflight(
            corpus, version, name, recipes, (Check("version", "no", error.what, f"{error.hint}; here: 2, then s"),)
        )
    checks = tuple(_checks(store, found, name))
    return Preflight(corpus, found.name, name, recipes, checks)


def last_recipe(workspace: Workspace, corpus: str) -> str:
    """Return the recipe of the newest run of a corpus, else the only one of the workspace, else `tiny`."""
    known = workspace.named("recipes")
    runs = [run for run in RunFolder.list(workspace.runs) if _trains(run, corpus)]
    for run in sorted(runs, key=lambda run: run.facts_file.stat().st_mtime, reverse=True):
        if run.recipe_file.is_file() and (name := run.recipe().name) in known:
            return name
    return known[0] if len(known) == 1 else "tiny"


def _trains(run: RunFolder, corpus: str) -> bool:
    return run.facts_file.is_file() and run.facts().get("corpus") == corpus


def _checks(store: Store, version: Version, name: str) -> Iterator[Check]:
    yield _sides(version)
    yield _newer(store, version)
    yield _proof(version)
    try:
        recipe = load_recipe(store.workspace.recipe_file(name))
    except WorkbenchError as error:
        yield Check("recipe", "no", error.what, error.hint)
        return
    yield Check("recipe", "ok", f"{name}: {recipe.base}, {recipe.train.epochs:g} epochs, LoRA r {recipe.lora.r}")
    yield _validation(version, recipe)
    yield _base(store.workspace, recipe)
    yield _xray(store.workspace, version, recipe)
    yield _device(recipe)
    yield _room(store.workspace)
    yield _others(store.workspace)


def _sides(version: Version) -> Check:
    counts = ", ".join(f"{version.counts.get(side, 0):,} {side}" for side in ("train", "validation", "test"))
    said = f"{version.corpus}@{version.name}: {counts}"
    if version.counts.get("train", 0):
        return Check("version", "ok", said)
    return Check("version", "no", f"{said}: nothing to learn from", "cut a version with a train share")


def _newer(store: Store, version: Version) -> Check:
    if store.catalogue.head(version.corpus, LOGGED) == version.upto:
        return Check("edits", "ok", f"{version.name} holds every change of the corpus")
    said = f"the corpus was changed after {version.name}, which will train without that"
    return Check("edits", "look", said, "cut a new version first, if that matters: 2, then s")


def _proof(version: Version) -> Check:
    leaks = {what: version.proof.get(what, 0) for what in _LEAKS}
    said = f"{sum(leaks.values())} leaks between splits; largest Jaccard {version.proof.get('max_jaccard')}"
    return Check("proof", "no" if any(leaks.values()) else "ok", said, "cut the version again")


def _validation(version: Version, recipe: Recipe) -> Check:
    every, rows = recipe.train.eval_steps, version.counts.get("validation", 0)
    if every is None:
        return Check("validation", "ok", "not measured while training: the recipe says so")
    if rows:
        return Check("validation", "ok", f"loss over {rows:,} records every {every:,} steps")
    fix = "cut a version with a validation share, or set train.eval_steps: null in the recipe (E)"
    return Check("validation", "no", f"the recipe measures every {every:,} steps, but the split is empty", fix)


def _base(workspace: Workspace, recipe: Recipe) -> Check:
    name = recipe.base
    if name == bases.TINY:
        built = bool(bases.listing(workspace))
        return Check(
            "base", "ok", "tiny is built" if built else "tiny is built first, once: under a minute of one core"
        )
    if (workspace.root / name).is_dir():
        return Check("base", "ok", f"the folder {name}")
    from huggingface_hub import try_to_load_from_cache

    repository, _, revision = name.partition("@")
    if isinstance(try_to_load_from_cache(repository, "config.json", revision=revision or None), str):
        return Check("base", "ok", f"{name} is on this machine")
    # In the way: one key shall not begin to fetch what may be tens of gigabytes.
    return Check("base", "no", f"{name} is not on this machine", f"workbench base fetch {name}, or another recipe: R")


def _xray(workspace: Workspace, version: Version, recipe: Recipe) -> Check:
    """Return what the X-ray said of just this version and recipe, where a run was refused by it before."""
    said = "every record passes tokenizer and template when the run is prepared"
    for run in RunFolder.list(workspace.runs):
        if _was_refused(run, version, recipe):
            import pyarrow.parquet as pq

            from workbench.training.preflight import find_refusal

            allowed = frozenset(run.facts().get("allowed", ()))
            if refusal := find_refusal(pq.read_table(run.xray), recipe, allowed):
                return Check("X-ray", "no", refusal.what, refusal.hint)
    return Check("X-ray", "ok", said)


def _was_refused(run: RunFolder, version: Version, recipe: Recipe) -> bool:
    try:
        refused = run.state()["state"] == "refused" and run.facts().get("version") == version.id
        return refused and run.xray.is_file() and run.recipe() == recipe
    except WorkbenchError:
        return False  # a damaged folder says nothing of this training


def _device(recipe: Recipe) -> Check:
    found = gpus()
    if found:
        return Check("device", "ok", "; ".join(str(gpu) for gpu in found))
    if recipe.base == bases.TINY:
        return Check("device", "ok", "no GPU: the tiny base trains on the CPU")
    return Check("device", "look", "no GPU: on the CPU this base takes very long", "or train on another machine")


def _room(workspace: Workspace) -> Check:
    free = shutil.disk_usage(workspace.runs).free
    said = f"{free / 2**30:,.1f} GiB free for checkpoints"
    return Check("disk", "ok", said) if free > _ROOM else Check("disk", "no", said, "free some room, or move old runs")


def _others(workspace: Workspace) -> Check:
    going = [run.name for run in RunFolder.list(workspace.runs) if run.is_alive()]
    if not going:
        return Check("other runs", "ok", "none is going")
    return Check(
        "other runs", "look", f"{', '.join(going)} is going on the same device", "wait for it, or stop it: 3, then S"
    )
