"""Cut a version: dedup, exclude what is faulty, split by groups or intervals, prove it, commit it with one row."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import polars as pl

from workbench.corpus import SplitSettings
from workbench.curation.judge import components
from workbench.curation.passages import Passage, cut_passages
from workbench.curation.proof import Proof, prove
from workbench.curation.split import RANK, SPLITS, Cut, Wanted, cut_groups
from workbench.errors import DataError, LeakError, UsageError
from workbench.services.curate import Curated, curate
from workbench.services.progress import Report, silent
from workbench.store.catalogue import Entry
from workbench.store.state import State
from workbench.store.store import Store
from workbench.store.versions import ASSIGNMENT, Version, content_digest, version_id, version_of, versions


@dataclass(frozen=True)
class Past:
    """What a version follows: its parent and where records stood; read from the log or from saved files."""

    parent: str | None
    number: int
    """Number of the parent, 0 without one."""
    prior: dict[str, str]
    settings: dict[str, Any] | None = None
    """Settings of the parent, None without one."""
    known: dict[str, Version] | None = None
    """Saved versions by id, which a rebuilt version may turn out to be."""


@dataclass(frozen=True)
class Request:
    """What is asked of a split."""

    corpus: str
    settings: SplitSettings
    fresh: bool = False
    """Draw everything anew, whatever was assigned before."""
    note: str = ""


def split(store: Store, request: Request, *, past: Past | None = None, report: Report = silent) -> Version:
    """Make a version, or return the newest one where nothing changed; a leak is a LeakError and makes none."""
    before = past or past_of(store, request.corpus)
    _refuse_redraw(before, request)
    prior = {} if request.fresh else before.prior
    report("looking for duplicates")
    curated = curate(store, request.corpus, prior=prior)
    if curated.records.is_empty():
        raise DataError(f"corpus {request.corpus!r} holds no records", "ingest a source first: workbench ingest")
    report("cutting groups")
    assignment = assign(curated, request.settings, prior)
    proof = _proved(curated, assignment)
    if not proof.clean:
        raise LeakError(_leak_text(proof), "give the records a common group or concept, or drop one of each pair")
    return _commit(store, request, before, (curated, assignment, proof))


def past_of(store: Store, corpus: str) -> Past:
    """Return what the log knows of a corpus' past."""
    known = versions(store.catalogue, corpus)
    if not known:
        return Past(None, 0, {})
    from workbench.services.curate import assigned_before

    state = store.state(store.corpus(corpus))
    last = known[-1]
    return Past(last.id, last.number, assigned_before(store, state), last.settings)


def _refuse_redraw(before: Past, request: Request) -> None:
    if before.settings is None or request.fresh:
        return
    wanted = request.settings.model_dump(mode="json")
    changed = [key for key, value in wanted.items() if before.settings["split"].get(key) != value]
    if changed:
        raise UsageError(
            f"{request.corpus!r} is already split with {_said(before.settings['split'], changed)}, "
            f"not {_said(wanted, changed)}",
            "records stay where they are; --fresh draws all of them anew and makes test records trainable",
        )


def _said(settings: dict[str, Any], keys: list[str]) -> str:
    return ", ".join(f"{key} {settings.get(key)}" for key in keys)


def assign(curated: Curated, settings: SplitSettings, prior: dict[str, str]) -> pl.DataFrame:
    """Return where each record stands: train, validation, test, excluded or removed, with reason and prior."""
    removed = dict(curated.judgement.removed.select("id", "kept").iter_rows())
    out: dict[str, tuple[str, str | None]] = {
        record: ("removed", f"duplicate of {kept}") for record, kept in removed.items()
    }
    faulty = _fault_reasons(curated)
    out |= {record: ("excluded", reason) for record, reason in faulty.items() if record not in out}
    eligible = curated.records.filter(~pl.col("id").is_in(list(out)))
    cut = _cut(curated, eligible, settings, prior)
    out |= {record: (side, cut.reasons.get(record)) for record, side in cut.split.items()}
    rows: list[tuple[str, str | None, str | None, str | None]] = [
        (record, *out[record], out[record][0] if out[record][0] in RANK else prior.get(record))
        for record in curated.records["id"]
    ]
    # Where a dropped or vanished record stood is kept: it may come back, and test must never become train.
    rows += [(record, None, None, side) for record, side in prior.items() if record not in out]
    return pl.DataFrame(rows, schema=ASSIGNMENT, orient="row").sort("id")


