"""How a split came out is counted from where its records stand, nothing else."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from workbench.curation import outcome
from workbench.curation.outcome import excluded_by_reason, largest_group, missed, texts_of, wanted_and_got
from workbench.curation.split import SIDES, Wanted, by_side
from workbench.schema import load_schema
from workbench.workspace import samples

STANDING = pl.DataFrame(
    {
        "split": ["train"] * 8 + ["test", "validation", "excluded"],
        "stratum": ["en"] * 5 + ["fr"] * 3 + ["en", "fr", "en"],
        "reason": [None] * 10 + ["surplus"],
    }
)


def test_shares_are_wanted_of_each_stratum_and_of_all_that_stand_on_a_side():
    found = wanted_and_got(STANDING, Wanted())
    assert found["splits"]["train"] == {"wanted": 8.0, "got": 8}
    assert found["strata"]["en"]["test"] == {"wanted": 0.6, "got": 1}
    assert found["strata"]["fr"]["train"] == {"wanted": 3.2, "got": 3}


def test_counts_are_wanted_of_the_whole_and_nothing_is_wanted_of_the_sources_own_split():
    counted = wanted_and_got(STANDING, Wanted(counts=(9, 1, 1)))
    assert counted["splits"]["train"] == {"wanted": 9, "got": 8}
    assert counted["strata"]["en"]["train"] == {"wanted": None, "got": 5}
    assert wanted_and_got(STANDING, None)["splits"]["test"] == {"wanted": None, "got": 1}


def test_records_without_a_stratum_have_none():
    assert wanted_and_got(STANDING.with_columns(stratum=pl.lit("")), Wanted())["strata"] == {}


def test_groups_and_reasons_are_counted():
    assert largest_group(np.array([0, 0, 2])) == {"records": 2, "share": 0.6667}
    assert largest_group(np.empty(0, np.int64)) == {"records": 0, "share": 0.0}
    assert excluded_by_reason(STANDING) == {"surplus": 1}


def test_texts_count_characters_and_words_of_every_side():
    schema = load_schema(samples() / "schemas" / "qa.yaml")
    rows = [{"question": "né en été", "answer": "a  b"}, {"question": "", "answer": "c"}]
    frame = schema.table(rows).with_columns(split=pl.Series(["train", "test"]))
    found = texts_of(frame, schema)
    assert found["train"] == {"records": 1, "characters": 13, "words": 5}
    assert found["test"] == {"records": 1, "characters": 1, "words": 1}
    assert found["removed"] == {"records": 0, "characters": 0, "words": 0}


@pytest.mark.slow
def test_more_characters_are_counted_than_32_bits_hold(monkeypatch):
    schema = load_schema(samples() / "schemas" / "qa.yaml")
    frame = schema.table([{"question": "a" * 2**22, "answer": ""}]).with_columns(split=pl.lit("train"))
    monkeypatch.setattr(outcome, "sliced", lambda records: [records] * 2**10)
    assert texts_of(frame, schema)["train"] == {"records": 2**10, "characters": 2**32, "words": 2**10}


def sides(train: int, validation: int, test: int) -> dict[str, int]:
    return {"train": train, "validation": validation, "test": test}


def test_counts_that_are_met_are_not_missed():
    assert missed((5, 2, 2), sides(5, 2, 2), left=9) is None


def test_what_groups_leave_over_explains_what_is_short():
    found = missed((5, 2, 2), sides(4, 2, 1), left=2)
    assert found is not None and found.torn
    assert (found.sides, found.lacking) == ({"train": (5, 4), "test": (2, 1)}, 0)


def test_what_is_short_beyond_what_is_left_over_is_lacking():
    found = missed((5, 2, 2), sides(2, 2, 2), left=1)
    assert found is not None and not found.torn and found.lacking == 2


def test_a_side_that_holds_more_than_asked_is_never_explained_by_groups():
    found = missed((5, 2, 2), sides(6, 2, 1), left=4)
    assert found is not None and not found.torn


def test_sides_are_told_in_one_order_and_what_is_none_comes_last():
    told = dict.fromkeys(["unsplit", "excluded", "test", "removed", "validation", "train"], 1)
    assert list(by_side(told)) == [*SIDES, "unsplit"]
    assert SIDES == ("train", "validation", "test", "excluded", "removed")
