"""The plain seeded shuffle that other tools split by, for comparison: proved like any other, never a version."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from workbench.corpus import SplitSettings
from workbench.curation.proof import Proof
from workbench.curation.split import SPLITS, draw
from workbench.errors import DataError
from workbench.services.checking.curate import curate
from workbench.services.progress import Report, silent
from workbench.services.versions.split import proved
from workbench.store.store import Store

ONLY = "for comparison only: no version is made, nothing can be trained on this"


@dataclass(frozen=True)
class Shuffled:
    """Where a shuffle puts the records, and its proof sheet."""

    corpus: str
    counts: dict[str, int]
    proof: Proof


def shuffle(store: Store, corpus: str, settings: SplitSettings, report: Report = silent) -> Shuffled:
    """Return how a shuffle of all current records does, duplicates and faulty ones included: nothing is written."""
    report("looking for duplicates")
    curated = curate(store, corpus, report=report)
    if curated.records.is_empty():
        raise DataError(f"corpus {corpus!r} holds no records", f"ingest a source first: workbench ingest {corpus}")
    report("shuffling")
    standing = shuffled(curated.records["id"].to_list(), settings)
    counts = dict(standing.group_by("split").len().iter_rows())
    sides = {side: counts.get(side, 0) for side in (*SPLITS, "excluded")}
    return Shuffled(corpus, sides, proved(curated, standing))


def shuffled(records: list[str], settings: SplitSettings) -> pl.DataFrame:
    """Return `id` and `split` of records put in the order of their draws and cut by position."""
    order = sorted(records, key=lambda record: draw(settings.seed, record))
    places: list[str] = []
    for side, size in zip(SPLITS, _sizes(len(order), settings), strict=True):
        places += [side] * size
    places = (places + ["excluded"] * len(order))[: len(order)]
    return pl.DataFrame({"id": order, "split": places})


def _sizes(total: int, settings: SplitSettings) -> tuple[int, int, int]:
    if settings.counts:
        return settings.counts
    validation, test = (round(total * ratio / sum(settings.ratios)) for ratio in settings.ratios[1:])
    return total - validation - test, validation, test
