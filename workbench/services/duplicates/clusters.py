"""Duplicate clusters of a corpus for a screen: verified once, counted at any threshold, with the verdicts of people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.curation.bands import FLOOR
from workbench.curation.clusters import KINDS, Clusters, Ground, clusters, ground
from workbench.curation.judge import evidence
from workbench.curation.split import SPLITS
from workbench.services.checking.curate import Curated, curate, order_of
from workbench.services.duplicates.verdicts import Verdicts, verdicts_of
from workbench.services.looking.column import Column
from workbench.services.versions.delivered import generated_sources
from workbench.store.store import Store
from workbench.store.versions import Version, versions

ALL, LEAK = "all", "leak"
VIEWS = (ALL, *KINDS, LEAK)
SIGNS = {"conflict": "!", "translation": "T", "redundant": "=", "paraphrase": "~"}
"""What stands before a cluster in a list, so that its class does not hang on a colour."""
_TEXTUAL = ("delivery", "edit", "match", "readmission", "version")
"""Kinds of log rows after which records, texts or splits are other ones; a judgement changes none of them."""
_CELL = 240
"""Characters of a text that stand in a cell."""
SAMPLES = 3
"""Records that a preview shows."""
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Look:
    """A corpus whose pairs were verified once, and the verdicts that held when it was looked at."""

    curated: Curated
    found: pl.DataFrame
    """The `curation.judge.evidence` on all pairs."""
    verdicts: Verdicts
    order: pl.Series
    """All records, the one to keep first."""
    base: Ground
    version: Version | None
    """The newest one."""
    sides: NDArray[np.uint8]
    """By unit the sides of that version that its records stand on, one bit each in the order of SPLITS."""
    head: int
    """The newest log row that texts or splits depend on."""

    @property
    def threshold(self) -> float:
        """Return the Jaccard from which on a redundant record goes, as corpus.yaml says."""
        return self.curated.corpus.duplicates.threshold

    def at(self, threshold: float) -> Clusters:
        """Return the clusters at a threshold; no text is looked at."""
        return clusters(self.base, max(threshold, self.base.floor))

    def leaks(self, found: Clusters) -> NDArray[np.bool_]:
        """Return which clusters stand on more than one side of the newest version, as the records are now."""
        if not len(found):
            return np.empty(0, np.bool_)
        masks = np.bitwise_or.reduceat(self.sides[found.unit], found.start[:-1])
        several: NDArray[np.bool_] = (masks & (masks - 1)) > 0
        return several

    def text(self, unit: int) -> str:
        """Return the beginning of a unit's compared text."""
        return str(self.curated.units.texts[int(self.curated.units.frame["text"][unit])])[:_CELL]


def look(store: Store, name: str, before: Look | None = None) -> Look:
    """Return a corpus with its verified pairs; after verdicts alone nothing of an earlier look is found again."""
    head = store.catalogue.head(name, _TEXTUAL)
    corpus = store.corpus(name)
    is_same = before is not None and before.curated.schema.digest == store.schema(corpus).digest
    if before is not None and before.head == head and is_same:
        # The earlier objects have read what a purge renamed: these are first asked when the log is closed again.
        state = replace(store.state(corpus), objects=before.curated.state.objects)
        return _judged(replace(before.curated, corpus=corpus, state=state), before)
    curated = curate(store, name)
    floor = min(FLOOR, corpus.duplicates.threshold)
    known = evidence(curated.units, curated.pairs.frame, floor)
    verdicts = verdicts_of(curated.state)
    order = _order(curated, verdicts)
    base = _ground(curated, known, order, verdicts, floor)
    version = next(reversed(versions(store.catalogue, name)), None)
    return Look(curated, known, verdicts, order, base, version, _sides(store, curated, version), head)


def _judged(curated: Curated, before: Look) -> Look:
    """Return a look with the verdicts that hold now; only those that name a record to keep change the order."""
    verdicts, floor = verdicts_of(curated.state), before.base.floor
    order = before.order if verdicts.agreed == before.verdicts.agreed else _order(curated, verdicts)
    base = _ground(curated, before.found, order, verdicts, floor)
    return replace(before, curated=curated, verdicts=verdicts, order=order, base=base)


