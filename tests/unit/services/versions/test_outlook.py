"""A look at a split says what the split then makes, writes nothing, and refuses what the split refuses."""

from __future__ import annotations

import pytest

from tests.corpora import CORPUS, cut, deliver, facts, long_fact, near, rows_of
from workbench.corpus import SplitSettings
from workbench.errors import DataError, UsageError
from workbench.services.checking import curate as curating
from workbench.services.versions.outlook import outlook, proof_of, shuffle_outlook
from workbench.services.versions.split import Request, split


def asked(**settings) -> Request:
    return Request(CORPUS, SplitSettings(**settings))


@pytest.mark.parametrize("settings", [{}, {"seed": 7}, {"ratios": (5, 3, 2)}, {"counts": (10, 4, 4)}])
def test_the_look_says_what_the_split_makes_and_writes_nothing(store, settings):
    deliver(store, [*facts(*range(20)), long_fact(1), near(long_fact(1), "x")])
    log = len(store.catalogue.rows())
    seen = outlook(store, asked(**settings))
    assert len(store.catalogue.rows()) == log
    made = split(store, asked(**settings))
    assert (seen.counts, seen.report) == (made.counts, made.report)
    assert proof_of(seen).sheet() == made.proof
    frame = rows_of(store, made).select("id", "split").sort("id")
    assert seen.standing.sort("id").filter(seen.standing.sort("id")["split"].is_not_null()).equals(frame)


def test_another_seed_needs_no_second_look_at_texts(store, monkeypatch):
    deliver(store, facts(*range(20)))
    seen = outlook(store, asked())
    monkeypatch.setattr(curating, "near_texts", lambda *_: pytest.fail("texts were compared again"))
    again = outlook(store, asked(seed=3), seen.curated)
    assert not again.standing.equals(seen.standing)
    assert shuffle_outlook(store, asked(), seen.curated).counts["train"] == 16


def test_what_the_split_refuses_the_look_refuses(store):
    with pytest.raises((DataError, UsageError)):
        outlook(store, asked())
    deliver(store, facts(*range(20)))
    cut(store)
    with pytest.raises(UsageError, match="already split with seed 42, not seed 7"):
        outlook(store, asked(seed=7))


def test_where_nothing_changed_the_look_names_the_version(store):
    deliver(store, facts(*range(20)))
    cut(store)
    assert outlook(store, asked()).same == "v1"
    deliver(store, facts(30), name="b", file="b.jsonl")
    assert outlook(store, asked()).same == ""


def test_the_look_says_what_holds_records_together(store):
    deliver(store, [{**row, "concept": "c"} for row in facts(1, 2, 3)] + facts(*range(10, 20)))
    assert outlook(store, asked()).links == {"the field concept": 2}
    assert outlook(store, asked()).report["largest_group"]["records"] == 3


def test_a_shuffle_is_proved_and_leaks(store):
    deliver(store, [row for i in range(8) for row in (long_fact(i), near(long_fact(i), "x"))])
    seen = shuffle_outlook(store, asked(ratios=(1, 1, 1)))
    assert sum(seen.counts.values()) == 16 and proof_of(seen).near > 0
