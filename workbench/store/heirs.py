"""Find who stands for the records that a delivery no longer holds: edits, judgements and sides go on with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import polars as pl

from workbench.curation.duplicates import verified_pairs
from workbench.curation.units import units
from workbench.schema import Schema


def matches(
    vanished: pl.DataFrame, newcomers: pl.DataFrame, orders: tuple[list[str], list[str]], schema: Schema
) -> list[tuple[str, str, str]]:
    """Return (vanished record, its heir, how it was found).

    Both frames hold `id`, `row_digest` and the schema's columns, in file order; `orders` are all ids of the source
    before and after, in file order. The same row under another id comes first (a key that came to be shared), then
    a near duplicate, then the same place between the same neighbours.
    """
    same = _same_rows(vanished, newcomers)
    vanished = vanished.filter(~pl.col("id").is_in(list(same)))
    newcomers = newcomers.filter(~pl.col("id").is_in(list(same.values())))
    near = _near_heirs(vanished, newcomers, schema)
    taken = {*near.values(), *same.values()}
    placed = _placed_heirs(*orders)
    rest = {old: new for old, new in placed.items() if old not in near | same and new not in taken}
    found = {"row": same, "near": near, "place": rest}
    return [(old, new, by) for by, heirs in found.items() for old, new in heirs.items()]


def _same_rows(vanished: pl.DataFrame, newcomers: pl.DataFrame) -> dict[str, str]:
    """Return the vanished records whose very row stands here under another id."""
    waiting: dict[str, list[str]] = defaultdict(list)
    for record, own in newcomers.select("id", "row_digest").iter_rows():
        waiting[own].append(record)
    return {old: waiting[own].pop(0) for old, own in vanished.select("id", "row_digest").iter_rows() if waiting[own]}


def _near_heirs(vanished: pl.DataFrame, newcomers: pl.DataFrame, schema: Schema) -> dict[str, str]:
    both = pl.concat([vanished.select("id", *schema.columns), newcomers.select("id", *schema.columns)])
    found = units(schema.derived(both), schema)
    old, new = set(vanished["id"]), set(newcomers["id"])
    records = found.records
    pairs = [(1.0, x, y) for held in records for x, y in _zipped(held, held, old, new)]
    near = verified_pairs(found, schema.declared.duplicates.ngram).near
    for a, b, similarity in near.select("a", "b", "jaccard").iter_rows():
        pairs += [(similarity, x, y) for x, y in _zipped(records[a], records[b], old, new)]
        pairs += [(similarity, x, y) for x, y in _zipped(records[b], records[a], old, new)]
    out: dict[str, str] = {}
    taken: set[str] = set()
    for _, a, b in sorted(pairs, key=lambda p: (-p[0], p[1], p[2])):
        if a not in out and b not in taken:
            out[a] = b
            taken.add(b)
    return out


def _zipped(left: list[str], right: list[str], old: set[str], new: set[str]) -> Iterable[tuple[str, str]]:
    """Pair the vanished of one unit with the newcomers of another, one to one: equals need no choice among them."""
    return zip(sorted(old.intersection(left)), sorted(new.intersection(right)), strict=False)


def _placed_heirs(before: list[str], after: list[str]) -> dict[str, str]:
    """Return the records that stand between the same two neighbours as a vanished one did."""
    spots = {(left, right): record for left, record, right in _triples(after)}
    known = set(before)
    gone = known - set(after)
    return {
        record: spots[left, right]
        for left, record, right in _triples(before)
        if record in gone and (left, right) in spots and spots[left, right] not in known
    }


def _triples(records: list[str]) -> Iterable[tuple[str, str, str]]:
    return zip(["", *records], records, [*records[1:], ""], strict=False)