def _fault_reasons(curated: Curated) -> dict[str, str]:
    errors = curated.issues.filter(pl.col("severity") == "error")
    reasons = errors.group_by("record").agg(pl.col("rule").unique().sort().str.join(", "))
    return {record: f"issue: {rules}" for record, rules in reasons.iter_rows()}


def _cut(curated: Curated, eligible: pl.DataFrame, settings: SplitSettings, prior: dict[str, str]) -> Cut:
    wanted = Wanted(settings.seed, settings.ratios, settings.counts)
    groups = group_of(curated, eligible)
    known = {record: side for record, side in prior.items() if record in groups}
    if settings.keep_source_split:
        return _as_delivered(curated, eligible)
    if curated.schema.declared.order:
        sources: dict[str, list[Passage]] = defaultdict(list)
        for record, source, position in eligible.select("id", "source", "position").iter_rows():
            sources[source].append(Passage(record, position))
        return _one_side(cut_passages(sources, known, wanted), groups)
    return cut_groups(groups, _strata(curated, eligible), known, wanted)


def _one_side(cut: Cut, groups: dict[str, str]) -> Cut:
    """Let the lower splits of a group that reaches over several yield to the highest."""
    best: dict[str, str] = {}
    for record, group in groups.items():
        side = cut.split[record]
        if side in RANK and RANK[side] > RANK.get(best.get(group, ""), -1):
            best[group] = side
    split, reasons = dict(cut.split), dict(cut.reasons)
    for record, side in cut.split.items():
        if side in RANK and side != best[groups[record]]:
            split[record] = "excluded"
            reasons[record] = f"yields to {best[groups[record]]}: a near duplicate stands there"
    return Cut(split, reasons)


def _as_delivered(curated: Curated, eligible: pl.DataFrame) -> Cut:
    """Return the sides that the sources came with; rows without one are excluded."""
    by_source = {name: row.body.get("split") for name, row in curated.state.deliveries.items()}
    split: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for record, source, extra in eligible.select(
        "id", "source", pl.col("extra").str.json_path_match("$.split")
    ).iter_rows():
        side = _SIDES.get((extra or by_source.get(source) or "").lower())
        split[record] = side or "excluded"
        if side is None:
            reasons[record] = "its source names no split"
    return Cut(split, reasons)


_SIDES = {"train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation",
          "dev": "validation", "test": "test", "eval": "test"}  # fmt: skip


def group_of(curated: Curated, eligible: pl.DataFrame) -> dict[str, str]:
    """Return each eligible record's group: connected by duplicates, group and concept values, or a whole source.

    A removed duplicate still connects: what it shares a concept with is a translation of the one that was kept.
    """
    faulty = curated.faulty
    linking = curated.records.filter(~pl.col("id").is_in(list(faulty)))
    present = set(linking["id"])
    edges = [pair for pair in curated.judgement.pairs.select("a", "b").iter_rows() if present.issuperset(pair)]
    edges += _unit_edges(curated, present)
    declared = curated.schema.declared
    for column in (*declared.group, *([declared.concept] if declared.concept else [])):
        edges += _edges_by(linking.select("id", column).drop_nulls())
    whole = [name for name, row in curated.state.deliveries.items() if row.body.get("together")]
    edges += _edges_by(linking.filter(pl.col("source").is_in(whole)).select("id", "source"))
    linked = components(edges)
    return {record: linked.get(record, record) for record in eligible["id"]}


def _unit_edges(curated: Curated, present: set[str]) -> list[tuple[str, str]]:
    """Return the verified pairs between whatever records of two units are left.

    A pair names the smallest record of each unit, which may itself be removed or faulty.
    """
    left = {unit.name: [record for record in unit.records if record in present] for unit in curated.units}
    edges = [(kept[0], other) for kept in left.values() for other in kept[1:]]
    for a, b in curated.judgement.pairs.select("a", "b").iter_rows():
        if left.get(a) and left.get(b):
            edges.append((left[a][0], left[b][0]))
    return edges


def _edges_by(keyed: pl.DataFrame) -> list[tuple[str, str]]:
    record, value = keyed.columns
    firsts = keyed.group_by(value).agg(pl.col(record).first().alias("first"))
    return list(keyed.join(firsts, on=value).select("first", record).iter_rows())