def _order(curated: Curated, verdicts: Verdicts) -> pl.Series:
    held = curated.delivered, curated.prior
    generated = generated_sources(curated.state)
    return order_of(curated.records, curated.schema, curated.issues, held, verdicts, generated)


def _ground(curated: Curated, known: pl.DataFrame, order: pl.Series, verdicts: Verdicts, floor: float) -> Ground:
    return ground(curated.units, known, order, floor, apart=verdicts.apart, agreed=verdicts.agreed)


def _sides(store: Store, curated: Curated, version: Version | None) -> NDArray[np.uint8]:
    out = np.zeros(len(curated.units), np.uint8)
    if version is None:
        return out
    placed = store.objects.table(version.assignment, ["id", "split"]).filter(pl.col("split").is_in(SPLITS))
    rows = placed.join(curated.units.members, on="id")
    bits = rows["split"].replace_strict(SPLITS, [1 << i for i in range(len(SPLITS))], return_dtype=pl.UInt8)
    np.bitwise_or.at(out, rows["unit"].to_numpy(), bits.to_numpy())
    return out


def views(seen: Look, found: Clusters) -> dict[str, Places]:
    """Return the rows of all clusters, of each class and of those that leak."""
    by_kind = {name: np.flatnonzero(found.kind == code) for code, name in enumerate(KINDS)}
    return {ALL: np.arange(len(found)), **by_kind, LEAK: np.flatnonzero(seen.leaks(found))}


def holding(seen: Look, found: Clusters, places: Places, text: str) -> Places:
    """Return the clusters among some of which a compared text holds a text, whatever its case."""
    units = seen.curated.units
    hits = units.texts.str.to_lowercase().str.contains(text.lower(), literal=True).to_numpy()
    by_unit = hits[units.frame["text"].to_numpy()]
    within = np.add.reduceat(by_unit[found.unit], found.start[:-1]) if len(found) else np.empty(0, np.int64)
    kept: Places = places[within[places] > 0]
    return kept


@dataclass(frozen=True)
class ClusterSource:
    """Clusters for a table."""

    seen: Look
    found: Clusters
    places: Places
    columns: Sequence[Column] = (
        Column("", 1),
        Column("size", 5),
        Column("go", 5),
        Column("J", 4),
        Column("class", 16),
        Column("begins with", 120),
    )

    @property
    def n_rows(self) -> int:
        """Return the number of clusters."""
        return len(self.places)

    def window(self, start: int, stop: int) -> list[tuple[object, ...]]:
        """Return the cells of some clusters."""
        return [self._row(int(place)) for place in self.places[start:stop]]

    def _row(self, place: int) -> tuple[object, ...]:
        found, units = self.found, self.found.units_of(place)
        kind = KINDS[found.kind[place]]
        mask = int(np.bitwise_or.reduce(self.seen.sides[units]))
        leaks = f"{LEAK.upper()} " if mask & (mask - 1) else ""
        return (
            SIGNS[kind],
            int(found.size[place]),
            int(found.going[place]),
            f"{found.lowest[place]:.2f}",
            f"{leaks}{kind}",
            " ".join(self.seen.text(int(units[0])).split()),
        )


@dataclass(frozen=True)
class Preview:
    """What another threshold would change."""

    before: Clusters
    after: Clusters
    samples: tuple[tuple[str, str, float], ...]
    """Up to SAMPLES of the records that would go, or come back: its text, that of the kept one, their Jaccard."""


def preview(seen: Look, after: Clusters) -> Preview:
    """Return what keeping a threshold would change against the one of corpus.yaml."""
    before = seen.at(seen.threshold)
    every = np.arange(len(before.winner))
    gone, going = before.winner != every, after.winner != every
    changed = np.flatnonzero(gone != going)[:SAMPLES]
    told = [(unit, after if going[unit] else before) for unit in changed]
    samples = tuple(
        (seen.text(int(unit)), seen.text(int(at.winner[unit])), float(at.jaccard[unit])) for unit, at in told
    )
    return Preview(before, after, samples)
