"""Cut a version: dedup, exclude what is faulty, split by groups or intervals, prove it, commit it with one row."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import ValidationError

from workbench.corpus import Corpus, DuplicateSettings, SplitSettings
from workbench.curation import outcome
from workbench.curation.outcome import Missed, excluded_by_reason, largest_group, texts_of, wanted_and_got
from workbench.curation.proof import Look, Proof, prove
from workbench.curation.sides import NONE, Stood, numbers_in, picked
from workbench.curation.slices import by_slices, held
from workbench.curation.split import SIDES, SPLITS, SURPLUS, Wanted
from workbench.errors import DataError, LeakError, UsageError
from workbench.services.checking.curate import Curated, assigned_before, curate, judged_again
from workbench.services.progress import Report, silent
from workbench.services.versions.assign import Assignment, Before, assign, stratum
from workbench.services.versions.diff import kept_difference
from workbench.services.versions.grouping import giant, links_of
from workbench.services.versions.ledger import Ledger, once_tested
from workbench.services.versions.pulled import FORGOT, pulled_ledger, whole_ledger
from workbench.services.versions.refs import label, labels
from workbench.store.catalogue import Entry
from workbench.store.state import LOGGED, State
from workbench.store.store import Store
from workbench.store.versions import Version, content_digest, version_id, versions
from workbench.wording import complaint

if TYPE_CHECKING:
    from workbench.scale.engine import Engine


@dataclass(frozen=True)
class Past:
    """What a version follows: its parent and where records stood; read from the log or from saved files."""

    parent: str | None
    number: int
    """Number of the parent, 0 without one."""
    prior: Stood
    settings: dict[str, Any] | None = None
    """Settings of the parent, None without one."""
    saved: Version | None = None
    """The newest saved version, which a rebuilt one may turn out to be; None where the log holds it."""
    tested: Ledger = field(default_factory=Ledger)


@dataclass(frozen=True)
class Request:
    """What is asked of a split."""

    corpus: str
    settings: SplitSettings
    fresh: bool = False
    """Draw everything anew, whatever was assigned before."""
    note: str = ""
    forget: bool = False
    """Let records train that earlier versions tested."""


def split(
    store: Store,
    request: Request,
    *,
    past: Past | None = None,
    report: Report = silent,
    engine: Engine | None = None,
) -> Version:
    """Make a version, or return the newest one where nothing changed; a leak is a LeakError and makes none.

    A version that is there already gets the note as a later one. With an engine it is the very same version.
    """
    version = _split(store, request, past, report, engine)
    note = request.note.strip()
    if note and note not in labels(store, version).notes:
        label(store, version, note=note)
        report(f"nothing has changed: the note is written to {version.name}")
    return version


@dataclass(frozen=True)
class Draft:
    """A version as it would be: nothing is written yet, and nothing proved."""

    request: Request
    before: Past
    curated: Curated
    assignment: Assignment

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of records on each side."""
        counts = dict(self.assignment.frame.group_by("split").len().iter_rows())
        return {side: counts.get(side, 0) for side in SIDES}

    def report(self) -> dict[str, Any]:
        """Return how the split comes out, see `Version.report`."""
        return _report(self.request, self.before, self.curated, self.assignment)


def _split(store: Store, request: Request, past: Past | None, report: Report, engine: Engine | None) -> Version:
    request = replace(request, settings=settled(request.settings.model_dump()))
    same = None if past or request.fresh else unchanged(store, request)
    if same is not None:
        return same
    made = drafted(store, request, past=past, report=report, engine=engine)
    report("proving the split")
    proof = proved(made.curated, made.assignment.frame, engine)
    if not proof.clean:
        raise LeakError(leak_text(proof), "give the records a common group or concept, or drop one of each pair")
    report("naming the version")
    return _commit(store, made, proof, engine)


def drafted(
    store: Store,
    request: Request,
    *,
    past: Past | None = None,
    curated: Curated | None = None,
    report: Report = silent,
    engine: Engine | None = None,
) -> Draft:
    """Return the version that a request would make; `curated` saves a second look at texts that are the same still.

    Another seed or ratio on an assigned corpus is a UsageError, as it is for `split`.
    """
    before = past or past_of(store, request.corpus, shelf=engine is not None)
    _refuse_redraw(before, request)
    prior = Stood() if request.fresh else before.prior
    tested = Ledger() if request.forget else before.tested
    keep = request.settings.keep_source_split
    report("looking for duplicates")
    if curated is None:
        curated = curate(store, request.corpus, prior=prior, keep=keep, report=report, engine=engine)
    else:
        curated = judged_again(curated, prior=prior, keep=keep)
    if curated.records.is_empty():
        hint = f"ingest a source first: workbench ingest {request.corpus}"
        raise DataError(f"corpus {request.corpus!r} holds no records", hint)
    report("cutting groups")
    return Draft(request, before, curated, assign(curated, request.settings, Before(prior, tested, before.number + 1)))


