"""A row made of a torn unit stands while its source is torn there, goes with the unit, and comes back with it."""

from __future__ import annotations

from tests.corpora import CORPUS, deliver, fact, facts, ids, state, write
from workbench.services.ingest import Order, ingest
from workbench.services.quarantine import readmit
from workbench.services.records import edit
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
