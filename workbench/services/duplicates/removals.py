"""What dedup removes, record by record: for which kept one, how alike they are, and which words differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import polars as pl

from workbench.curation.bands import BANDS, FLOOR, ROWS, chance
from workbench.curation.difference import word_steps
from workbench.curation.flags.credentials import all_masked, masked
from workbench.curation.units import compared_text
from workbench.services.checking.curate import Curated

CHANGES = 8
"""Changed places of a pair that are shown."""
LENGTH = 120
"""Characters of a changed place that are shown."""


@dataclass(frozen=True)
class Change:
    """A place where two texts differ; either side may be empty."""

    removed: str
    kept: str


@dataclass(frozen=True)
class Removal:
    """A record that leaves the next version, and the one that stays for it."""

    record: str
    kept: str
    jaccard: float
    kind: str
    """`exact` where both read the same, else `near`."""
    changes: tuple[Change, ...]


def removals(curated: Curated, limit: int | None = None) -> Iterator[Removal]:
    """Yield the removals in id order, all or the first `limit`, with the first CHANGES of the compared text."""
    removed = curated.judgement.removed.head(curated.judgement.removed.height if limit is None else limit)
    wanted = pl.concat([removed["id"], removed["kept"].alias("id")]).unique()
    derived = curated.schema.derived(curated.records.filter(pl.col("id").is_in(wanted.implode())))
    text = dict(zip(derived["id"], all_masked(compared_text(derived, curated.schema)), strict=True))
    unit = dict(curated.units.members.filter(pl.col("id").is_in(wanted.implode())).iter_rows())
    for record, kept, jaccard in removed.iter_rows():
        exact = unit[record] == unit[kept]
        changes = () if exact else tuple(changed(text[record], text[kept]))
        yield Removal(record, kept, jaccard, "exact" if exact else "near", changes)


def read_by(curated: Curated, records: Collection[str]) -> dict[str, str]:
    """Return what each of some records reads like, on one line: all of its texts, secrets masked."""
    held = curated.records.filter(pl.col("id").is_in(list(records)))
    rows = curated.schema.derived(held).select("id", *curated.schema.declared.texts).iter_rows()
    read = ((record, " ".join(filter(None, map(_line, texts)))) for record, *texts in rows)
    return {record: " ".join(masked(text).split()) for record, text in read}


def _line(value: str | list[str | None] | None) -> str:
    return " ".join(filter(None, value)) if isinstance(value, list) else value or ""


def changed(removed: str, kept: str) -> Iterator[Change]:
    """Yield the first places where the words of two texts differ."""
    steps = word_steps(removed.split(), kept.split())
    for one, other in islice((step for step in steps if step[0] != step[1]), CHANGES):
        yield Change(" ".join(one)[:LENGTH], " ".join(other)[:LENGTH])


def method(curated: Curated) -> dict[str, Any]:
    """Return how near pairs were looked for: bands x rows, the chance to find a pair, templates, what was left out."""
    threshold = max(curated.corpus.duplicates.threshold, FLOOR)
    return {
        "bands": {"bands": BANDS, "rows": ROWS},
        "recall": {str(at): round(chance(at, BANDS, ROWS), 7) for at in (FLOOR, threshold)},
        "templates": [asdict(template) for template in curated.units.templates],
        "left_out": curated.pairs.left_out,
    }
