"""Near duplicates: candidates by MinHash LSH, verified by exact Jaccard, judged by class, never deleted."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
import xxhash
from datasketch import MinHash

from workbench.schema import Schema
from workbench.text import folded, nfc

PERMUTATIONS = 128
BANDS, ROWS = 32, 4
"""A pair at J = 0.6 becomes a candidate with probability 1 - (1 - 0.6^4)^32 = 0.988, at 0.8 with 0.9999999."""
FLOOR = 0.6
"""Verified pairs are kept down to this Jaccard, so that the threshold can move without hashing again."""
CROWDED = 60
"""A bucket of more units, as templated texts fill, is not compared pair by pair."""
LEADERS = 8
"""Units of a crowded bucket that every other one is compared with: the first ones and its nearest by signature."""
ANSWER_WORDS = 5
"""An answer this long that stands twice marks a paraphrase; shorter ones ("True", "Paris") are shared by chance."""
STOCK = 8
"""A question or answer shared by more units than this is a stock phrase, which says nothing about its records."""
PAIRS = {"a": pl.String, "b": pl.String, "jaccard": pl.Float64, "question_jaccard": pl.Float64}

_WORD = re.compile(r"\w+")
_Shingles = frozenset[int]


@dataclass(frozen=True)
class Candidates:
    """Index pairs (i < j) worth comparing, and how many pairs at most were left out of crowded buckets."""

    pairs: Set[tuple[int, int]]
    left_out: int


@dataclass(frozen=True)
class Unit:
    """All records of one compared text, answer and language: exact duplicates of each other."""

    name: str
    """The smallest record id of the unit, so that its name does not depend on order."""
    records: tuple[str, ...]
    text: str
    question: str
    answer: str | None
    language: str | None


def units(derived: pl.DataFrame, schema: Schema) -> list[Unit]:
    """Gather a derived frame's records into units of equal compared text (case, accents' form and blanks folded)."""
    declared = schema.declared
    text = _joined(derived, declared.duplicates.text)
    question = _joined(derived, declared.duplicates.question)
    answer = _answers(derived, schema)
    spoken = derived[declared.language].to_list() if declared.language else [None] * derived.height
    grouped: dict[tuple[str, str, str | None, str | None, str], list[str]] = defaultdict(list)
    for record, compared, *rest in zip(derived["id"], text, question, answer, spoken, strict=True):
        # Empty texts say nothing, so they are nobody's duplicates.
        grouped[compared, *rest, "" if compared else record].append(record)
    made = [Unit(min(records), tuple(sorted(records)), *key[:4]) for key, records in grouped.items()]
    return sorted(made, key=lambda unit: unit.name)


def _joined(derived: pl.DataFrame, columns: tuple[str, ...]) -> list[str]:
    if not columns:
        return [""] * derived.height
    parts = [f"{name}_text" if isinstance(derived.schema[name], pl.List) else name for name in columns]
    rows = derived.select(pl.concat_str([pl.col(part).fill_null("") for part in parts], separator="\n"))
    return [folded(row) for row in rows.to_series()]


def _answers(derived: pl.DataFrame, schema: Schema) -> list[str | None]:
    if schema.declared.answer is None:
        return [None] * derived.height
    said = derived.select(pl.sql_expr(schema.declared.answer).alias("answer"))["answer"]
    return [None if answer is None else folded(str(answer)) for answer in said]


def shingles(text: str, ngram: int) -> _Shingles:
    """Return the 32-bit hashes of a text's word n-grams; a text of fewer words is one shingle, an empty one none."""
    found = words(text)
    if not found:
        return frozenset()
    grams = (" ".join(found[i : i + ngram]) for i in range(max(len(found) - ngram + 1, 1)))
    return frozenset(xxhash.xxh32_intdigest(gram.encode()) for gram in grams)


def words(text: str) -> list[str]:
    """Return the case-folded words of a text; punctuation and blanks only separate."""
    return _WORD.findall(nfc(text).casefold())


