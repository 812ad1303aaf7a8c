"""An engine judges as this machine does, and nobody holds all pairs on the way."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.curation.test_clusters import PAIRS, ROWS
from tests.unit.curation.texts import numbered, prose_units, qa_units
from workbench.curation import duplicates
from workbench.curation import judge as local
from workbench.curation.components import components
from workbench.curation.duplicates import Pairs
from workbench.curation.judge import Judgement
from workbench.curation.nearness import near_pairs
from workbench.curation.units import Units
from workbench.scale import components as spread
from workbench.scale import judging, shards
from workbench.scale.engine import Engine
from workbench.scale.near import NearParts, kept_by


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold three pairs at a time, and spread components over several parts though they are few."""
    monkeypatch.setattr(shards, "PART", 3)
    monkeypatch.setattr(judging, "SHARD", 2)
    monkeypatch.setattr(spread, "SHARD", 2)


def pairs_by(engine: Engine, found: Units) -> Pairs:
    near = near_pairs(found.texts, 5)
    parts = NearParts(kept_by(engine, [near]), near.left_out)
    return judging.verified_pairs(engine, found, 5, parts)


def said(judgement: Judgement) -> tuple[list[object], list[object], dict[str, int]]:
    pairs = judgement.pairs.sort("a", "b", "kind")
    return pairs.rows(), judgement.removed.rows(), judgement.counts()


def order_of(found: Units) -> pl.Series:
    """Return the records, the last one first: not the order of their units."""
    return found.members["id"].sort(descending=True)


@given(ROWS, PAIRS, PAIRS, st.sampled_from([0.6, 0.8, 1.0]))
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_records_are_judged_as_one_machine_judges_them(engine, rows, apart, agreed, threshold):
    found = qa_units(*({"question": numbered(a, a + n), "answer": said, "lang": lang} for a, n, said, lang in rows))
    verdicts = {
        "threshold": threshold,
        "apart": {frozenset(f"{i:03}" for i in pair) for pair in apart},
        "agreed": {(f"{i:03}", f"{k:03}") for i, k in agreed},
    }
    alone = duplicates.verified_pairs(found, 5)
    there = pairs_by(engine, found)
    assert there.frame.equals(alone.frame) and there.left_out == alone.left_out
    assert there.component.tolist() == alone.component.tolist()
    judged = judging.judge(engine, found, there, order_of(found), **verdicts)
    assert said(judged) == said(local.judge(found, alone, order_of(found), **verdicts))


def test_a_chain_removes_nobody_but_for_a_kept_leader(engine):
    found = prose_units(*(numbered(i, 60 + i) for i in range(0, 40, 4)))
    alone = local.judge(found, duplicates.verified_pairs(found, 5), order_of(found), threshold=0.7)
    assert said(judging.judge(engine, found, pairs_by(engine, found), order_of(found), threshold=0.7)) == said(alone)
    assert 0 < alone.removed.height < 9 and alone.clusters == 1


def test_pairs_are_held_a_few_at_a_time(engine):
    found = prose_units(*(numbered(0, 60 + i) for i in range(9)))
    pairs = pairs_by(engine, found)
    sizes = [part.height for part in pairs.parts]
    assert sum(sizes) == 36 and max(sizes) == 3
    ends = pairs.frame["a"].to_numpy(), pairs.frame["b"].to_numpy()
    assert pairs.component.tolist() == components(9, *ends).tolist() == [0] * 9
    judged = judging.judge(engine, found, pairs, order_of(found))
    assert max(part.height for part in judged.parts) == 3
