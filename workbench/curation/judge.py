"""Judge verified pairs: what kind of duplicate each is, which record stays, which goes in its favour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Literal

import polars as pl

from workbench.curation.duplicates import Unit, words

THRESHOLD = 0.8
AGREEING_WORDS = 0.8
"""Long answers that share this part of their words say the same."""
LONG_ANSWER = 8
"""Words from which an answer is compared by words; shorter ones must be equal."""

Kind = Literal["redundant", "paraphrase", "conflict", "translation", "similar"]
JUDGED = {"a": pl.String, "b": pl.String, "jaccard": pl.Float64, "kind": pl.String}
REMOVED = {"id": pl.String, "kept": pl.String, "jaccard": pl.Float64}
Rank = tuple[object, ...]


@dataclass(frozen=True)
class Judgement:
    """What dedup found: judged record pairs, and the records that go, each with the kept one and the Jaccard."""

    pairs: pl.DataFrame
    removed: pl.DataFrame

    def counts(self) -> dict[str, int]:
        """Return the number of clusters, of removed records and of pairs of each kind."""
        kinds = dict(self.pairs.group_by("kind").len().iter_rows())
        named = ("redundant", "paraphrase", "conflict", "translation")
        alike = self.pairs.filter(pl.col("kind") != "similar")
        clusters = len(set(components(list(alike.select("a", "b").iter_rows())).values()))
        return {"clusters": clusters, "removed": self.removed.height} | {k: kinds.get(k, 0) for k in named}


def judge(
    all_units: list[Unit],
    pairs: pl.DataFrame,
    rank: Mapping[str, Rank],
    *,
    threshold: float = THRESHOLD,
    apart: Set[frozenset[str]] = frozenset(),
) -> Judgement:
    """Class every verified pair and choose leaders, best rank first (a smaller rank is better).

    A record goes only in favour of a kept one of the same answer at or above the threshold: chains remove
    nobody, and a conflict is never removed. `apart` holds pairs of records that a person judged to be no
    duplicates: their units do not go for each other, and within one unit both stay.
    """
    by_name = {unit.name: unit for unit in all_units}
    unit_of = {record: unit.name for unit in all_units for record in unit.records}
    parted = {frozenset(unit_of.get(record, record) for record in pair) for pair in apart}
    judged = [
        (a, b, similarity, kind_of(by_name[a], by_name[b], (similarity, asked), threshold))
        for a, b, similarity, asked in pairs.iter_rows()
        if frozenset((a, b)) not in parted
    ]
    inside = {record for pair in apart if len({unit_of.get(r, r) for r in pair}) == 1 for record in pair}
    exact = [
        (unit.records[0], other, 1.0, "redundant")
        for unit in all_units
        for other in unit.records[1:]
        if frozenset((unit.records[0], other)) not in apart
    ]
    table = pl.DataFrame(judged + exact, schema=JUDGED, orient="row")
    return Judgement(table, _removed(by_name, judged, rank, inside))


def kind_of(one: Unit, other: Unit, similarities: tuple[float, float], threshold: float) -> Kind:
    """Return the kind of a pair from its text and question Jaccards and its answers."""
    similarity, asked = similarities
    if one.language and other.language and one.language != other.language:
        return "translation"
    same_question = bool(one.question) and (one.question == other.question or asked >= threshold)
    if not agree(one.answer, other.answer):
        return "conflict" if same_question else "similar"
    # Long answers that agree may still say the opposite in one word, so only equal ones make a record redundant.
    if one.answer == other.answer and similarity >= threshold and _numbers(one.text) == _numbers(other.text):
        return "redundant"
    return "paraphrase" if one.answer else "similar"


def agree(one: str | None, other: str | None) -> bool:
    """Return whether two answers say the same: equal, or long, with equal numbers and most words in common."""
    if one == other:
        return True
    if one is None or other is None:
        return False
    left, right = words(one), words(other)
    if min(len(left), len(right)) < LONG_ANSWER or _numbers(one) != _numbers(other):
        return False
    shared = len(set(left) & set(right)) / len(set(left) | set(right))
    return shared >= AGREEING_WORDS


def _numbers(text: str) -> list[str]:
    return sorted(word for word in words(text) if any(letter.isdigit() for letter in word))


def _removed(
    by_name: Mapping[str, Unit],
    judged: list[tuple[str, str, float, Kind]],
    rank: Mapping[str, Rank],
    parted: Set[str],
) -> pl.DataFrame:
    """Choose leaders greedily in rank order: whoever meets a kept, redundant twin goes.

    Records `parted` from an equal one go for no equal one.
    """
    twins: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for a, b, similarity, kind in judged:
        if kind == "redundant":
            twins[a].append((b, similarity))
            twins[b].append((a, similarity))
    leader = {name: min(unit.records, key=lambda record: rank[record]) for name, unit in by_name.items()}
    kept: set[str] = set()
    rows = []
    for name in sorted(by_name, key=lambda name: rank[leader[name]]):
        favoured = max(((s, twin) for twin, s in twins[name] if twin in kept), default=None)
        similarity, winner = favoured if favoured else (1.0, name)
        if favoured is None:
            kept.add(name)
        stay = parted | {leader[winner]} if winner == name else frozenset()
        goes = (record for record in by_name[name].records if record not in stay)
        rows += [(record, leader[winner], similarity) for record in goes]
    return pl.DataFrame(rows, schema=REMOVED, orient="row")


def components(edges: list[tuple[str, str]]) -> dict[str, str]:
    """Return each linked name's component, named by its smallest member (union-find with path halving)."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for a, b in edges:
        one, other = sorted((root(a), root(b)))
        parent[other] = one
    return {name: root(name) for name in list(parent)}
