"""Where a text once stood outlives its record: test text never becomes train, whatever leaves, yields or is judged."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpora import by_question, cut, deliver, fact, facts, ids, long_fact, near, rows_of, scratch, sides, words
from workbench.errors import LeakError, UsageError
from workbench.services.checking.curate import curate
from workbench.services.duplicates.verdicts import set_apart
from workbench.services.records.editing import drop, edit
from workbench.services.versions.build import build, save
from workbench.services.versions.split import requested

pytestmark = pytest.mark.thorough

QUICK = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))


def reasons(store, version) -> dict[str, str | None]:
    return dict(rows_of(store, version).select("id", "reason").iter_rows())


def held_out_leaders(store) -> dict[str, str]:
    """Cut a corpus of exact twins and return each test record that stayed, with its removed twin."""
    deliver(store, [row | {"copy": copy} for row in facts(*range(40)) for copy in (1, 2)])
    version = cut(store, ratios=(0.5, 0.2, 0.3))
    where = sides(store, version)
    twins = {(why or "").split()[-1]: r for r, why in reasons(store, version).items() if where[r] == "removed"}
    return {kept: twin for kept, twin in twins.items() if where[kept] == "test"}


@pytest.mark.parametrize("how", ["dropped", "faulty", "vanished"])
def test_the_twin_of_a_test_record_that_goes_stands_in_test(store, how):
    twins = held_out_leaders(store)
    assert twins
    if how == "dropped":
        drop(store, "facts", list(twins))
    elif how == "faulty":
        for record in twins:
            edit(store, "facts", record, {"question": " "})
    else:
        deliver(store, [row | {"copy": 2} for row in facts(*range(40))])
    deliver(store, facts(*range(100, 140)), name="more", file="more.jsonl")
    after = sides(store, cut(store, ratios=(0.5, 0.2, 0.3)))
    left = [twin for kept, twin in twins.items() if twin in after and (how != "vanished" or kept not in after)]
    assert left
    assert {after[twin] for twin in left} == {"test"}


def test_a_copy_that_ranks_better_does_not_push_the_assigned_one_out(store):
    deliver(store, [long_fact(i) for i in range(20)], name="z")
    first = cut(store)
    longer = [near(long_fact(i), words(f"more {i}", 3)) for i in range(20)]
    deliver(store, longer, name="a", file="a.jsonl")
    second = cut(store)
    assert second.counts["removed"] == 20
    assert sides(store, second) | sides(store, first) == sides(store, second)
    assert cut(store).id == second.id
    save(store, "facts")
    assert build(store, "facts")[1].id == second.id


def test_a_faulty_test_record_settles_its_group(store):
    deliver(store, [long_fact(i, concept=f"c{i}") for i in range(30)])
    where = sides(store, cut(store))
    concept_of = dict(store.state(store.corpus("facts")).records.select("id", "concept").iter_rows())
    held = [record for record, side in where.items() if side == "test"]
    for record in held:
        edit(store, "facts", record, {"answer": " "})
    more = [long_fact(100 + n, concept=concept_of[record]) for n, record in enumerate(held)]
    # Enough unrelated text beside them that no empty test side draws them in by itself.
    deliver(store, [*more, *facts(*range(200, 240))], name="more", file="more.jsonl")
    after, named = sides(store, cut(store)), by_question(store)
    assert {after[named[row["question"]]] for row in more} == {"test"}


def test_values_that_look_the_same_hold_together_and_blank_ones_hold_nothing(store):
    names = [(unicodedata.normalize("NFC", f"évé{i}"), unicodedata.normalize("NFD", f" évé{i} ")) for i in range(12)]
    rows = [long_fact(i, concept=names[i // 2][i % 2]) for i in range(24)]
    rows += [long_fact(100 + i, concept=" " * (i % 3)) for i in range(24)]
    deliver(store, rows)
    version = cut(store, ratios=(0.34, 0.33, 0.33))
    where, named = sides(store, version), by_question(store)
    placed = [where[named[row["question"]]] for row in rows]
    assert placed[0:24:2] == placed[1:24:2]
    assert set(placed[24:]) == {"train", "validation", "test"}
    assert any("24 records without `concept`" in said for said in version.proof["unchecked"])


@pytest.mark.parametrize("seed", range(4))
def test_a_pair_judged_apart_is_not_removed_and_still_held_together(store, seed):
    rows = [row for i in range(6) for row in (long_fact(i), near(long_fact(i), "x"))]
    deliver(store, [*rows, *facts(*range(10, 30))])
    for a, b in curate(store, "facts").judgement.pairs.select("a", "b").rows():
        set_apart(store, "facts", (a, b))
    assert curate(store, "facts").judgement.removed.is_empty()
    where, named = sides(store, cut(store, seed=seed)), by_question(store)
    placed = [where[named[row["question"]]] for row in rows]
    assert placed[::2] == placed[1::2]


def test_a_verdict_is_taken_back_by_the_other_one(store):
    deliver(store, [long_fact(1), near(long_fact(1), "x")])
    pair = curate(store, "facts").judgement.pairs.row(0)[:2]
    set_apart(store, "facts", pair)
    set_apart(store, "facts", pair, verdict="same")
    assert curate(store, "facts").judgement.removed.height == 1


def test_exact_twins_judged_apart_do_not_go_for_each_other_and_stay_in_one_group(store):
    deliver(store, [*(long_fact(1, copy=copy) for copy in range(3)), *facts(*range(10, 30))])
    rows = store.state(store.corpus("facts")).records.select("id", "question").sort("id").rows()
    twins = [record for record, question in rows if question == long_fact(1)["question"]]
    set_apart(store, "facts", (twins[1][:12], twins[2][:12]))
    removed = dict(curate(store, "facts").judgement.removed.select("id", "kept").iter_rows())
    assert len(removed) == 1
    assert not any({goes, kept} == set(twins[1:]) for goes, kept in removed.items())
    where = sides(store, cut(store, ratios=(0.34, 0.33, 0.33)))
    assert len({where[twin] for twin in twins if twin not in removed}) == 1


def test_any_member_of_two_units_may_be_judged(store):
    deliver(store, [row | {"copy": c} for row in (long_fact(1), near(long_fact(1), "tail")) for c in (1, 2)])
    rows = store.state(store.corpus("facts")).records.select("id", "question").sort("id").rows()
    one = [record for record, question in rows if question.endswith(" tail")]
    other = [record for record, question in rows if not question.endswith(" tail")]
    assert curate(store, "facts").judgement.removed.height == 3
    set_apart(store, "facts", (one[1], other[1]))
    assert curate(store, "facts").judgement.removed.height == 2


def test_a_verdict_on_unknown_or_equal_records_is_refused_and_not_logged(store):
    deliver(store, facts(1, 2))
    log = len(store.catalogue.rows())
    for pair in (("nonsense", ids(store)[0]), (ids(store)[0], ids(store)[0])):
        with pytest.raises(UsageError):
            set_apart(store, "facts", pair)
    assert len(store.catalogue.rows()) == log


def retold(of: int) -> dict[str, str]:
    """Return a passage near that one, yet not near enough to be removed."""
    return {"text": f"{words(f'passage {of}', 30)} {words(f'retold {of}', 5)}"}


def told(number: int) -> dict[str, str]:
    return {"text": words(f"passage {number}", 35)}


@given(st.integers(0, 99), st.lists(st.integers(0, 69), max_size=60, unique=True))
@QUICK
def test_prose_with_near_copies_is_settled_at_once_and_its_growth_moves_nobody(seed, copies):
    settings_ = {"seed": seed, "ratios": (0.5, 0.25, 0.25)}
    with scratch() as store:
        deliver(store, [*map(told, range(70)), *map(retold, copies)], schema="prose")
        first = cut(store, **settings_)
        assert cut(store, **settings_).id == first.id
        before = sides(store, first)
        deliver(store, [retold(i) for i in range(70) if i not in copies], schema="prose", name="b", file="b.jsonl")
        second = cut(store, **settings_)
        after = sides(store, second)
        stood = {record: side for record, side in before.items() if side not in ("excluded", "removed")}
        assert {record: after[record] for record in stood} == stood
        assert cut(store, **settings_).id == second.id


def test_a_record_that_was_test_never_becomes_train_by_another_delivery(store):
    rows = facts(*range(12))
    deliver(store, rows[:8], name="a", split="train")
    deliver(store, rows[8:], name="b", file="b.jsonl", split="test")
    held = {record for record, side in sides(store, cut(store, keep_source_split=True)).items() if side == "test"}
    deliver(store, rows[8:], name="b", file="b.jsonl", split="train")
    version = cut(store, keep_source_split=True)
    assert {sides(store, version)[record] for record in held} == {"excluded"}
    assert all("stood in test" in (reasons(store, version)[record] or "") for record in held)


@pytest.mark.parametrize(("train", "test"), [("a", "b"), ("b", "a")])
def test_of_two_delivered_copies_the_held_out_one_stays(store, train, test):
    deliver(store, facts(*range(10)), name=train, split="train")
    deliver(store, facts(*range(5, 15)), name=test, file="other.jsonl", split="test")
    counts = cut(store, keep_source_split=True).counts
    assert (counts["train"], counts["test"], counts["removed"]) == (5, 10, 5)


def test_one_question_with_two_answers_on_two_delivered_sides_is_a_leak(store):
    deliver(store, [*facts(*range(5)), fact(9)], name="a", split="train")
    deliver(store, [fact(9, answer="something else")], name="b", file="b.jsonl", split="test")
    with pytest.raises(LeakError, match="1 groups"):
        cut(store, keep_source_split=True)


def test_ratios_are_shares_however_they_are_written(store):
    deliver(store, facts(*range(20)))
    first = cut(store)
    assert requested(store, "facts", ratios=(80, 10, 10)) == requested(store, "facts", ratios=(0.8, 0.1, 0.1))
    assert cut(store, ratios=(80, 10, 10)).id == first.id
    assert requested(store, "facts", ratios=(1e308, 1e308, 1e308)).ratios == (0.333333333333,) * 3


@pytest.mark.parametrize(
    "asked",
    [{"ratios": (2, -1, 1)}, {"ratios": (0, 0, 0)}, {"ratios": (float("nan"), 1, 1)}, {"ratios": (float("inf"), 1, 1)},
     {"counts": (-1, 5, 5)}, {"counts": (0, 0, 0)}],
    ids=str,
)  # fmt: skip
def test_numbers_that_make_no_split_are_refused(store, asked):
    deliver(store, facts(1, 2))
    with pytest.raises(UsageError):
        requested(store, "facts", **asked)
