"""A row made of a torn unit stands while its source is torn there, goes with the unit, and comes back with it."""

from __future__ import annotations

import json

import polars as pl
import pytest

from tests.corpora import CORPUS, by_question, cut, deliver, fact, facts, ids, near, sides, state, words, write
from workbench.errors import DataError
from workbench.services.intake.ingest import Order, ingest
from workbench.services.intake.quarantine import readmit
from workbench.services.records.editing import edit
from workbench.services.verify import verify
from workbench.store.store import Store


def torn(store: Store, *numbers: int) -> None:
    path = write(store, facts(*numbers))
    path.write_bytes(path.read_bytes() + b'{"question": "torn\n')
    ingest(store, Order(CORPUS, (path,), schema="qa", settings={"name": "rows"}))


def test_a_readmitted_row_goes_and_comes_back_with_its_unit_and_keeps_its_edits(store):
    torn(store, 0, 1)
    record = readmit(store, CORPUS, "rows", 2, fact(2))
    edit(store, CORPUS, record, {"answer": "mended"})
    deliver(store, facts(0, 1))
    assert record not in ids(store) and state(store).rejects.is_empty()
    assert [conflict.edit.record for conflict in state(store).replayed.conflicts] == [record]
    torn(store, 5, 0, 1)
    now = state(store)
    assert now.rejects.is_empty() and now.replayed.conflicts == ()
    assert now.records.filter(id=record)["answer"].to_list() == ["mended"]
    assert verify(store) == []


TORN = {"torn": "stands for a line that is cut"}


def lines(store: Store, *rows: dict, **settings: object) -> None:
    """Deliver rows in their order; a TORN one is a line that no reader can read."""
    path = write(store, [])
    path.write_text("".join('{"question": "torn\n' if row is TORN else json.dumps(row) + "\n" for row in rows))
    ingest(store, Order(CORPUS, (path,), schema="qa", settings={"name": "rows"} | settings))


def test_a_readmitted_row_that_is_delivered_beside_its_torn_unit_is_one_record(store):
    lines(store, fact(1), TORN)
    record = readmit(store, CORPUS, "rows", 1, fact(2))
    lines(store, fact(1), TORN, fact(2), fact(3))
    now = state(store)
    assert now.records["id"].to_list().count(record) == 1 and now.records.height == 3
    assert now.rejects["position"].to_list() == [1]
    assert cut(store).counts["removed"] == 0
    lines(store, fact(1), TORN, fact(3))
    assert record in ids(store) and state(store).rejects.is_empty()


def test_a_delivered_row_with_the_key_of_a_readmitted_one_is_the_record(store):
    lines(store, fact(1, k=1), TORN, key=("k",))
    record = readmit(store, CORPUS, "rows", 1, fact(9, k=9))
    lines(store, fact(1, k=1), TORN, fact(10, k=9), key=("k",))
    assert state(store).records.filter(id=record)["question"].to_list() == [fact(10)["question"]]
    again = readmit(store, CORPUS, "rows", 1, fact(9, k=9))
    assert again != record and len(set(ids(store))) == state(store).records.height == 3


def test_the_newest_row_made_of_a_unit_stands(store):
    lines(store, fact(1), TORN)
    first = readmit(store, CORPUS, "rows", 1, fact(2))
    lines(store, fact(1), TORN, fact(2))
    second = readmit(store, CORPUS, "rows", 1, fact(3))
    assert {first, second} < set(ids(store))
    lines(store, fact(1), TORN)
    assert second in ids(store) and first not in ids(store)


def test_a_record_made_of_two_units_stands_once(store):
    path = write(store, facts(1, 3, 4, 5))
    units = [b'{"question": "torn\n', b'{"question": "torn otherwise\n']
    whole, record = path.read_bytes(), ""
    for unit in units:
        path.write_bytes(whole + unit)
        ingest(store, Order(CORPUS, (path,), schema="qa", settings={"name": "rows"}))
        record = readmit(store, CORPUS, "rows", 4, fact(2))
    path.write_bytes(units[0] + whole + units[1])
    ingest(store, Order(CORPUS, (path,), schema="qa", settings={"name": "rows"}))
    assert ids(store).count(record) == 1 and state(store).records.height == 5
    assert state(store).rejects["raw"].to_list() == [units[0].strip()]


