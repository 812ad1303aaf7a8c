"""Pairs of answers to one question stand on one side of a split, however many they are."""

from __future__ import annotations

import pytest

from tests.corpora import CORPUS, cut, deliver, rows_of, words
from workbench.curation.duplicates import STOCK

pytestmark = pytest.mark.thorough


def pair(question: str, seed: str) -> dict[str, str]:
    return {"prompt": question, "chosen": words(f"{seed} better", 12), "rejected": words(f"{seed} worse", 12)}


def test_a_question_that_many_pairs_share_is_on_one_side(store):
    asked = [pair("Why?", f"why {number}") for number in range(2 * STOCK)]
    others = [pair(words(f"question {number}", 6), str(number)) for number in range(40)]
    deliver(store, [*asked, *others], schema="preference")
    rows = rows_of(store, cut(store))
    shared = [row for row in rows.to_dicts() if row["messages"][0]["content"] == "Why?"]
    assert len(shared) == 2 * STOCK and len({row["split"] for row in shared}) == 1
    assert store.version(CORPUS, "latest").proof["group"] == 0
