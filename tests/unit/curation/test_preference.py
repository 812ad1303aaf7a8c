"""A pair of answers is a duplicate only of a pair that asks, prefers and rejects the same."""

from __future__ import annotations

import pytest

from tests.unit.curation.texts import frame_of, judged, numbered
from workbench.curation.units import Units, units
from workbench.schema import load_schema
from workbench.workspace import samples

PREFERENCE = load_schema(samples() / "schemas" / "preference.yaml")
ASKED, BETTER, WORSE = numbered(0, 40), numbered(100, 140), numbered(200, 240)


def pair(asked: str = ASKED, better: str = BETTER, worse: str = WORSE) -> dict[str, object]:
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": better}]
    return {"messages": turns, "rejected": worse, "lang": None}


def found(*rows: dict[str, object]) -> Units:
    return units(frame_of(PREFERENCE, rows), PREFERENCE)


@pytest.mark.parametrize(
    "other",
    [
        pair(worse=numbered(300, 340)),
        pair(worse="No."),
        pair(better="Yes."),
        pair(worse=f"{WORSE} and one"),
        pair(better=WORSE, worse=BETTER),
    ],
    ids=["another worse answer", "a short one", "another better answer", "almost the same", "the other way round"],
)
def test_another_pair_on_the_same_question_stays(other):
    seen = judged(found(pair(), other))
    assert seen.removed.is_empty()
    assert set(seen.pairs["kind"]) <= {"conflict", "paraphrase"} and seen.pairs.height == 1


def test_a_pair_whose_question_alone_is_written_otherwise_is_a_duplicate():
    assert judged(found(pair(), pair(asked=f"{ASKED} please"))).removed["id"].to_list() == ["001"]


def test_a_pair_that_stands_twice_is_one_unit():
    assert found(pair(), pair(better=BETTER.upper())).records == [["000", "001"]]


def test_a_long_question_does_not_make_duplicates_of_short_answers():
    long = numbered(0, 400)
    seen = judged(found(pair(long, "Yes.", "No."), pair(long, "Yes.", "Never.")))
    assert seen.removed.is_empty() and seen.counts()["conflict"] == 1
