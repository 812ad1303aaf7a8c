"""What dedup removes, record by record: for which kept one, how alike they are, and which words differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Any

import polars as pl

from workbench.curation.bands import BANDS, FLOOR, ROWS, chance
from workbench.curation.units import compared_text
from workbench.services.curate import Curated

CHANGES = 8
"""Changed places of a pair that are shown."""
LENGTH = 120
"""Characters of a changed place that are shown."""
WORDS = 2000
"""Words of a text that are looked at for changes."""


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


def removals(curated: Curated) -> Iterator[Removal]:
    """Yield every removal in id order; changes are those of the compared text, the first CHANGES of them."""
    removed = curated.judgement.removed
    wanted = pl.concat([removed["id"], removed["kept"].alias("id")]).unique()
    derived = curated.schema.derived(curated.records.filter(pl.col("id").is_in(wanted.implode())))
    text = dict(zip(derived["id"], compared_text(derived, curated.schema), strict=True))
    unit = dict(curated.units.members.filter(pl.col("id").is_in(wanted.implode())).iter_rows())
    for record, kept, jaccard in removed.iter_rows():
        exact = unit[record] == unit[kept]
        changes = () if exact else tuple(changed(text[record], text[kept]))
        yield Removal(record, kept, jaccard, "exact" if exact else "near", changes)


def changed(removed: str, kept: str) -> Iterator[Change]:
    """Yield the first places where the words of two texts differ."""
    one, other = removed.split()[:WORDS], kept.split()[:WORDS]
    matched = SequenceMatcher(None, one, other, autojunk=False)
    places = (place for place in matched.get_opcodes() if place[0] != "equal")
    for _, (_, a, b, c, d) in zip(range(CHANGES), places, strict=False):
        yield Change(" ".join(one[a:b])[:LENGTH], " ".join(other[c:d])[:LENGTH])


def method(curated: Curated) -> dict[str, Any]:
    """Return how near pairs were looked for: bands x rows, the chance to find a pair, templates, what was left out."""
    threshold = max(curated.corpus.duplicates.threshold, FLOOR)
    return {
        "bands": {"bands": BANDS, "rows": ROWS},
        "recall": {str(at): round(chance(at, BANDS, ROWS), 7) for at in (FLOOR, threshold)},
        "templates": [asdict(template) for template in curated.units.templates],
        "left_out": curated.pairs.left_out,
    }
