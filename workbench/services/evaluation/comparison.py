"""A comparison as a person looks at it: which runs there are, their numbers, and both answers to every prompt."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import log
from typing import TYPE_CHECKING, Any

from workbench.curation.split import SPLITS
from workbench.errors import WorkbenchError, unknown
from workbench.services.evaluation import scored
from workbench.services.evaluation.compare import Asked, compare, joined_rows
from workbench.services.evaluation.judgements import Prompt, Tally, judgements, subject_of, tally
from workbench.services.progress import Report
from workbench.services.training.train import found, runs
from workbench.store.store import Store
from workbench.training.runs import RunFolder
from workbench.workspace import Workspace

if TYPE_CHECKING:
    from workbench.schema import Schema
    from workbench.services.intake.choices import Choice

BASE = ""
"""Stands for the run's own base where a second run could be named."""
RUN, OTHER, SPLIT = "run", "other", "split"
"""Names of the choices about what to compare."""
_OWN_BASE = "its own base"


@dataclass(frozen=True)
class Measured:
    """A finished run of a corpus and the sides it was measured on."""

    run: str
    trains: str
    splits: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """What to compare, by names: a run with its own base, or with another run."""

    run: str
    other: str = BASE
    split: str = "test"

    @property
    def sides(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """Return (run, model) of both, the one that is compared with first."""
        if self.other == BASE:
            return (self.run, "base"), (self.run, "tuned")
        return (self.run, "tuned"), (self.other, "tuned")


@dataclass(frozen=True)
class Pair:
    """What two models say to one record, or to a prompt of one's own."""

    record: str
    """Empty for a prompt of one's own."""
    source: str | None
    prompt: Prompt | None
    """None for plain text, which nothing is asked of, and where this workspace does not hold the version."""
    text: str
    """The prompt, or the plain text, as a person reads it."""
    reference: str | None
    answers: tuple[str, str]
    right: tuple[bool, bool]
    """Whether each is the reference, as exact match has it."""
    bits: float
    """By how many bits a byte the other finds the text less likely than the one."""
    subject: str
    """What a verdict on the two answers is kept under; empty where nothing is asked."""


@dataclass(frozen=True)
class Comparison:
    """A comparison with its numbers and its pairs."""

    wanted: Wanted
    facts: Mapping[str, Any]
    """As `services.compare.compare` returns them."""
    pairs: tuple[Pair, ...]
    """All records that were compared, those that got worst first."""


def measured(workspace: Workspace, corpus: str) -> list[Measured]:
    """Return the finished runs of a corpus, newest first; also those that were never measured."""
    done = [run for run in runs(workspace) if run.adapter.is_dir() and _facts(run).get("corpus") == corpus]
    newest = sorted(done, key=lambda run: (run.state_file.stat().st_mtime, run.name), reverse=True)
    return [Measured(run.name, f"{corpus}@{_facts(run).get('version_name')}", _splits(run)) for run in newest]


def _facts(run: RunFolder) -> dict[str, Any]:
    try:
        return run.facts()
    except WorkbenchError:  # a damaged run folder hides no other
        return {}


def _splits(run: RunFolder) -> tuple[str, ...]:
    sides = ("test", *(side for side in SPLITS if side != "test"))
    return tuple(side for side in sides if (run.evaluation / f"scores-{side}.parquet").is_file())


def first_wanted(known: Sequence[Measured]) -> Wanted | None:
    """Return what to compare before anybody chose: the newest measured run, else the newest, with its base."""
    measured_first = sorted(known, key=lambda one: not one.splits)
    return next((Wanted(one.run, split=(*one.splits, "test")[0]) for one in measured_first), None)


def choices(known: Sequence[Measured], wanted: Wanted) -> list[Choice]:
    """Return what can be chosen about a comparison of one of some runs."""
    from workbench.services.intake.choices import Choice

    one = next(each for each in known if each.run == wanted.run)
    names = tuple(each.run for each in known)
    others = (_OWN_BASE, *(name for name in names if name != one.run))
    missing = unmeasured(known, wanted)
    note = f"enter first measures {' and '.join(missing)} on it" if missing else "measured"
    return [
        Choice(RUN, "run", one.run, names, one.trains),
        Choice(OTHER, "beside", wanted.other or _OWN_BASE, others),
        Choice(SPLIT, "split", wanted.split, SPLITS, note),
    ]


def chosen(wanted: Wanted, name: str, value: str) -> Wanted:
    """Return what is wanted with one choice made."""
    if name == RUN:
        return replace(wanted, run=value, other=BASE if wanted.other == value else wanted.other)
    if name == OTHER:
        return replace(wanted, other=BASE if value == _OWN_BASE else value)
    return replace(wanted, split=value)


def unmeasured(known: Sequence[Measured], wanted: Wanted) -> list[str]:
    """Return the runs that must be measured before a comparison is possible."""
    sides = {each.run: each.splits for each in known}
    names = dict.fromkeys(name for name, _ in wanted.sides)
    return [name for name in names if wanted.split not in sides.get(name, ())]


def measure(workspace: Workspace, names: Sequence[str], split: str, report: Report) -> None:
    """Measure runs on a split; see `services.evaluate.evaluate`."""
    from workbench.services.evaluation.evaluate import evaluate

    with Store(workspace) as store:
        for name in names:
            evaluate(store, found(workspace, name), split, report)


def compared(workspace: Workspace, wanted: Wanted, report: Report) -> Comparison:
    """Return a comparison with all its pairs; see `services.compare.compare`."""
    report("drawing intervals")
    with Store(workspace) as store:
        other = found(workspace, wanted.other) if wanted.other != BASE else None
        asked = Asked(found(workspace, wanted.run), other, wanted.split)
        return Comparison(wanted, compare(store, asked), pairs(store, asked, wanted))


def own_pair(wanted: Wanted, text: str, answers: tuple[str, str]) -> Pair:
    """Return the answers to a prompt of one's own."""
    return Pair("", None, text, text, None, answers, (False, False), 0.0, subject_of(text, *wanted.sides))


def in_drawn_order(found: Sequence[Pair], seed: int) -> list[Pair]:
    """Return pairs in an order drawn from a seed: their own order tells which side is right and which is not."""
    return random.Random(seed).sample(found, len(found))


def pairs(store: Store, asked: Asked, wanted: Wanted) -> tuple[Pair, ...]:
    """Return both answers to every record that can be compared, those that got worst first."""
    from workbench.evaluation.compare import worst

    joined, _ = joined_rows(store, asked)
    rows = {row["record"]: row for row in joined.one.to_pylist()}
    others = {row["record"]: row for row in joined.other.to_pylist()}
    order = dict.fromkeys([*(one["record"] for one in worst(joined.one, joined.other, len(rows))), *rows])
    prompts = _prompts(store, asked.other or asked.one, asked.split)
    nothing: tuple[Prompt | None, str] = (None, "")
    return tuple(_pair(rows[r], others[r], prompts.get(r, nothing), wanted.sides) for r in order)


def _pair(
    one: Mapping[str, Any],
    other: Mapping[str, Any],
    asked: tuple[Prompt | None, str],
    sides: tuple[tuple[str, str], tuple[str, str]],
) -> Pair:
    from workbench.evaluation.metrics.answers import exact_match

    wanted, size = one["reference"], max(one["bytes"], 1)
    texts = (one["prediction"] or "", other["prediction"] or "")
    first, second = (wanted is not None and exact_match(text, wanted) == 1 for text in texts)
    bits = (other["nll"] - one["nll"]) / size / log(2)
    subject = "" if asked[0] is None else subject_of(asked[0], *sides)
    return Pair(one["record"], one["source"], *asked, wanted, texts, (first, second), bits, subject)


def _prompts(store: Store, run: RunFolder, split: str) -> dict[str, tuple[Prompt | None, str]]:
    """Return what each record of a split is asked, and that as a person reads it."""
    version = scored.version_of(store, run)
    if version is None:
        return {}
    schema = store.kept_schema(version.schema_object)
    rows = scored.records(store, version).filter(split=split)
    return {row["id"]: _asked(schema, row) for row in rows.iter_rows(named=True)}


def _asked(schema: Schema, row: Mapping[str, Any]) -> tuple[Prompt | None, str]:
    match rendered := schema.render(row):
        case {"messages": [*turns, {"role": "assistant"}]}:
            return {**rendered, "messages": turns}, "\n".join(str(turn["content"]) for turn in turns)
        case {"prompt": str(prompt)}:
            return {"prompt": prompt}, prompt
        case {"text": str(text)}:
            return None, text
    return None, ""


def verdicts(store: Store, corpus: str, wanted: Wanted) -> Tally:
    """Return how often each side of a comparison was found better."""
    return tally(judgements(store, corpus), *wanted.sides)


def judged(store: Store, one: RunFolder, other: RunFolder | None) -> dict[str, Any]:
    """Return {one, other, counts, p, verdict, judgements} of the verdicts that hold on two runs, or a run and its base.

    Raises UsageError where this workspace does not hold the corpus of the run.
    """
    wanted = Wanted(one.name, other.name if other else BASE)
    corpus = str(one.facts().get("corpus", ""))
    if corpus not in store.corpora():
        raise unknown("corpus", corpus, store.corpora())
    first, second = wanted.sides
    about = [
        each
        for each in judgements(store, corpus)
        if {(said.run, said.model) for said in (each.one, each.other)} == {first, second}
    ]
    named = {name: {"run": run, "model": model} for name, (run, model) in (("one", first), ("other", second))}
    return {**named, **tally(about, first, second).plain(), "judgements": [asdict(each) for each in about]}
