"""Find who stands for the records that a delivery no longer holds: edits, judgements and sides go on with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import polars as pl

from workbench.curation.duplicates import FLOOR, units, verified_pairs
from workbench.schema import Schema


def matches(before: pl.DataFrame, after: pl.DataFrame, schema: Schema) -> list[tuple[str, str, str]]:
    """Return (vanished record, its heir, how it was found) for the records that only `before` holds.

    Both frames hold `id`, `row_digest` and the schema's columns, in file order. The same row under another id comes
    first (a key that came to be shared), then a near duplicate, then the same place between the same neighbours.
    """
    vanished = before.join(after, on="id", how="anti", maintain_order="left")
    newcomers = after.join(before, on="id", how="anti", maintain_order="left")
    if vanished.is_empty() or newcomers.is_empty():
        return []
    same = _same_rows(vanished, newcomers)
    vanished = vanished.filter(~pl.col("id").is_in(list(same)))
    newcomers = newcomers.filter(~pl.col("id").is_in(list(same.values())))
    near = _near_heirs(vanished, newcomers, schema)
    taken = {*near.values(), *same.values()}
    placed = _placed_heirs(before["id"].to_list(), after["id"].to_list())
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
    all_units = units(schema.derived(both), schema)
    old, new = set(vanished["id"]), set(newcomers["id"])
    records = {unit.name: unit.records for unit in all_units}
    pairs = [(1.0, a, b) for unit in all_units for a, b in _zipped(unit.records, unit.records, old, new)]
    for a, b, similarity, _ in verified_pairs(all_units, schema.declared.duplicates.ngram).iter_rows():
        if similarity >= FLOOR:
            pairs += [(similarity, x, y) for x, y in _zipped(records[a], records[b], old, new)]
            pairs += [(similarity, x, y) for x, y in _zipped(records[b], records[a], old, new)]
    out: dict[str, str] = {}
    taken: set[str] = set()
    for _, a, b in sorted(pairs, key=lambda p: (-p[0], p[1], p[2])):
        if a not in out and b not in taken:
            out[a] = b
            taken.add(b)
    return out


def _zipped(left: tuple[str, ...], right: tuple[str, ...], old: set[str], new: set[str]) -> Iterable[tuple[str, str]]:
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