def unchanged(store: Store, request: Request) -> Version | None:
    """Return the newest version where nothing it was made from has changed: it need not be found again."""
    known = versions(store.catalogue, request.corpus)
    if not known or request.forget:
        return None
    corpus = store.corpus(request.corpus)
    purged = max((row.seq for row in store.catalogue.rows(kinds=("purge",))), default=0)
    changed = (
        store.catalogue.head(request.corpus, LOGGED) != known[-1].upto,
        store.catalogue.head(request.corpus, ("version",)) < purged,
        _settings(request.settings, corpus.duplicates) != known[-1].settings,
        store.kept_schema(known[-1].schema_object).digest != store.schema(corpus).digest,
    )
    return None if any(changed) or _pulled_tests(store, corpus) else known[-1]


def _pulled_tests(store: Store, corpus: Corpus) -> bool:
    """Return whether the saved files name tested records that the log does not know to be so."""
    state = store.state(corpus)
    pulled = pulled_ledger(store, state, corpus.name).frame
    if pulled.is_empty():
        return False
    known = once_tested(store, state, corpus.name).frame
    return bool((numbers_in(known["id"], pulled["id"]) == NONE).any())


def _settings(split: SplitSettings, duplicates: DuplicateSettings) -> dict[str, Any]:
    return {"split": split.model_dump(mode="json"), "duplicates": duplicates.model_dump(mode="json")}


def past_of(store: Store, corpus: str, *, shelf: bool = False) -> Past:
    """Return what the log knows of a corpus' past; with a shelf no texts stay in memory on the way."""
    known = versions(store.catalogue, corpus)
    if not known:
        return Past(None, 0, Stood())
    state = store.state(store.corpus(corpus), shelf=shelf)
    last = known[-1]
    tested = whole_ledger(store, state, corpus)
    return Past(last.id, last.number, assigned_before(store, state), last.settings, tested=tested)


def _refuse_redraw(before: Past, request: Request) -> None:
    if before.settings is None or request.fresh:
        return
    wanted = request.settings.model_dump(mode="json")
    held = settled(before.settings["split"]).model_dump(mode="json")
    changed = [key for key, value in wanted.items() if held[key] != value]
    if changed:
        raise UsageError(
            f"{request.corpus!r} is already split with {_said(before.settings['split'], changed)}, "
            f"not {_said(wanted, changed)}",
            "records stay where they are; --fresh draws anew, and leaves what was ever tested to test",
        )


def _said(settings: dict[str, Any], keys: list[str]) -> str:
    return ", ".join(f"{key} {_slashed(settings.get(key))}" for key in keys)


def proved(curated: Curated, assignment: pl.DataFrame, engine: Engine | None = None) -> Proof:
    """Return the proof of where records (`id`, `split`) stand, made afresh from their texts."""
    standing = assignment.filter(pl.col("split").is_in(SPLITS)).select("id", "split").sort("id")
    derived, keep = curated.state.derived, curated.state.shelf or held
    split = picked(standing["split"], numbers_in(standing["id"], derived["id"]))
    frame = by_slices(derived.with_columns(split=split), lambda part: part.filter(pl.col("split").is_not_null()), keep)
    links = links_of(curated, standing)
    proof = prove(frame, curated.schema, links, curated.units.templates, look=_look(engine), keep=keep)
    return replace(proof, giant=giant(curated))


def _look(engine: Engine | None) -> Look | None:
    """Return what finds the near pairs of a proof, None for what this process does by itself."""
    if engine is None:
        return None
    from workbench.scale import near

    return partial(near.near_parts, engine)


def leak_text(proof: Proof) -> str:
    """Return what leaks, in words."""
    shown = "; ".join(f"{what}: {a[:10]} and {b[:10]}" for what, a, b in proof.leaks[:5])
    counts = f"{proof.exact} exact, {proof.near} near, {proof.neighbour} neighbours, {proof.group} groups"
    return f"the split leaks ({counts}): {shown}"


def _commit(store: Store, made: Draft, proof: Proof, engine: Engine | None) -> Version:
    request, before, curated, assignment = made.request, made.before, made.curated, made.assignment
    settings = _settings(request.settings, curated.corpus.duplicates)
    if request.forget and not before.tested.frame.is_empty():
        settings[FORGOT] = True
    content = _content(curated, assignment.frame, engine)
    schema_file = store.workspace.schema_file(curated.corpus.schema_name)
    version = Version(
        id="",
        number=before.number + 1,
        corpus=request.corpus,
        parent=before.parent,
        upto=0,
        assignment=store.objects.put_table(assignment.frame),
        settings=settings,
        schema=curated.schema.name,
        schema_object=store.objects.put_file(schema_file) + ".raw",
        counts=made.counts,
        proof=proof.sheet(),
        note=request.note.strip(),
        report=made.report(),
    )
    return _inserted(store, version, (content, curated, assignment), before)


def _content(curated: Curated, assignment: pl.DataFrame, engine: Engine | None) -> str:
    if engine is None:
        return content_digest(curated.records, assignment, curated.schema)
    from workbench.scale.content import content_digest as digest_on

    return digest_on(engine, curated.state, assignment, curated.schema)


