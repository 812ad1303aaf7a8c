"""Start training on a version: X-ray, run folder, process; and find the runs there are."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.errors import ExitCode, RefusedError, UsageError, WorkbenchError, unknown
from workbench.fingerprint import digest_file
from workbench.recipe import Recipe, cautions, load_recipe, with_overrides
from workbench.services.progress import Report, silent
from workbench.services.training import bases, xray
from workbench.services.training.base_checks import modules_of, stored, targets
from workbench.store.store import Store
from workbench.store.versions import Version
from workbench.training.beginning import START, XRAY, in_words
from workbench.training.launch import Progress, follow, launch, stop
from workbench.training.plan import shared
from workbench.training.preflight import check_allowed
from workbench.training.reporting import trackers
from workbench.training.runs import LOST, STEP_DOWN, RunFolder
from workbench.training.together import check_gpus
from workbench.workspace import Workspace

_LISTED = 5
"""Runs that are named where a prefix fits several."""


@dataclass(frozen=True)
class Training:
    """What is asked of a training."""

    corpus: str
    version: str = "latest"
    recipe: str = "tiny"
    overrides: tuple[str, ...] = ()
    """Recipe keys set for this run alone, for example `train.learning_rate=1e-4`."""
    allow: tuple[str, ...] = ()
    """X-ray flags to train in spite of, by name."""
    name: str | None = None
    """Name of the run; None takes the next free one."""
    gpus: int = 1
    """How many GPUs share the rows of each step."""


def start(store: Store, training: Training, report: Report = silent) -> RunFolder:
    """Prepare a run and start its process; records the X-ray flags raise RefusedError and start nothing."""
    check_allowed(training.allow)  # before a base is built or fetched
    version = store.version(training.corpus, training.version)
    recipe = _recipe(store.workspace, training)
    for caution in cautions(recipe):
        report(f"mind: {caution}")
    trackers(recipe)  # refuses one that is not installed
    _check_shared(recipe, training.gpus)
    base = bases.located(store.workspace, recipe.base, report)
    run = RunFolder(store.workspace.run_folder(training.name or free_name(store.workspace, version, training.recipe)))
    _check_base(recipe, base)
    _prepared(run, recipe, (store, version, base), (training, report))
    _log_run(store, run, version, recipe)
    run.note("gpus", training.gpus)
    launch(run, gpus=training.gpus)
    return run


def _check_shared(recipe: Recipe, gpus: int) -> None:
    """Refuse more GPUs than there are, and rows of a step that they cannot share evenly, before anything is done."""
    shared(recipe, gpus)
    check_gpus(gpus)


def _check_base(recipe: Recipe, base: str) -> None:
    """Refuse a base in another form than the recipe's, and modules that it lacks: PEFT would pass over them."""
    from workbench.lm.load import base_folder

    folder = base_folder(base)
    for found in (stored(recipe, folder), targets(recipe, modules_of(folder))):
        if found.verdict == "no":
            raise RefusedError(f"{found.code}: {found.said}", found.fix)


def _prepared(
    run: RunFolder, recipe: Recipe, made_of: tuple[Store, Version, str], asked: tuple[Training, Report]
) -> None:
    from workbench.lm.load import base_folder
    from workbench.training.preflight import check_allowed
    from workbench.training.prepare import prepare_from

    (store, version, base), (training, report) = made_of, asked
    check_allowed(training.allow)
    facts: dict[str, Any] = {
        "base_path": base,
        "corpus": version.corpus,
        "version": version.id,
        "version_name": version.name,
        "schema": version.schema,
        "parent": version.parent,
    }
    began = time.monotonic()
    seen = xray.make(store, version, recipe, base_folder(base), report).tables()
    facts[START] = {XRAY: round(time.monotonic() - began, 2)}
    prepare_from(run, recipe, facts, seen, allow=training.allow)


def _log_run(store: Store, run: RunFolder, version: Version, recipe: Recipe) -> None:
    body = {
        "version": version.id,
        "recipe": recipe.model_dump(mode="json"),
        "xray": store.objects.put_file(run.xray) + ".raw",
        "tokens": digest_file(run.tokens),
    }
    store.catalogue.append(("run", version.corpus, run.name, body))


def _recipe(workspace: Workspace, training: Training) -> Recipe:
    return with_overrides(load_recipe(workspace.recipe_file(training.recipe)), training.overrides)


def free_name(workspace: Workspace, version: Version, recipe: str) -> str:
    """Return the next free run name of a version and recipe."""
    stem = f"{version.corpus}-{version.name}-{recipe}"
    number = 1
    while workspace.run_folder(f"{stem}-{number}").exists() or _talk(workspace, f"{stem}-{number}").exists():
        number += 1
    return f"{stem}-{number}"


@dataclass(frozen=True)
class Begun:
    """A training that was asked for: the run's name, and the process that prepares it where this one started it."""

    name: str
    process: subprocess.Popen[bytes] | None = field(default=None, compare=False)

    def is_preparing(self) -> bool:
        """Say whether its records are still being prepared."""
        return self.process is not None and self.process.poll() is None


def spawn(workspace: Workspace, training: Training) -> Begun:
    """Start the whole training in a process of its own, which outlives this one; its folder may not be there yet.

    For front ends that must stay light: what the process says goes to `<run>.log` beside the run folders.
    """
    with Store(workspace) as store:
        version = store.version(training.corpus, training.version)
    name = training.name or free_name(workspace, version, training.recipe)
    command = [sys.executable, "-m", "workbench", "train", f"{training.corpus}@{version.name}"]
    command += ["--recipe", training.recipe, "--name", name, "--detach", "--workspace", str(workspace.root)]
    command += [part for override in training.overrides for part in ("--set", override)]
    command += [part for flag in training.allow for part in ("--allow", flag)]
    command += ["--gpus", str(training.gpus)]
    with _talk(workspace, name).open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    return Begun(name, process)


