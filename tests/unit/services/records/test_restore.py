"""Restoring brings a version's records back by further edits: nothing is lost, twice changes nothing."""

from __future__ import annotations

import polars as pl
import pytest

from tests.corpora import CORPUS, by_question, cut, deliver, ids, long_fact, near, rows_of, sides, state, words
from workbench.errors import DataError
from workbench.services.records.editing import drop, edit
from workbench.services.records.restore import planned, restored
from workbench.services.records.undo import undo
from workbench.services.verify import verify
from workbench.store.store import Store
from workbench.store.versions import Version

FIELDS = ["id", "question", "answer"]


def content(store: Store, version: Version) -> pl.DataFrame:
    return rows_of(store, version).select(FIELDS).sort("id")


def changed(store: Store, rows: list) -> Version:
    """Make a version, then edit, drop, bring back and add records; return that version."""
    drop(store, CORPUS, ids(store)[-2:])
    edit(store, CORPUS, ids(store)[0], {"answer": "as it was in v1"})
    first = cut(store)
    gone = sorted(state(store).dropped["id"])
    edit(store, CORPUS, ids(store)[0], {"answer": "later"})
    edit(store, CORPUS, ids(store)[1], {"question": words("later", 30), "answer": "later"})
    drop(store, CORPUS, [ids(store)[2]])
    drop(store, CORPUS, gone[:1], back=True)
    deliver(store, [*rows, *(long_fact(i) for i in range(100, 105))])
    return first


def test_the_records_are_what_the_version_held_and_split_says_so(store):
    rows = [long_fact(i) for i in range(20)]
    deliver(store, rows)
    first = changed(store, rows)
    cut(store)
    done = restored(store, first)
    assert done.counts() == {"edited": 2, "returned": 1, "dropped": 6, "heirs": 0, "lost": 0, "edits": 10}
    third = cut(store)
    assert content(store, third).equals(content(store, first))
    assert sides(store, third) == sides(store, first)
    assert {row.body["reason"] for row in store.catalogue.rows(CORPUS, kinds=("edit",))[-10:]} == {"restore v1"}
    assert verify(store) == []


def test_restoring_twice_changes_nothing(store):
    rows = [long_fact(i) for i in range(20)]
    deliver(store, rows)
    first = changed(store, rows)
    restored(store, first)
    log = len(store.catalogue.rows())
    assert restored(store, first).entries == []
    assert len(store.catalogue.rows()) == log


def test_a_plan_changes_nothing_and_says_what_will_be_done(store):
    rows = [long_fact(i) for i in range(20)]
    deliver(store, rows)
    first = changed(store, rows)
    log = len(store.catalogue.rows())
    plan = planned(store, first)
    assert len(store.catalogue.rows()) == log
    assert plan == restored(store, first)


def test_a_restoration_can_be_undone(store):
    rows = [long_fact(i) for i in range(20)]
    deliver(store, rows)
    first = changed(store, rows)
    before = state(store).records.select(FIELDS).sort("id")
    restored(store, first)
    assert not state(store).records.select(FIELDS).sort("id").equals(before)
    undo(store, CORPUS)
    assert state(store).records.select(FIELDS).sort("id").equals(before)


def test_a_vanished_record_is_named_as_lost_and_one_with_an_heir_lives_on_in_it(store):
    rows = [long_fact(i) for i in range(20)]
    deliver(store, rows)
    first = cut(store)
    old = by_question(store)
    mended = near(rows[3], "more")
    deliver(store, [*rows[:3], mended, *rows[4:15]])
    done = restored(store, first)
    heir = ids(store)[0] if len(ids(store)) == 1 else by_question(store)[rows[3]["question"]]
    assert done.heirs == {old[rows[3]["question"]]: heir}
    assert set(done.lost) == {old[row["question"]] for row in rows[15:]}
    assert all("'rows' does not hold it" in why for why in done.lost.values())
    kept = state(store).records.select("question", "answer").sort("question")
    assert kept.to_dicts() == sorted(
        ({"question": r["question"], "answer": r["answer"]} for r in rows[:15]), key=lambda row: row["question"]
    )
    assert restored(store, first).entries == []


def test_fields_that_the_schema_no_longer_has_are_refused(store):
    deliver(store, [long_fact(i) for i in range(5)])
    first = cut(store)
    file = store.workspace.schema_file("qa")
    file.write_text(file.read_text().replace("context", "remark"))
    with pytest.raises(DataError, match="other fields: context, remark"):
        planned(store, first)
