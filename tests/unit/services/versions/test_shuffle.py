"""The plain shuffle for comparison: seeded, proved, and never a version."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.corpora import CORPUS, deliver, facts, long_fact, near
from workbench.corpus import SplitSettings
from workbench.services.versions.shuffle import shuffle, shuffled


def test_a_shuffle_of_near_duplicates_leaks_and_makes_no_version(store):
    deliver(store, [near(long_fact(i // 5), f"word{i}") for i in range(50)])
    log = len(store.catalogue.rows())
    found = shuffle(store, CORPUS, SplitSettings())
    assert found.proof.near > 0 and not found.proof.clean
    assert found.counts == {"train": 40, "validation": 5, "test": 5, "excluded": 0}
    assert len(store.catalogue.rows()) == log


def test_a_shuffle_of_unlike_records_is_proved_clean(store):
    deliver(store, facts(*range(30)))
    assert shuffle(store, CORPUS, SplitSettings()).proof.clean


@pytest.mark.parametrize("total", [0, 1, 7, 30])
def test_every_record_has_a_place_whatever_order_it_comes_in(total):
    records = [f"r{i}" for i in range(total)]
    placed = shuffled(records, SplitSettings(seed=3))
    assert sorted(placed["id"]) == sorted(records)
    assert shuffled(records[::-1], SplitSettings(seed=3)).equals(placed)


def test_counts_leave_the_surplus_out():
    placed = shuffled([f"r{i}" for i in range(30)], SplitSettings(counts=(10, 3, 4)))
    assert Counter(placed["split"]) == {"train": 10, "validation": 3, "test": 4, "excluded": 13}
