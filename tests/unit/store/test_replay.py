"""Edits replay: they survive a new delivery, are absorbed by it, or stand in the conflict list; none is lost."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest

from tests.corpora import by_question, deliver, fact, facts, ids, long_fact, near, state, write
from workbench.errors import UsageError
from workbench.fingerprint import digest
from workbench.services.intake.ingest import Order, ingest
from workbench.services.intake.quarantine import readmit
from workbench.services.looking.listing import conflicting
from workbench.services.records.editing import drop, edit, show_record
from workbench.services.records.fixing import fix
from workbench.services.records.undo import undo
from workbench.services.verify import verify
from workbench.store.edits import WHOLE, Edit, replay
from workbench.store.state import state as state_at


def answer(store, record) -> str:
    return state(store).records.filter(id=record)["answer"].to_list()[0]


def only(store) -> str:
    (record,) = ids(store)
    return record


def test_an_edit_survives_a_delivery_in_which_the_row_changed_slightly(store):
    rows = [long_fact(i) for i in range(3)]
    deliver(store, rows)
    old = by_question(store)[rows[1]["question"]]
    edit(store, "facts", old, {"answer": "mended"}, reason="wrong")
    changed = near(rows[1], "more")
    deliver(store, [rows[2], changed, rows[0]])
    heir = by_question(store)[changed["question"]]
    assert heir != old
    assert answer(store, heir) == "mended"
    assert conflicting(store, "facts") == []
    assert show_record(store, "facts", heir).edits[0]["reason"] == "wrong"


def test_an_edit_that_the_source_took_over_is_absorbed(store):
    deliver(store, [fact(1, key=1)], key=("key",))
    edit(store, "facts", only(store), {"answer": "mended"})
    deliver(store, [fact(1, key=1) | {"answer": "mended"}], key=("key",))
    replayed = state(store).replayed
    assert (len(replayed.absorbed), replayed.conflicts) == (1, ())
    assert answer(store, only(store)) == "mended"


def test_an_edit_is_a_conflict_where_both_changed(store):
    deliver(store, [fact(1, key=1)], key=("key",))
    edit(store, "facts", only(store), {"answer": "mine"})
    deliver(store, [fact(1, key=1) | {"answer": "theirs"}], key=("key",))
    (conflict,) = conflicting(store, "facts")
    assert (conflict["wanted"], conflict["found"]) == ("mine", "theirs")
    assert answer(store, only(store)) == "theirs"


def test_an_edit_whose_record_vanished_without_heir_is_listed_and_comes_back_with_it(store):
    deliver(store, facts(1, 2))
    record = by_question(store)[fact(1)["question"]]
    edit(store, "facts", record, {"answer": "mine"})
    deliver(store, facts(2))
    assert [conflict["record"] for conflict in conflicting(store, "facts")] == [record]
    deliver(store, facts(1, 2))
    assert conflicting(store, "facts") == []
    assert answer(store, record) == "mine"


def test_edits_taken_over_in_one_go_are_no_conflict(store):
    deliver(store, [fact(1, key=1)], key=("key",))
    edit(store, "facts", only(store), {"answer": "first try"})
    edit(store, "facts", only(store), {"answer": "final"})
    deliver(store, [fact(1, key=1) | {"answer": "final"}], key=("key",))
    assert conflicting(store, "facts") == []
    assert answer(store, only(store)) == "final"


def test_replaying_twice_changes_nothing():
    base = {"r": {"a": "1", WHOLE: False}}
    edits = [Edit(1, "r", "a", digest("1"), "2", ""), Edit(2, "r", "a", digest("2"), "3", "")]
    once = replay(edits, base, lambda record: (record, "same"))
    twice = replay([*edits, *edits], base, lambda record: (record, "same"))
    assert twice.values == once.values == {"r": {"a": "3"}}
    after = replay(edits, {"r": {"a": "3", WHOLE: False}}, lambda record: (record, "same"))
    assert not any(after.values.values())


def test_the_same_value_again_is_no_edit(store):
    deliver(store, facts(1))
    assert edit(store, "facts", only(store), {"answer": fact(1)["answer"]}) == 0
    assert edit(store, "facts", only(store), {"answer": "x"}) == 1
    assert edit(store, "facts", only(store), {"answer": "x"}) == 0


@pytest.mark.parametrize(
    "values", [{"answer": 3}, {"answer": ["x"]}, {"answer": "\ud800"}, {"nothing": "x"}, {"answer": {"a": 1}}]
)
def test_a_value_that_does_not_fit_is_refused_and_changes_nothing(store, values):
    deliver(store, facts(1))
    log = store.catalogue.rows()
    with pytest.raises(UsageError):
        edit(store, "facts", only(store), values)
    assert store.catalogue.rows() == log


def test_undo_takes_back_the_newest_edit_and_then_the_one_before(store):
    deliver(store, facts(1))
    edit(store, "facts", only(store), {"answer": "one"})
    edit(store, "facts", only(store), {"answer": "two"})
    for expected in ("one", fact(1)["answer"]):
        undo(store, "facts")
        assert answer(store, only(store)) == expected
    assert undo(store, "facts") == []


def test_several_edits_of_one_field_are_undone_at_once(store):
    deliver(store, facts(1))
    for value in ("one", "two", "three"):
        edit(store, "facts", only(store), {"answer": value})
    assert len(undo(store, "facts", 2)) == 2
    assert answer(store, only(store)) == "one"
    assert conflicting(store, "facts") == []
    undo(store, "facts", 5)
    assert answer(store, only(store)) == fact(1)["answer"]
    assert conflicting(store, "facts") == []


def test_an_edit_made_again_after_its_undo_can_be_undone_again(store):
    deliver(store, facts(1))
    for _ in range(3):
        edit(store, "facts", only(store), {"answer": "x"})
        assert answer(store, only(store)) == "x"
        undo(store, "facts")
        assert answer(store, only(store)) == fact(1)["answer"]
    assert undo(store, "facts") == []


def test_an_absorbed_edit_does_not_block_the_undo_of_those_before(store):
    deliver(store, [fact(1, key=1), fact(2, key=2)], key=("key",))
    one, two = (by_question(store)[fact(i)["question"]] for i in (1, 2))
    edit(store, "facts", one, {"answer": "first"})
    edit(store, "facts", two, {"answer": "second"})
    deliver(store, [fact(1, key=1), fact(2, key=2) | {"answer": "second"}], key=("key",))
    undo(store, "facts")
    undo(store, "facts")
    assert answer(store, one) == fact(1)["answer"]


def test_an_edit_of_a_vanished_record_does_not_break_undo(store):
    deliver(store, facts(1, 2))
    one, two = (by_question(store)[fact(i)["question"]] for i in (1, 2))
    edit(store, "facts", two, {"answer": "kept"})
    edit(store, "facts", one, {"answer": "gone"})
    deliver(store, facts(2))
    undo(store, "facts")
    undo(store, "facts")
    assert answer(store, two) == fact(2)["answer"]


def test_a_dropped_record_comes_back_with_its_edits(store):
    deliver(store, facts(1, 2))
    record = by_question(store)[fact(1)["question"]]
    edit(store, "facts", record, {"answer": "x"})
    assert drop(store, "facts", [record]) == 1
    assert drop(store, "facts", [record]) == 0
    assert record not in ids(store)
    assert show_record(store, "facts", record).dropped
    assert drop(store, "facts", [record], back=True) == 1
    assert answer(store, record) == "x"
    undo(store, "facts", 2)
    assert record in ids(store)


def test_undo_of_a_drop_brings_the_record_back(store):
    deliver(store, facts(1, 2))
    drop(store, "facts", [ids(store)[0]])
    undo(store, "facts")
    assert len(ids(store)) == 2


def test_a_drop_holds_for_the_very_row_and_is_asked_again_for_a_changed_one(store):
    rows = [long_fact(i) for i in range(3)]
    deliver(store, rows)
    record = by_question(store)[rows[0]["question"]]
    drop(store, "facts", [record])
    deliver(store, [*rows, long_fact(9)])
    assert len(ids(store)) == 3
    # The changed row may be the mended one: it comes back, and the drop is listed for a person.
    told = deliver(store, [near(rows[0], "more"), *rows[1:]])
    assert len(ids(store)) == 3
    assert told.conflicts == 1


def test_what_stands_in_a_dropped_records_place_is_not_dropped(store):
    deliver(store, facts(*range(5)))
    record = by_question(store)[fact(3)["question"]]
    drop(store, "facts", [record])
    edit(store, "facts", by_question(store)[fact(1)["question"]], {"lang": "fr"})
    deliver(store, [fact(0), fact(71), fact(2), fact(73), fact(4)])
    assert len(ids(store)) == 5
    assert state(store).records.filter(pl.col("lang") == "fr").is_empty()
    assert len(conflicting(store, "facts")) == 2


def test_one_order_drops_all_or_none(store):
    deliver(store, facts(1, 2))
    with pytest.raises(UsageError):
        drop(store, "facts", [ids(store)[0], "nothing"])
    assert len(ids(store)) == 2


@pytest.mark.parametrize("prefix", ["", "zz", "%", "_"])
def test_a_prefix_that_names_no_record_is_refused(store, prefix):
    deliver(store, facts(1, 2))
    with pytest.raises(UsageError):
        show_record(store, "facts", prefix)


def test_a_prefix_of_several_records_is_refused(store):
    deliver(store, facts(*range(40)))
    first = Counter(record[0] for record in ids(store)).most_common(1)[0][0]
    with pytest.raises(UsageError, match=f"records start with '{first}'"):
        show_record(store, "facts", first)


def test_a_fix_is_applied_to_all_records_alike_and_can_be_undone(store):
    deliver(store, [fact(i) | {"answer": " "} for i in range(3)] + facts(9))
    assert fix(store, "facts", "empty-answer") == 3
    assert len(ids(store)) == 1
    undo(store, "facts", 3)
    assert len(ids(store)) == 4


def test_null_and_lists_are_values_like_others(store):
    rows = [{"question": "q", "options": ["a", "b"], "answer": 0, "explanation": "why"}]
    deliver(store, rows, schema="mcq")
    edit(store, "facts", only(store), {"options": ["c", "d", "e"], "explanation": None})
    assert state(store).records.select("options", "explanation").row(0) == (["c", "d", "e"], None)
    edit(store, "facts", only(store), {"explanation": "again"})
    undo(store, "facts", 3)
    assert state(store).records.select("options", "explanation").row(0) == (["a", "b"], "why")


def test_an_older_state_is_untouched_by_later_edits(store):
    deliver(store, facts(1))
    head = store.catalogue.head("facts")
    edit(store, "facts", only(store), {"answer": "later"})
    corpus = store.corpus("facts")
    old = state_at(store.catalogue, store.objects, store.schema(corpus), "facts", upto=head)
    assert old.records["answer"].to_list() == [fact(1)["answer"]]


def test_an_edit_of_a_readmitted_row_holds(store):
    path = write(store, facts(1))
    path.write_bytes(path.read_bytes() + b'{"question": "torn\n')
    ingest(store, Order("facts", (path,), schema="qa"))
    record = readmit(store, "facts", "rows.jsonl", 1, {"question": "whole", "answer": "x"})
    edit(store, "facts", record, {"answer": "y"})
    assert answer(store, record) == "y"
    assert verify(store) == []
    assert state(store).records.filter(pl.col("edited"))["id"].to_list() == [record]


def test_a_unit_is_readmitted_once(store):
    path = write(store, facts(1))
    path.write_bytes(path.read_bytes() + b'{"question": "torn\n')
    ingest(store, Order("facts", (path,), schema="qa"))
    readmit(store, "facts", "rows.jsonl", 1, {"question": "whole", "answer": "x"})
    with pytest.raises(UsageError, match="no quarantined row"):
        readmit(store, "facts", "rows.jsonl", 1, {"question": "whole", "answer": "z"})


def test_what_was_done_at_once_is_taken_back_at_once(store):
    deliver(store, facts(1, 2, 3))
    before = state(store).records.drop("edited")
    one, other, third = ids(store)
    edit(store, "facts", one, {"question": "both", "answer": "fields"})
    drop(store, "facts", [other, third])
    edit(store, "facts", one, {"answer": "alone"})
    assert len(undo(store, "facts")) == 1
    assert len(undo(store, "facts")) == 2
    assert set(ids(store)) == {one, other, third}
    assert len(undo(store, "facts")) == 2
    assert state(store).records.drop("edited").equals(before)
    assert undo(store, "facts", 9) == []


def test_the_same_action_done_again_by_hand_is_another_one(store):
    deliver(store, facts(1, 2))
    both = ids(store)
    drop(store, "facts", both)
    for record in both:
        drop(store, "facts", [record], back=True)
    drop(store, "facts", both)
    assert len(undo(store, "facts")) == 2
    assert set(ids(store)) == set(both)
    assert [len(undo(store, "facts")) for _ in range(3)] == [1, 1, 2]
