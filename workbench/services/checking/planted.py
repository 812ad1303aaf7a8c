"""Compare what curation reports with the faults that were planted in a sample corpus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from workbench.services.checking.curate import Curated
from workbench.store.edits import WHOLE

_PAIR_KINDS = {
    "duplicate": {"redundant"},
    "conflict": {"conflict"},
    "paraphrase": {"paraphrase"},
    "leak": {"redundant", "paraphrase"},
}
"""Which kinds of judged pairs report a planted pair."""
_BOM = "byte order mark inside the cell"
Fault = tuple[str, str]
"""Rule, and the unit or units as `source:position`."""


@dataclass(frozen=True)
class Compared:
    """Planted faults against reported ones."""

    planted: frozenset[Fault]
    missed: frozenset[Fault]
    invented: frozenset[Fault]


def compare(path: Path, curated: Curated) -> Compared:
    """Return which planted faults were reported, which were missed, and what was reported on clean records."""
    declared: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    pairs = declared.pop("pairs", {})
    first = next(iter(declared))
    planted = _planted_units(declared, curated) | _planted_pairs(pairs, first)
    reported = _reported_units(curated) | _reported_pairs(curated, pairs)
    touched = {unit for _, where in planted for unit in where.split(" + ")}
    invented = {fault for fault in reported - planted if not touched & set(fault[1].split(" + "))}
    # A whole-source fault touches every unit, so there only the rules that were not planted count as invented.
    rules = {rule for rule, _ in planted}
    invented |= {fault for fault in reported - planted if fault[0] not in rules and fault[0] not in _PAIR_KINDS}
    return Compared(frozenset(planted), frozenset(planted - reported), frozenset(invented))


def _planted_units(declared: dict[str, Any], curated: Curated) -> set[Fault]:
    out = set()
    for source, rules in declared.items():
        everything = curated.records.filter(pl.col("source") == source)["position"].to_list()
        for rule, positions in rules.items():
            out |= {(rule, f"{source}:{p}") for p in (everything if positions == "all" else positions)}
    return out


def _planted_pairs(pairs: dict[str, list[list[Any]]], source: str) -> set[Fault]:
    return {
        (kind, " + ".join(sorted(unit if isinstance(unit, str) else f"{source}:{unit}" for unit in pair)))
        for kind, listed in pairs.items()
        for pair in listed
    }


def _reported_units(curated: Curated) -> set[Fault]:
    places = _places(curated)
    out = {(rule, places[record]) for record, rule in curated.issues.select("record", "rule").iter_rows()}
    out |= {("torn-line", f"{s}:{p}") for s, p in curated.state.rejects.select("source", "position").iter_rows()}
    for edit in curated.state.edits:
        if edit.field == WHOLE and edit.reason.startswith("boilerplate"):
            out.add(("boilerplate", places[edit.record]))
        elif edit.reason == _BOM:
            out.add(("bom-in-cell", places[edit.record]))
    return out


def _reported_pairs(curated: Curated, pairs: dict[str, Any]) -> set[Fault]:
    places = _places(curated)
    return {
        (planted, " + ".join(sorted((places[a], places[b]))))
        for a, b, _, kind in curated.judgement.pairs.iter_rows()
        for planted in pairs
        if kind in _PAIR_KINDS[planted]
    }


def _places(curated: Curated) -> dict[str, str]:
    rows = curated.state.delivered.select("id", "source", "position").iter_rows()
    return {record: f"{source}:{position}" for record, source, position in rows}