def test_a_known_row_comes_back_as_itself_with_its_edits_and_its_side(store):
    lines(store, *facts(*range(10)))
    known = sides(store, cut(store, ratios=(0.5, 0.25, 0.25)))
    record = next(name for name, side in known.items() if side == "test")
    number = state(store).records.filter(id=record)["position"][0]
    edit(store, CORPUS, record, {"answer": "mended"})
    stored = state(store).stored.height
    lines(store, *(TORN if place == number else fact(place) for place in range(10)))
    assert record not in ids(store)
    assert readmit(store, CORPUS, "rows", number, fact(number)) == record
    now = state(store)
    assert now.records.filter(id=record)["answer"].to_list() == ["mended"]
    assert now.stored.height == stored and now.replayed.conflicts == ()
    assert sides(store, cut(store, ratios=(0.5, 0.25, 0.25)))[record] == "test"
    assert verify(store) == []


def test_a_row_that_stands_here_is_not_readmitted_as_a_third_one(store):
    lines(store, fact(1), fact(2), TORN, TORN)
    assert readmit(store, CORPUS, "rows", 2, fact(1)) not in {by_question(store)[fact(2)["question"]]}
    with pytest.raises(DataError, match="here already"):
        readmit(store, CORPUS, "rows", 3, fact(1))


def test_a_readmitted_record_that_stands_takes_no_heir_by_likeness(store):
    old = {"question": words("base", 40) + " " + words("tail", 6), "answer": "a"}
    row, heir = ({"question": f"{words('base', 40)} {end}", "answer": "a"} for end in ("one", "two"))
    lines(store, fact(1), old, fact(2), TORN)
    edit(store, CORPUS, by_question(store)[old["question"]], {"answer": "mended"})
    record = readmit(store, CORPUS, "rows", 3, row)
    lines(store, fact(5), heir, fact(6), TORN)
    now = state(store)
    assert record in ids(store) and record not in now.heirs
    assert now.records.filter(question=heir["question"])["answer"].to_list() == ["mended"]


def test_a_readmitted_record_is_no_neighbour_of_a_delivered_one(store):
    lines(store, fact(1), TORN, fact(3))
    old = by_question(store)[fact(1)["question"]]
    edit(store, CORPUS, old, {"answer": "mended"})
    readmit(store, CORPUS, "rows", 1, fact(2))
    lines(store, fact(4, answer=fact(1)["answer"]), TORN, fact(3))
    assert state(store).heirs[old] == (by_question(store)[fact(4)["question"]], "place")
    assert state(store).records.filter(question=fact(4)["question"])["answer"].to_list() == ["mended"]


def test_a_readmitted_record_whose_unit_is_mended_otherwise_has_an_heir(store):
    row = {"question": words("long", 40), "answer": "a"}
    lines(store, fact(1), TORN)
    record = readmit(store, CORPUS, "rows", 1, row)
    lines(store, fact(1), near(row, "more"))
    assert state(store).heirs[record] == (by_question(store)[near(row, "more")["question"]], "near")


def test_a_record_with_two_current_rows_is_named_by_verify(store):
    deliver(store, facts(1, 2))
    row = store.catalogue.rows(kinds=("delivery",))[0]
    twice = pl.concat([store.objects.table(row.body["members"])] * 2)
    counts = {"read": 4, "merged": 2, "members": store.objects.put_table(twice)}
    store.catalogue.append(("delivery", CORPUS, "rows", row.body | counts))
    found = verify(store)
    assert len(found) == 2 and all("has 2 current rows" in fault for fault in found)
    assert all(any(record in fault for fault in found) for record in set(ids(store)))