def _strata(curated: Curated, eligible: pl.DataFrame) -> dict[str, str]:
    columns = curated.schema.declared.strata
    if not columns:
        return {}
    joined = eligible.select("id", pl.concat_str([pl.col(c).fill_null("") for c in columns], separator="|"))
    return dict(joined.iter_rows())


def _proved(curated: Curated, assignment: pl.DataFrame) -> Proof:
    standing = assignment.filter(pl.col("split").is_in(SPLITS)).select("id", "split")
    frame = curated.schema.derived(curated.records.join(standing, on="id", maintain_order="left"))
    return prove(frame, curated.schema)


def _leak_text(proof: Proof) -> str:
    shown = "; ".join(f"{what}: {a[:10]} and {b[:10]}" for what, a, b in proof.leaks[:5])
    counts = f"{proof.exact} exact, {proof.near} near, {proof.neighbour} neighbours, {proof.group} groups"
    return f"the split leaks ({counts}): {shown}"


def _commit(store: Store, request: Request, before: Past, made: tuple[Curated, pl.DataFrame, Proof]) -> Version:
    curated, assignment, proof = made
    name = store.objects.put_table(assignment)
    settings = {
        "split": request.settings.model_dump(mode="json"),
        "duplicates": curated.corpus.duplicates.model_dump(mode="json"),
    }
    content = content_digest(curated.records, assignment, curated.schema)
    schema_file = store.workspace.schema_file(curated.corpus.schema_name)
    counts = dict(assignment.group_by("split").len().iter_rows())
    version = Version(
        id="",
        number=before.number + 1,
        corpus=request.corpus,
        parent=before.parent,
        upto=0,
        assignment=name,
        settings=settings,
        schema=curated.schema.name,
        schema_object=store.objects.put_file(schema_file) + ".raw",
        counts={side: counts.get(side, 0) for side in (*SPLITS, "excluded", "removed")},
        proof=proof.sheet(),
        note=request.note,
    )
    return _inserted(store, version, (content, curated), before)


def _inserted(store: Store, version: Version, found: tuple[str, Curated], before: Past) -> Version:
    """Insert a version's one row, unless the newest version says just the same."""
    content, curated = found

    def entries(state: State) -> list[Entry]:
        known = versions(store.catalogue, version.corpus)
        if known and version_id(content, curated.schema, version.settings, known[-1].parent) == known[-1].id:
            return []
        if len(state.rows) != len(curated.state.rows) or (known and known[-1].id != before.parent):
            raise UsageError(f"{version.corpus!r} was changed while it was split", "run split again")
        final = _named(version, content, curated, before)
        upto = state.rows[-1].seq if state.rows else 0
        return [("version", version.corpus, final.id, final.body() | {"upto": upto})]

    store.change(curated.corpus, entries)
    return versions(store.catalogue, version.corpus)[-1]


def _named(version: Version, content: str, curated: Curated, before: Past) -> Version:
    """Return the version with its id; a rebuilt one that equals a saved one takes that one's parent and number."""
    for saved in (before.known or {}).values():
        if version_id(content, curated.schema, version.settings, saved.parent) == saved.id:
            return Version(**{**version.__dict__, "id": saved.id, "parent": saved.parent, "number": saved.number})
    found = version_id(content, curated.schema, version.settings, version.parent)
    return Version(**{**version.__dict__, "id": found})


def newest(store: Store, corpus: str) -> Version:
    """Return the newest version of a corpus."""
    return version_of(store.catalogue.rows(corpus, kinds=("version",))[-1])


def requested(
    store: Store,
    corpus: str,
    *,
    seed: int | None = None,
    ratios: tuple[float, float, float] | None = None,
    counts: tuple[int, int, int] | None = None,
    keep: bool = False,
) -> SplitSettings:
    """Return the split settings that hold: what is asked, else those of the newest version, else corpus.yaml's."""
    declared = store.corpus(corpus).split
    known = versions(store.catalogue, corpus)
    held = SplitSettings(**known[-1].settings["split"]) if known else declared
    asked: dict[str, Any] = {
        "seed": seed,
        "ratios": ratios,
        "counts": counts,
        "keep_source_split": keep or None,
    }
    if ratios is not None:
        asked["counts"], held = None, held.model_copy(update={"counts": None})
    return held.model_copy(update={key: value for key, value in asked.items() if value is not None})
