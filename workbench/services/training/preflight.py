"""Pre-flight: what can be known to stop a training before it costs a process, each with its fix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import DataError, UsageError, WorkbenchError
from workbench.recipe import Recipe, load_recipe, with_overrides
from workbench.services.progress import Report, silent
from workbench.services.training import bases, xray
from workbench.services.training.base_checks import base_checks
from workbench.services.training.checks import Check, Verdict, fine, minded, refused
from workbench.services.training.device import gpus
from workbench.services.training.machine_checks import device, others, room, rows_shared, told
from workbench.store.state import LOGGED
from workbench.store.store import Store
from workbench.store.versions import Version
from workbench.training.plan import shared
from workbench.training.preflight import check_allowed, find_refusal
from workbench.training.runs import RunFolder
from workbench.workspace import Workspace

__all__ = ["Check", "Preflight", "Verdict", "Wish", "last_recipe", "preflight", "with_xray"]

_LEAKS = ("exact", "near", "neighbour", "group")


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


@dataclass(frozen=True)
class Wish:
    """What is wanted besides a recipe: keys set for this time, flags of the X-ray that shall not stop it, GPUs.

    Raises UsageError for a name that is no flag.
    """

    overrides: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    gpus: int = 1
    """How many GPUs share the rows of each step."""

    def __post_init__(self) -> None:
        """Check the flags, as a training does."""
        check_allowed(self.allow)


def preflight(
    store: Store, corpus: str, version: str = "latest", recipe: str = "", wish: Wish | None = None
) -> Preflight:
    """Look at a version, a recipe and this machine; no recipe named means the one this corpus was trained with last.

    Tokenizer and template are not run here: an X-ray that is kept is read (`services.xray`), and a training makes
    one that is not.
    """
    name = recipe or last_recipe(store.workspace, corpus)
    recipes = tuple(store.workspace.named("recipes"))
    try:
        found = store.version(corpus, version)
    except WorkbenchError as error:
        missing = refused("version", "no-version", error.what, f"{error.hint} (in the terminal: 2, then s)")
        return Preflight(corpus, version, name, recipes, (missing,))
    checks = tuple(_checks(store, found, name, wish or Wish()))
    return Preflight(corpus, found.name, name, recipes, checks)


def with_xray(
    store: Store, corpus: str, version: str, recipe: str, wish: Wish, report: Report = silent
) -> tuple[Preflight, dict[str, Any] | None]:
    """Look as `preflight` does and at the X-ray too, made now where none is kept; return both, the X-ray in numbers.

    There is no X-ray, and None for it, where the version, the recipe or the base is not there: the checks say which.
    """
    try:
        found = store.version(corpus, version)
        known = with_overrides(load_recipe(store.workspace.recipe_file(recipe)), wish.overrides)
    except (UsageError, DataError):  # said by the checks
        return preflight(store, corpus, version, recipe, wish), None
    folder = xray.base_for_a_look(store.workspace, known.base, report)
    # What stops an X-ray would stop the training, in the same words.
    numbers = xray.summary(xray.make(store, found, known, folder, report).tables()[0]) if folder else None
    return preflight(store, corpus, version, recipe, wish), numbers


def last_recipe(workspace: Workspace, corpus: str) -> str:
    """Return the recipe of the newest run of a corpus, else the only one of the workspace, else `tiny`."""
    known = workspace.named("recipes")
    runs = [run for run in RunFolder.list(workspace.runs) if _trains(run, corpus)]
    for run in sorted(runs, key=lambda run: run.facts_file.stat().st_mtime, reverse=True):
        with suppress(WorkbenchError):  # a recipe of an older form says nothing of the next training
            if (name := run.recipe().name) in known:
                return name
    return known[0] if len(known) == 1 else "tiny"


def _trains(run: RunFolder, corpus: str) -> bool:
    try:
        return bool(run.facts().get("corpus") == corpus)
    except WorkbenchError:  # a damaged folder stands in nobody's way: `workbench runs` names it
        return False


def _checks(store: Store, version: Version, name: str, wish: Wish) -> Iterator[Check]:
    yield _sides(version)
    yield _newer(store, version)
    yield _proof(version)
    try:
        recipe = with_overrides(load_recipe(store.workspace.recipe_file(name)), wish.overrides)
    except WorkbenchError as error:
        yield refused("recipe", "recipe-fault", error.what, error.hint)
        return
    passes = f"{recipe.train.epochs:g} epoch{'s' * (recipe.train.epochs != 1)}"
    yield fine("recipe", f"{name}: {recipe.base}, {passes}, LoRA r {recipe.lora.r}")
    yield _validation(version, recipe)
    folder, found = bases.here(store.workspace, recipe.base), gpus()
    yield _base(recipe, folder)
    share = rows_shared(recipe, wish.gpus)
    part = recipe if share.verdict == "no" else shared(recipe, wish.gpus)
    yield from base_checks(part, folder, found[: wish.gpus])
    yield _xray(store.workspace, version, recipe, (folder, wish.allow))
    yield device(recipe, found, wish.gpus)
    if wish.gpus > 1:
        yield share
    yield told(recipe)
    yield room(store.workspace)
    yield others(store.workspace)


def _sides(version: Version) -> Check:
    counts = ", ".join(f"{version.counts.get(side, 0):,} {side}" for side in ("train", "validation", "test"))
    said = f"{version.corpus}@{version.name}: {counts}"
    if version.counts.get("train", 0):
        return fine("version", said)
    return refused("version", "no-train-split", f"{said}: nothing to learn from")


def _newer(store: Store, version: Version) -> Check:
    if store.catalogue.head(version.corpus, LOGGED) == version.upto:
        return fine("edits", f"{version.name} holds every change of the corpus")
    said = f"the corpus was changed after {version.name}, which will train without that"
    fix = "cut a new version first, if that matters: workbench split (in the terminal: 2, then s)"
    return minded("edits", "edits-after-version", said, fix)


def _proof(version: Version) -> Check:
    leaks = sum(version.proof.get(what, 0) for what in _LEAKS)
    said = f"{leaks} leaks between splits; largest Jaccard {version.proof.get('max_jaccard')}"
    return refused("proof", "leak", said) if leaks else fine("proof", said)


def _validation(version: Version, recipe: Recipe) -> Check:
    every, rows = recipe.train.eval_steps, version.counts.get("validation", 0)
    if every is None:
        return fine("validation", "not measured while training: the recipe says so")
    if rows:
        return fine("validation", f"loss over {rows:,} records every {every:,} steps")
    fix = "cut a version with a validation share, or train without: --set train.eval_steps=null (in the terminal: E)"
    said = f"the recipe measures every {every:,} steps, but the split is empty"
    return refused("validation", "no-validation", said, fix)


def _base(recipe: Recipe, folder: Path | None) -> Check:
    name = recipe.base
    if name == bases.TINY:
        told = "tiny is built" if folder else "tiny is built first, once: under a minute of one core"
        return fine("base", told)
    if folder is not None:
        return fine("base", f"{name} is on this machine")
    # In the way: one key shall not begin to fetch what may be tens of gigabytes.
    fix = f"workbench base fetch {name}, or another --recipe (in the terminal: R)"
    return refused("base", "base-absent", f"{name} is not on this machine", fix)


def _xray(workspace: Workspace, version: Version, recipe: Recipe, known: tuple[Path | None, Sequence[str]]) -> Check:
    """Return what the X-ray of just this version and recipe says, where one is kept."""
    folder, allow = known
    kept = xray.find(workspace, version, recipe, folder) if folder else None
    if folder is None or kept is None:
        return fine("X-ray", "not made yet: preparing the run makes it, and refuses what it flags")
    from workbench.training.prepare import context_of

    table = kept.tables()[0]
    if refusal := find_refusal(table, recipe, frozenset(allow), context=context_of(folder)):
        return refused("X-ray", "xray-refuses", refusal.what, refusal.hint)
    return fine("X-ray", in_words(xray.summary(table)))


def in_words(summary: dict[str, Any]) -> str:
    """Return the numbers of an X-ray in one line."""
    tokens, learned = summary["tokens"], summary["learned"]
    sizes = f"median {tokens['p50']:,} tokens (longest {tokens['max']:,}), {learned['p50']:,} of them learned"
    cut = f"{summary['truncated']:,} cut, which loses {summary['lost']:.1%} of all tokens"
    return f"{summary['records']:,} records, {sizes}; {cut}"