def _report(request: Request, before: Past, curated: Curated, assignment: Assignment) -> dict[str, Any]:
    """Return how the split came out."""
    settings, frame = request.settings, assignment.frame
    place = numbers_in(frame["id"], curated.records["id"])
    records = curated.records.with_columns(picked(frame[name], place).alias(name) for name in ("split", "reason"))
    wanted = None if settings.keep_source_split else Wanted(settings.seed, settings.ratios, settings.counts)
    report = {
        "method": assignment.method,
        **wanted_and_got(records.select("split", stratum(curated.schema.declared.strata)), wanted),
        "largest_group": largest_group(assignment.groups.group),
        "too_big": assignment.too_big,
        "dropped": curated.state.dropped.height,
        "excluded": excluded_by_reason(records),
        "texts": texts_of(records, curated.schema),
    }
    if request.forget:
        tested = frame.filter(numbers_in(before.tested.frame["id"], frame["id"]) != NONE)
        report["tested_now_trained"] = tested["split"].is_in(("train", "validation")).sum()
    return report


def missed(version: Version) -> Missed | None:
    """Return by what a version misses the exact counts it was asked for; None where it meets them, or has none."""
    asked = version.settings["split"]
    if not asked["counts"] or asked["keep_source_split"]:
        return None
    return outcome.missed(asked["counts"], version.counts, version.report.get("excluded", {}).get(SURPLUS, 0))


def _inserted(store: Store, version: Version, found: tuple[str, Curated, Assignment], before: Past) -> Version:
    """Insert a version's one row, unless the newest version says just the same."""
    content, curated, assignment = found

    def entries(state: State) -> list[Entry]:
        known = versions(store.catalogue, version.corpus)
        if known and _says(version, known[-1], content, curated):
            return []
        if len(state.rows) != len(curated.state.rows) or (known and known[-1].id != before.parent):
            raise UsageError(f"{version.corpus!r} was changed while it was split", "run split again")
        final = _named(version, content, curated, before)
        parent = known[-1] if known and known[-1].id == final.parent else None
        difference = kept_difference(store, parent, curated, assignment.frame)
        upto = state.rows[-1].seq if state.rows else 0
        return [("version", version.corpus, final.id, final.body() | {"upto": upto, "difference": difference})]

    store.change(curated.corpus, entries)
    return versions(store.catalogue, version.corpus)[-1]


def _says(version: Version, known: Version, content: str, curated: Curated) -> bool:
    """Return whether a version holds just what a known one does; what that one forgot need not be said again."""
    settings = version.settings | {FORGOT: known.settings[FORGOT]} if FORGOT in known.settings else version.settings
    return version_id(content, curated.schema, settings, known.parent) == known.id


def _named(version: Version, content: str, curated: Curated, before: Past) -> Version:
    """Return the version with its id; a rebuilt one that equals the saved one takes its name and settings."""
    saved = before.saved
    if saved is not None and _says(version, saved, content, curated):
        named = replace(version, id=saved.id, parent=saved.parent, number=saved.number, settings=saved.settings)
        return replace(named, note=saved.note, report=saved.report or version.report)
    return replace(version, id=version_id(content, curated.schema, version.settings, version.parent))


def requested(
    store: Store,
    corpus: str,
    *,
    seed: int | None = None,
    ratios: tuple[float, float, float] | None = None,
    counts: tuple[int, int, int] | None = None,
    keep: bool | None = None,
) -> SplitSettings:
    """Return the split settings that hold: what is asked, else those of the newest version, else corpus.yaml's.

    Ratios asked for end counts, and either ends the keeping of the sources' own split unless that is asked for too.
    """
    if ratios is not None and counts is not None:
        raise UsageError("both ratios and counts are given: one would be ignored", "leave one of them out")
    known = versions(store.catalogue, corpus)
    held = known[-1].settings["split"] if known else store.corpus(corpus).split.model_dump()
    asked: dict[str, Any] = {
        "seed": seed,
        "ratios": ratios,
        "counts": counts,
        "keep_source_split": keep,
    }
    if counts is not None and not any(counts):
        raise UsageError("counts 0/0/0 put no record on any side", "give at least one number above 0")
    if ratios is not None:
        held = held | {"counts": None}
    if ratios is not None or counts is not None:
        held = held | {"keep_source_split": False}
    return settled(held | {key: value for key, value in asked.items() if value is not None})


def _slashed(value: object) -> str:
    """Return a setting as a person writes it: `80/10/10`."""
    if isinstance(value, (tuple, list)):
        return "/".join(map(_slashed, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def settled(settings: dict[str, Any]) -> SplitSettings:
    """Return valid split settings whose ratios sum to one, so that 80/10/10 and 0.8/0.1/0.1 are the same."""
    try:
        valid = SplitSettings.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else "ratios"
        part = f"{_slashed(first['input'])} " if first["loc"] else ""
        raise UsageError(
            f"{key} {_slashed(settings.get(key))}: {part}{complaint(first)}", "for example 80/10/10"
        ) from error
    largest = max(valid.ratios)  # dividing by it first keeps the sum of huge ratios finite
    parts = [ratio / largest for ratio in valid.ratios]
    return valid.model_copy(update={"ratios": tuple(round(part / sum(parts), 12) for part in parts)})
