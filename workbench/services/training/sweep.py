"""Train variants of one recipe one after the other, measure them alike, and put them beside their baseline."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import yaml

from workbench.errors import UsageError, WorkbenchError, unknown
from workbench.recipe import Recipe, keys, load_recipe, with_overrides
from workbench.services.evaluation import evaluate as evaluation
from workbench.services.evaluation import scored
from workbench.services.progress import Report, silent
from workbench.services.training import train as training
from workbench.store.store import Store
from workbench.store.versions import Version
from workbench.training.launch import Progress, follow, launch
from workbench.training.runs import RunFolder

if TYPE_CHECKING:
    import pyarrow as pa

SPLIT = "test"
QUALITY = ("em", "f1")
COST = ("first_token_p50", "first_token_p95", "token_p50", "token_p95", "memory_gib")
"""Seconds to the first token and to each later one, and device memory in GiB."""
_PRECISION = ("base", "quantization.", "train.precision")
_GOES_ON = frozenset({"stopped", "lost", "failed"})
"""States that a run goes on from, at its last checkpoint."""


@dataclass(frozen=True)
class Axis:
    """A recipe key and the values it takes, each as YAML in one line."""

    key: str
    values: tuple[str, ...]

    def settings(self) -> list[str]:
        """Return an override for each value."""
        return [f"{self.key}={value}" for value in self.values]


@dataclass(frozen=True)
class Sweep:
    """What is asked of a sweep."""

    training: training.Training
    axes: tuple[Axis, ...]
    is_zipped: bool = False
    """Whether the first values of all axes go together, then the second ones; else all combinations are trained."""
    latency: int = 50
    """Prompts whose waiting times are measured; 0 measures none."""


@dataclass(frozen=True)
class Variant:
    """One trained variant, or why it was not: its run, and both models' numbers on the test split."""

    settings: tuple[str, ...]
    run: str
    state: str
    reason: str = ""
    base: Mapping[str, Any] = field(default_factory=dict)
    tuned: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return what sets it apart."""
        return " ".join(self.settings)


def parse_axis(text: str) -> Axis:
    """Return the axis of `key=value,value`; a list is written `[a, b]`. Raises UsageError naming the nearest key."""
    key, equals, values = text.partition("=")
    if not equals or not values.strip():
        raise UsageError(f"{text!r} names no values", "write it as lora.r=8,16,32")
    if key.strip() not in keys():
        raise unknown("recipe key", key.strip(), keys())
    try:
        found = yaml.safe_load(f"[{values}]")
    except yaml.YAMLError as error:
        raise UsageError(f"{text!r} cannot be read as values", "write it as lora.r=8,16,32") from error
    return Axis(key.strip(), tuple(_written(value) for value in found))


def _written(value: Any) -> str:  # noqa: ANN401 - any YAML value
    return value if isinstance(value, str) else json.dumps(value)


def variants(axes: Sequence[Axis], *, is_zipped: bool) -> list[tuple[str, ...]]:
    """Return the overrides of every variant, in order: all combinations, or the axes side by side."""
    named = [axis.key for axis in axes]
    twice = next((key for key in named if named.count(key) > 1), None)
    if twice is not None:
        raise UsageError(f"{twice!r} is swept twice", "give all its values at once")
    if not is_zipped:
        return list(product(*(axis.settings() for axis in axes)))
    lengths = {len(axis.values) for axis in axes}
    if len(lengths) > 1:
        raise UsageError("--zip needs as many values of every key", "leave it out to train all combinations")
    return list(zip(*(axis.settings() for axis in axes), strict=True))


def sweep(store: Store, asked: Sweep, report: Report = silent) -> dict[str, Any]:
    """Train, measure and return every variant; those that are trained or measured already are not done again.

    Each is a run like any other, in a process of its own: where this one ends, it goes on, and the next sweep takes it
    up. Raises UsageError for a wrong value before anything is trained, and RefusedError where the X-ray refuses.
    """
    version = store.version(asked.training.corpus, asked.training.version)
    wanted = variants(asked.axes, is_zipped=asked.is_zipped)
    named = load_recipe(store.workspace.recipe_file(asked.training.recipe))
    recipes = [with_overrides(named, (*asked.training.overrides, *settings)) for settings in wanted]
    done = []
    for number, (settings, recipe) in enumerate(zip(wanted, recipes, strict=True), start=1):
        report(f"variant {number} of {len(wanted)}: {' '.join(settings)}")
        one = replace(asked.training, version=version.name, overrides=(*asked.training.overrides, *settings), name=None)
        run = _trained(store, (version, recipe, one), report)
        done.append(_variant(store, (version, run, settings), asked.latency, report))
    return {
        "corpus": version.corpus,
        "version": version.name,
        "recipe": asked.training.recipe,
        "split": SPLIT,
        "equal_precision": not any(axis.key.startswith(_PRECISION) for axis in asked.axes),
        "rows": rows_of(done),
    }


def rows_of(done: Sequence[Variant]) -> list[dict[str, Any]]:
    """Return the table of a sweep: the baseline and every variant, each with quality, cost and languages.

    The base has one row, and one more for each variant whose base answers otherwise.
    """
    return [*_baselines(done), *(_row(variant) for variant in done)]


def _trained(store: Store, wanted: tuple[Version, Recipe, training.Training], report: Report) -> RunFolder:
    """Return the run of a variant at its end: the one there is, gone on with where it stands, or a new one."""
    version, recipe, asked = wanted
    run = _known(store, version, recipe)
    if run is None:
        run = training.start(store, asked, report)
    elif run.status() == "prepared":
        launch(run)
    elif run.status() in _GOES_ON:
        run = training.resume(store.workspace, run.name)
    follow(run, _told(run, report))
    return run


def _known(store: Store, version: Version, recipe: Recipe) -> RunFolder | None:
    """Return the run that trains just this, the finished one where there are several."""
    found = [run for run in training.runs(store.workspace) if _trains(run, version, recipe)]
    ranked = sorted(found, key=lambda run: run.status() != "finished")
    return ranked[0] if ranked else None


def _trains(run: RunFolder, version: Version, recipe: Recipe) -> bool:
    try:
        same = run.facts().get("version") == version.id and run.recipe() == recipe
        return same and run.status() != "refused"
    except WorkbenchError:  # a damaged run, or one of an older form, trains nothing again: `workbench runs` names it
        return False


def _told(run: RunFolder, report: Report) -> Any:  # noqa: ANN401 - a function
    def told(now: Progress) -> None:
        report(f"training {run.name}", now.step, now.total)

    return told


def _variant(store: Store, made: tuple[Version, RunFolder, tuple[str, ...]], latency: int, report: Report) -> Variant:
    version, run, settings = made
    state = run.status()
    if state != "finished":
        return Variant(settings, run.name, state, str(run.state().get("reason", "")))
    numbers = evaluation.evaluated(run, SPLIT)
    if numbers is None or (latency and lacks_latency(numbers["tuned"])):
        numbers = evaluation.evaluate(store, run, SPLIT, report, latency=latency)
    base, tuned = ({**numbers[which], "languages": _by_language(store, version, run, which)} for which in _MODELS)
    return Variant(settings, run.name, state, base=base, tuned=tuned)


_MODELS = ("base", "tuned")


def lacks_latency(numbers: Mapping[str, Any]) -> bool:
    """Return whether waiting times could be measured and were not: plain text is never asked, and has no answer."""
    return _is_missing(numbers.get(COST[0])) and not _is_missing(numbers.get(QUALITY[0]))


def _is_missing(value: object) -> bool:
    return value is None or isinstance(value, dict)


def _by_language(store: Store, version: Version, run: RunFolder, which: str) -> dict[str, dict[str, Any]]:
    """Return EM and F1 of each language of the test records; none where their schema names no language."""
    from workbench.evaluation.scores import read_scores, rows_of

    column = store.kept_schema(version.schema_object).declared.language
    if column is None:
        return {}
    spoken = dict(scored.records(store, version).select("id", column).iter_rows())
    rows = rows_of(read_scores(run.evaluation, SPLIT, run.name), "base" if which == "base" else "tuned")
    languages = [spoken.get(record) for record in rows["record"].to_pylist()]
    return {
        language: _quality(rows.filter([spoken == language for spoken in languages]))
        for language in sorted({language for language in languages if language})
    }


def _quality(rows: pa.Table) -> dict[str, Any]:
    from workbench.evaluation.metrics import known
    from workbench.evaluation.metrics.registry import plain, value_of

    return {name: plain(value_of(known()[name].compute(rows))) for name in QUALITY} | {"n": rows.num_rows}


def _baselines(done: Iterable[Variant]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for variant in done:
        numbers = _numbers(variant.base) if variant.base else None
        if numbers is None or any(all(row[name] == numbers[name] for name in QUALITY) for row in rows):
            continue
        named = f"baseline of {variant.name}" if rows else "baseline"
        rows.append({"variant": named, "run": variant.run, "state": variant.state, "reason": "", **numbers})
    return rows


def _row(variant: Variant) -> dict[str, Any]:
    said = {"variant": variant.name, "run": variant.run, "state": variant.state, "reason": variant.reason}
    return said | _numbers(variant.tuned)


def _numbers(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return quality and cost, and quality by language; what is not there says so."""
    absent = {"value": None, "reason": "the run is not finished" if not numbers else "evaluate does not measure it"}
    found = {name: numbers.get(name, absent) for name in ("n", *QUALITY, *COST)}
    return found | {"languages": numbers.get("languages", {})}
