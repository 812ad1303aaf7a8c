"""What a split would give, before anything is written: counts at once, the proof when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from workbench.curation.proof import Proof
from workbench.curation.split import SIDES
from workbench.errors import DataError, UsageError
from workbench.services.checking.curate import Curated, curate
from workbench.services.progress import Report, silent
from workbench.services.versions.grouping import linked
from workbench.services.versions.shuffle import shuffled
from workbench.services.versions.split import Request, drafted, proved, requested, settled, unchanged
from workbench.store.state import LOGGED
from workbench.store.store import Store
from workbench.store.versions import versions


@dataclass(frozen=True)
class Outlook:
    """How a split would come out."""

    request: Request
    curated: Curated
    """For the next look: other shares or another seed cost no look at any text."""
    standing: pl.DataFrame
    """`id` and `split`."""
    counts: dict[str, int]
    report: dict[str, Any]
    """As `Version.report` has it; empty of a plain shuffle."""
    links: dict[str, int]
    """How many pairs of records each reason holds together."""
    same: str
    """Name of the newest version where nothing differs from it, else empty."""
    newest: str = ""
    """Name of the newest version, empty without one."""
    before: dict[str, int] = field(default_factory=dict)
    """Its number of records on each side."""


@dataclass(frozen=True)
class Asked:
    """A split as a person asks for it at the keys."""

    shares: str = ""
    """Three numbers with slashes between."""
    seed: str = ""
    note: str = ""
    exact: bool = False
    """Whether the numbers are counts of records."""
    keep: bool = False
    """Whether the sides that the sources came with are kept."""
    fresh: bool = False
    """Whether all is drawn anew."""
    shuffle: bool = False
    """Whether it is a plain shuffle, for comparison."""


def asked_now(store: Store, corpus: str) -> Asked:
    """Return what the newest version was split with, else what corpus.yaml says."""
    held = requested(store, corpus)
    numbers = held.counts or [round(100 * share, 10) for share in held.ratios]
    shares = "/".join(f"{number:g}" for number in numbers)
    return Asked(shares, str(held.seed), exact=held.counts is not None, keep=held.keep_source_split)


def looked(store: Store, corpus: str, asked: Asked, known: Outlook | None = None, report: Report = silent) -> Outlook:
    """Return what comes of what is asked; `known` is an earlier look, which saves one at texts that are the same."""
    numbers = None if asked.keep else three(asked.shares, exact=asked.exact)
    settings = requested(
        store,
        corpus,
        seed=_seed(asked.seed),
        ratios=None if asked.exact else numbers,
        counts=tuple(map(int, numbers)) if asked.exact and numbers else None,  # type: ignore[arg-type]
        keep=asked.keep,
    )
    request = Request(corpus, settings, asked.fresh, asked.note)
    head = known.curated.state.rows[-1].seq if known and known.curated.state.rows else -1
    curated = known.curated if known and store.catalogue.head(corpus, LOGGED) == head else None
    seen = shuffle_outlook(store, request, curated) if asked.shuffle else outlook(store, request, curated, report)
    newest = versions(store.catalogue, corpus)[-1:]
    return replace(seen, newest=newest[0].name, before=newest[0].counts) if newest else seen


def three(text: str, *, exact: bool) -> tuple[float, float, float]:
    """Return the three numbers that a text names, for train, validation and test."""
    try:
        one, two, other = ((int if exact else float)(part) for part in text.replace(",", "/").split("/"))
    except ValueError as error:
        example = "150/20/20" if exact else "80/10/10"
        raise UsageError(
            f"{text!r} is not three numbers", f"write train/validation/test, for example {example}"
        ) from error
    return one, two, other


def _seed(text: str) -> int | None:
    try:
        return int(text) if text.strip() else None
    except ValueError as error:
        raise UsageError(f"the seed {text!r} is not a whole number", "for example 42") from error


def outlook(store: Store, request: Request, known: Curated | None = None, report: Report = silent) -> Outlook:
    """Return what `split` would make of a request, without a proof; refused where that would be."""
    request = replace(request, settings=settled(request.settings.model_dump()))
    same = None if request.fresh else unchanged(store, request)
    made = drafted(store, request, curated=known, report=report)
    links = _links(made.curated)
    frame = made.assignment.frame
    name = same.name if same else ""
    return Outlook(request, made.curated, frame.select("id", "split"), made.counts, made.report(), links, name)


def shuffle_outlook(store: Store, request: Request, known: Curated | None = None) -> Outlook:
    """Return what a plain shuffle gives, for comparison: it can never become a version."""
    request = replace(request, settings=settled(request.settings.model_dump()))
    curated = known or curate(store, request.corpus)
    if curated.records.is_empty():
        hint = f"ingest a source first: workbench ingest {request.corpus}"
        raise DataError(f"corpus {request.corpus!r} holds no records", hint)
    standing = shuffled(curated.records["id"].to_list(), request.settings)
    found = dict(standing.group_by("split").len().iter_rows())
    counts = {side: found.get(side, 0) for side in SIDES}
    return Outlook(request, curated, standing, counts, {}, _links(curated), "")


def _links(curated: Curated) -> dict[str, int]:
    counts = {links.what: links.count for links in linked(curated)}
    return {what: count for what, count in counts.items() if count}


def proof_of(seen: Outlook) -> Proof:
    """Return the proof of what is shown, made afresh from the texts."""
    return proved(seen.curated, seen.standing)