def withdraw(workspace: Workspace, begun: Begun) -> None:
    """End a training that was only just begun: while it is prepared nothing is left of it, later it is stopped."""
    if begun.process is not None:
        with suppress(ProcessLookupError):
            os.killpg(begun.process.pid, signal.SIGTERM)
        begun.process.wait()
    run = RunFolder(workspace.run_folder(begun.name))
    if not run.state_file.is_file():
        shutil.rmtree(run.path, ignore_errors=True)
        _talk(workspace, begun.name).unlink(missing_ok=True)
    elif run.status() == "running":
        stop(run)


def _talk(workspace: Workspace, name: str) -> Path:
    """Return the file that holds what was said while a run was prepared."""
    return workspace.runs / f"{name}.log"


def resume(workspace: Workspace, name: str, *, step_down: bool = False, gpus: int | None = None) -> RunFolder:
    """Go on with a run that was stopped or lost, from its last checkpoint; in less memory where it is full.

    On as many GPUs as before where no other number is said.
    """
    run = found(workspace, name)
    count = gpus or run.facts().get("gpus", 1)
    if count > 1:
        _check_shared(run.recipe(), count)
    if step_down and not run.is_alive():  # a living one writes there itself, and is not resumed
        run.note(STEP_DOWN, True)
    if gpus and not run.is_alive():
        run.note("gpus", gpus)
    launch(run, resume=True, gpus=count)
    return run


class RunFailedError(WorkbenchError):
    """A run ended before its end; its exit code is that of what ended it."""

    def __init__(self, run: RunFolder, state: str) -> None:
        """Tell why, and how to go on where going on may help."""
        said = run.state()
        self.exit_code = ExitCode(said.get("code", ExitCode.OUTSIDE) if state == "failed" else ExitCode.OUTSIDE)
        step = next_step(run, state)
        reason = said.get("reason") or "its process is gone"
        super().__init__(f"the run {run.name!r} is {state}: {reason}", f"see {run.log}" + (f"; {step}" if step else ""))


def next_step(run: RunFolder, state: str) -> str:
    """Return the command that goes on from the state of a run; nothing where it works, or where none would help."""
    if state == "finished":
        return f"workbench evaluate {run.name}"
    failed_outside = state == "failed" and run.state().get("code", ExitCode.OUTSIDE) == ExitCode.OUTSIDE
    return f"workbench train --resume {run.name}" if failed_outside or state in ("stopped", LOST) else ""


def watch(run: RunFolder, report: Callable[[Progress], None]) -> str:
    """Follow a run to its end and return its state.

    A failure is a RunFailedError naming its reason (exit code 1 where a number broke, 3 where a device did), and what
    the probe finds before the first step a RefusedError.
    """
    state = follow(run, report)
    if state == "refused":
        raise RefusedError(f"the run {run.name!r} was refused: {run.state()['reason']}", "start a new run after that")
    if state in ("failed", "lost"):
        raise RunFailedError(run, state)
    return state


def found(workspace: Workspace, name: str) -> RunFolder:
    """Return a run by its name, a unique prefix of it, or `latest`."""
    names = sorted(runs(workspace), key=lambda run: run.state_file.stat().st_mtime)
    if not names:
        raise UsageError("no run in this workspace", "start one: workbench train CORPUS@latest --recipe tiny")
    if name == "latest":
        return names[-1]
    exact = [run for run in names if run.name == name]
    hits = exact or [run for run in names if run.name.startswith(name)]
    if not hits:
        raise unknown("run", name, [run.name for run in names])
    if len(hits) > 1:
        listed = ", ".join(run.name for run in hits[-_LISTED:][::-1])
        more = f" and {len(hits) - _LISTED:,} more" if len(hits) > _LISTED else ""
        raise UsageError(f"{len(hits):,} runs start with {name!r}", f"type more of one, newest first: {listed}{more}")
    return hits[0]


def runs(workspace: Workspace) -> tuple[RunFolder, ...]:
    """Return the runs of a workspace, by name."""
    return RunFolder.list(workspace.runs)


def summary(run: RunFolder) -> dict[str, Any]:
    """Return a run in a few facts; a damaged folder is one line too, and hides no other."""
    try:
        state = run.state()
        facts = run.facts() if run.facts_file.is_file() else {}
        status = run.status()
    except WorkbenchError as error:
        state, facts, status = {"at": error.what}, {}, "damaged"
    kept = {key: facts.get(key) for key in ("corpus", "version_name", "version")}
    return {
        "run": run.name,
        "state": status,
        **kept,
        "step": state.get("step"),
        "total": state.get("total"),
        "at": state.get("at"),
    }


def started(run: RunFolder) -> str:
    """Return how long each part before the second step took, in words; empty where nothing is known yet."""
    return in_words(run.facts().get(START, {})) if run.facts_file.is_file() else ""


def noticed(run: RunFolder) -> list[str]:
    """Return what a training noticed of itself, a sentence each: warnings of the probe, and steps down."""
    facts = run.facts() if run.facts_file.is_file() else {}
    warned = [f"{finding['code']}: {finding['said']}" for finding in facts.get("probe", ())]
    down = [
        f"from step {step['step']} on in less memory ({step['to']['checkpointing']}, {step['to']['tokens']:,} tokens"
        f" at once): {step['reason']}"
        for step in facts.get("steps_down", ())
    ]
    return warned + down
