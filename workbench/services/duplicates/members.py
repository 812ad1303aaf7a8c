"""The records of one duplicate cluster, leader first, and what a verdict on one of them says of which pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from workbench.curation.clusters import Clusters
from workbench.curation.judge import kinds
from workbench.errors import UsageError
from workbench.services.checking.curate import holds_back
from workbench.services.duplicates.clusters import Look, look
from workbench.services.duplicates.verdicts import DUPLICATE, Pair, judge_pairs
from workbench.services.records.editing import find
from workbench.store.store import Store

Role = Literal["leader", "stays", "goes"]
LISTED = 1000
"""Records of a cluster that are listed."""
_CLASS_SIGNS = {"conflict": "!", "translation": "T", "paraphrase": "~"}


@dataclass(frozen=True)
class Member:
    """One record of a cluster, seen beside the one that it goes for, or else beside the leader."""

    record: str
    unit: int
    role: Role
    beside: str
    """The record that it is compared with; itself for the leader."""
    jaccard: float | None
    """Jaccard with that one; None where the two are linked through others alone."""
    kind: str
    """Class of that pair, empty where there is none."""

    @property
    def sign(self) -> str:
        """Return the mark of what becomes of it: kept, going, or linked in a way that removes nobody."""
        if self.role != "stays":
            return "o" if self.role == "leader" else "x"
        return _CLASS_SIGNS.get(self.kind, " ")


@dataclass(frozen=True)
class Members:
    """The first LISTED records of a cluster with their fields, and how many there are."""

    listed: tuple[Member, ...]
    total: int
    fields: Mapping[str, Mapping[str, Any]]
    """Fields by record, also of records that listed ones are compared with."""
    sources: Mapping[str, str]
    sides: Mapping[str, str]
    """Where each stands in the newest version."""


def members(seen: Look, found: Clusters, row: int) -> Members:
    """Return the records of a cluster: the leader, those that go for it, then the others, most alike first."""
    every = standing(seen, found, row)
    listed = tuple(every[:LISTED])
    wanted = list({record for one in listed for record in (one.record, one.beside)})
    curated = seen.curated
    rows = curated.records.filter(pl.col("id").is_in(wanted)).to_dicts()
    sides: dict[str, str] = {}
    if seen.version is not None:
        table = curated.state.objects.table(seen.version.assignment, ["id", "split"])
        sides = dict(table.filter(pl.col("id").is_in(wanted)).drop_nulls().iter_rows())
    fields = {row["id"]: {name: row[name] for name in curated.schema.columns} for row in rows}
    return Members(listed, len(every), fields, {row["id"]: row["source"] for row in rows}, sides)


def standing(seen: Look, found: Clusters, row: int) -> list[Member]:
    """Return all records of a cluster in the order of `members`."""
    units = found.units_of(row)
    leader = int(units[0])
    pairs = _pairs_of(seen, found, leader)
    stands = dict(seen.base.stand_ins.iter_rows())
    listed = seen.curated.units.members.filter(pl.col("unit").is_in(units.tolist()))
    every = [_member(seen, found, (record, unit, leader), pairs, stands) for record, unit in listed.iter_rows()]
    best = seen.base.best[leader]
    return sorted(
        every,
        key=lambda one: (
            one.role != "leader",
            one.role != "goes" or one.beside != best,
            -(one.jaccard or 0),
            one.record,
        ),
    )


def _pairs_of(seen: Look, found: Clusters, unit: int) -> dict[int, tuple[float, str]]:
    """Return {other unit: Jaccard and class} of the pairs of a unit that mean anything."""
    facts = seen.base.facts.filter((pl.col("a") == unit) | (pl.col("b") == unit))
    named = facts.with_columns(kind=kinds(facts, found.threshold)).filter(pl.col("kind") != "similar")
    return {b if a == unit else a: (j, kind) for a, b, j, kind in named.select("a", "b", "jaccard", "kind").iter_rows()}


def _member(
    seen: Look,
    found: Clusters,
    place: tuple[str, int, int],
    pairs: Mapping[int, tuple[float, str]],
    stands: Mapping[str, str],
) -> Member:
    record, unit, leader = place
    best, winner = seen.base.best, int(found.winner[unit])
    if winner != unit:
        return Member(record, unit, "goes", best[winner], float(found.jaccard[unit]), "redundant")
    kept = stands.get(record, best[unit])
    if kept != record:
        return Member(record, unit, "goes", kept, 1.0, "redundant")
    if record == best[leader]:
        return Member(record, unit, "leader", record, 1.0, "")
    jaccard, kind = (1.0, "") if unit == leader else pairs.get(unit, (None, ""))
    return Member(record, unit, "stays", best[leader], jaccard, kind)


def suggested(seen: Look, found: Clusters, row: int) -> list[Pair]:
    """Return the pairs of a cluster that the threshold suggests: the record that stays, then the one that goes."""
    pairs = [(one.beside, one.record) for one in standing(seen, found, row) if one.role == "goes"]
    if not pairs:
        raise UsageError("nothing here is suggested to go", "a lower threshold may suggest more; x drops one record")
    return pairs


def in_favour_of(seen: Look, found: Clusters, member: Member) -> list[Pair]:
    """Return the pairs that keep a record in place of those that it goes for now; refused where that loses both."""
    if member.role != "goes":
        raise UsageError("this record stays already", "choose one that is marked to go")
    errors = seen.curated.issues.filter((pl.col("record") == member.record) & (pl.col("severity") == "error"))
    if errors.height:
        raise UsageError(f"it breaks the rule {errors['rule'][0]}: no version would hold it", "fix it first")
    kept = {member.beside}
    linked = _pairs_of(seen, found, member.unit)
    kept |= {
        seen.base.best[unit] for unit, (_, kind) in linked.items() if kind == "redundant" and found.winner[unit] == unit
    }
    for other in sorted(kept):
        side = holds_back(member.record, other, (seen.curated.delivered, seen.curated.prior))
        if side is not None:
            raise UsageError(f"{other[:12]} stands in {side} and stays there", "what was held out never yields to less")
    return [(member.record, other) for other in sorted(kept - {member.record})]


def judge_duplicates(store: Store, name: str, kept: str, gone: str) -> int:
    """Judge that a record goes for another one, and return how many verdicts changed; refused where it cannot.

    Records are named by unique prefixes of their ids. What no pair was verified of, or what is a conflict or a
    translation, never goes.
    """
    seen = look(store, name)
    one, other = (find(seen.curated.state, prefix) for prefix in (kept, gone))
    unit = dict(seen.curated.units.members.filter(pl.col("id").is_in([one, other])).iter_rows())
    if unit.get(one) != unit.get(other):
        _, kind = _pairs_of(seen, seen.at(seen.threshold), unit[one]).get(unit[other], (0.0, ""))
        if kind not in ("redundant", "paraphrase"):
            what = (
                f"{kept!r} and {gone!r} are a {kind}" if kind else f"{kept!r} and {gone!r} were not found to be alike"
            )
            raise UsageError(what, f"where one shall go: workbench edit {name} {gone} --drop")
    side = holds_back(one, other, (seen.curated.delivered, seen.curated.prior))
    if side is not None:
        raise UsageError(f"{other[:12]} stands in {side} and stays there", "what was held out never yields to less")
    return judge_pairs(store, name, [(one, other)], DUPLICATE)


def apart(seen: Look, found: Clusters, member: Member) -> list[Pair]:
    """Return the pairs that say that a record is no duplicate: with all it is linked to, or with its equal ones."""
    if member.role == "leader":
        raise UsageError("the others are compared with this record", "choose the one that is no duplicate of it")
    if found.winner[member.unit] == member.unit and member.record != seen.base.best[member.unit]:
        unit = seen.curated.units.members.filter(pl.col("unit") == member.unit)["id"]
        return [(member.record, other) for other in unit if other != member.record]
    best = seen.base.best
    return [(member.record, best[unit]) for unit in sorted(_pairs_of(seen, found, member.unit))]
