"""Compare two score tables record by record: what differs overall, by source, and where it differs most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from workbench.evaluation.differences import differences
from workbench.evaluation.metrics import known, measure
from workbench.evaluation.metrics.answers import exact_match

_BY_SOURCE = 20
"""Sources that are compared each for itself, those with most records first."""
_OF_A_SOURCE = ("perplexity", "bits_per_byte", "em", "f1", "rouge_l")
"""What is compared by source: a corpus score such as BLEU says little about few records."""


@dataclass(frozen=True)
class Joined:
    """The rows of the records that two tables share, in one order, and the records that only one of them holds."""

    one: pa.Table
    other: pa.Table
    only_one: list[str]
    only_other: list[str]
    changed: list[str]
    """In both, but not with the same text: the answer wanted, or the size of what is scored, is another one."""


def join(one: pa.Table, other: pa.Table, edited: frozenset[str] = frozenset()) -> Joined:
    """Return two models' rows joined by record; `edited` records are known to have changed between the two."""
    places = ({record: place for place, record in enumerate(table["record"].to_pylist())} for table in (one, other))
    first, second = places
    both = [record for record in first if record in second]
    texts = [_texts(table) for table in (one, other)]
    same = [r for r in both if r not in edited and texts[0][first[r]] == texts[1][second[r]]]
    return Joined(
        one.take(pa.array([first[record] for record in same], pa.int64())),
        other.take(pa.array([second[record] for record in same], pa.int64())),
        [record for record in first if record not in second],
        [record for record in second if record not in first],
        sorted(set(both) - set(same)),
    )


def _texts(rows: pa.Table) -> list[str | int]:
    """Return what tells a row's text: the answer that is wanted, of plain text its size."""
    pairs = zip(rows["reference"].to_pylist(), rows["bytes"].to_pylist(), strict=True)
    return [size if reference is None else reference for reference, size in pairs]


def per_token() -> list[str]:
    """Return the metrics that count tokens: between two tokenizers they mean nothing."""
    return [name for name, metric in known().items() if metric.per_token]


def compared(one: pa.Table, other: pa.Table, unfit: Mapping[str, str], names: Sequence[str] = ()) -> dict[str, Any]:
    """Return {metric: {one, other, difference}} of rows of the same records in the same order."""
    values = measure(one).values(), measure(other).values()
    found = differences(one, other, unfit, names)
    return {name: {"one": values[0][name], "other": values[1][name], "difference": found[name]} for name in found}


def by_source(one: pa.Table, other: pa.Table, unfit: Mapping[str, str]) -> dict[str, Any]:
    """Return {source: {records, metrics}} for the sources with most records; none where sources are not known."""
    sources = np.asarray(one["source"].to_pylist(), dtype=object)
    names = sorted({source for source in sources if source is not None}, key=lambda name: -(sources == name).sum())
    out = {}
    for name in names[:_BY_SOURCE]:
        places = np.flatnonzero(sources == name)
        out[name] = {
            "records": len(places),
            "metrics": compared(one.take(places), other.take(places), unfit, _OF_A_SOURCE),
        }
    return out


def worst(one: pa.Table, other: pa.Table, limit: int) -> list[dict[str, Any]]:
    """Return the records that got worst from one to other: those it no longer answers, then by bits a byte."""
    gone = _right(one) - _right(other)
    more = _bits(other) - _bits(one)
    order = np.lexsort((-more, -gone))[:limit].tolist()
    rows = one.to_pylist(), other.to_pylist()
    return [
        {
            "record": rows[0][place]["record"],
            "source": rows[0][place]["source"],
            "lost": bool(gone[place] > 0),
            "bits_per_byte": float(more[place]),
            "reference": rows[0][place]["reference"],
            "one": rows[0][place]["prediction"],
            "other": rows[1][place]["prediction"],
        }
        for place in order
        if gone[place] > 0 or more[place] > 0
    ]


def _right(rows: pa.Table) -> np.ndarray[Any, np.dtype[np.float64]]:
    pairs = zip(rows["prediction"].to_pylist(), rows["reference"].to_pylist(), strict=True)
    return np.array([exact_match(said or "", wanted) if wanted is not None else 0.0 for said, wanted in pairs])


def _bits(rows: pa.Table) -> np.ndarray[Any, np.dtype[np.float64]]:
    nll, size = rows["nll"].to_numpy(), rows["bytes"].to_numpy()
    return np.asarray(nll / np.maximum(size, 1) / np.log(2), np.float64)