def jaccard(one: _Shingles, other: _Shingles) -> float:
    """Return |one & other| / |one | other|, and 0 where both are empty: empty texts are not alike."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0


def verified_pairs(all_units: list[Unit], ngram: int, *, floor: float = FLOOR) -> pl.DataFrame:
    """Return the pairs of units at or above the floor, and those that ask or answer the same, with exact Jaccards."""
    grams = [shingles(unit.text, ngram) for unit in all_units]
    asked = [shingles(unit.question, ngram) for unit in all_units]
    alike = _same_question(all_units) | _same_answer(all_units)
    rows = []
    for i, j in sorted(candidates(grams).pairs | alike):
        similarity = jaccard(grams[i], grams[j])
        if similarity >= floor or (i, j) in alike:
            rows.append((all_units[i].name, all_units[j].name, similarity, jaccard(asked[i], asked[j])))
    return pl.DataFrame(rows, schema=PAIRS, orient="row")


def candidates(grams: list[_Shingles]) -> Candidates:
    """Return the index pairs that share a band of their MinHash signatures.

    Signatures are datasketch's (128 permutations, scheme affine32, xxh32); the bands are BANDS x ROWS.
    """
    filled = [i for i, gram in enumerate(grams) if gram]
    if not filled:
        return Candidates(frozenset(), 0)
    signatures = signatures_of([grams[i] for i in filled])
    pairs: set[tuple[int, int]] = set()
    crowds: set[tuple[int, ...]] = set()
    for band in range(BANDS):
        keys = np.ascontiguousarray(signatures[:, band * ROWS : (band + 1) * ROWS])
        for bucket in _buckets(keys):
            if len(bucket) > CROWDED:
                crowds.add(tuple(bucket))
            else:
                pairs |= {(filled[i], filled[j]) for i, j in combinations(bucket, 2)}
    compared = [_crowded(crowd, signatures) for crowd in sorted(crowds)]
    left_out = sum(len(c) * (len(c) - 1) // 2 - len(p) for c, p in zip(sorted(crowds), compared, strict=True))
    return Candidates(pairs.union(*({(filled[i], filled[j]) for i, j in some} for some in compared)), left_out)


def _crowded(bucket: Sequence[int], signatures: np.ndarray) -> set[tuple[int, int]]:
    """Return the pairs of a crowded bucket to compare: with its first members, and with neighbours by signature."""
    pairs = {(i, j) for i in bucket[:LEADERS] for j in bucket if i < j}
    alike = [bucket[k] for k in np.lexsort(signatures[list(bucket)].T[::-1])]
    for apart in range(1, LEADERS + 1):
        pairs |= {(min(i, j), max(i, j)) for i, j in zip(alike, alike[apart:], strict=False)}
    return pairs


def signatures_of(grams: Iterable[_Shingles]) -> np.ndarray:
    """Return the (N, 128) uint32 MinHash signatures of N sets of hashed shingles."""
    rows = []
    empty = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=int)
    for gram in grams:
        sketch = empty.copy()
        sketch.update_batch(gram)
        rows.append(sketch.hashvalues)
    return np.vstack(rows)


def _buckets(keys: np.ndarray) -> Iterator[list[int]]:
    packed = keys.view([("", keys.dtype)] * keys.shape[1]).ravel()
    order = np.argsort(packed, kind="stable")
    edges = np.flatnonzero(packed[order][1:] != packed[order][:-1]) + 1
    for bucket in np.split(order, edges):
        if len(bucket) > 1:
            yield sorted(bucket.tolist())


def _same_question(all_units: list[Unit]) -> set[tuple[int, int]]:
    return _pairs_by([unit.question or None for unit in all_units])


def _same_answer(all_units: list[Unit]) -> set[tuple[int, int]]:
    answers = (unit.answer for unit in all_units)
    return _pairs_by([said if said and len(words(said)) >= ANSWER_WORDS else None for said in answers])


def _pairs_by(keys: list[str | None]) -> set[tuple[int, int]]:
    """Return the index pairs of equal keys, leaving out stock phrases."""
    groups: dict[str, list[int]] = defaultdict(list)
    for i, key in enumerate(keys):
        if key is not None:
            groups[key].append(i)
    return {pair for group in groups.values() if len(group) <= STOCK for pair in combinations(group, 2)}
