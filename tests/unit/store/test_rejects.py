"""Units that could not be rows wait on disk beyond a few: in order, with their bytes, and without filling memory."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from tests.corpora import CORPUS, deliver, fact, facts, state, write
from workbench.readers.record import Origin, Reject
from workbench.services.intake.ingest import Order, ingest
from workbench.services.intake.quarantine import readmit
from workbench.services.verify import verify
from workbench.store import objects, rejects
from workbench.store.rejects import Rejects


def reject(number: int, raw: bytes = b"torn") -> Reject:
    return Reject(raw, Origin(number, 10 * number, 10 * number + 5), f"reason {number}")


@pytest.fixture
def few(monkeypatch):
    """Let only two units wait in memory, and three rows be written at a time."""
    monkeypatch.setattr(rejects, "_AT_HAND", 2)
    monkeypatch.setattr(objects, "ROW_GROUP", 3)


def test_units_come_back_as_they_went_in_and_their_files_go(few, tmp_path):
    made = [reject(number, bytes([number])) for number in range(7)]
    taken = Rejects(tmp_path, "draft")
    for one in made:
        taken.append(one)
    assert (list(taken), len(taken), len(list(tmp_path.iterdir()))) == (made, 7, 3)
    taken.close()
    assert list(tmp_path.iterdir()) == []


def test_units_of_the_next_part_count_on_from_those_before(few, tmp_path):
    whole, part = Rejects(tmp_path, "whole"), Rejects(tmp_path, "part")
    whole.append(reject(0))
    for number in range(3):
        part.append(reject(number))
    whole.take_over(part.handed_over(), units=100)
    whole.append(reject(200))
    assert [one.origin.position for one in whole] == [0, 100, 101, 102, 200]
    assert (len(whole), len(part), list(part)) == (5, 0, [])


def test_few_large_units_do_not_wait_in_memory(tmp_path):
    taken = Rejects(tmp_path, "draft")
    for number in range(3):
        taken.append(reject(number, bytes(6 << 20)))
    assert len(list(tmp_path.iterdir())) == 1
    taken.close()


def test_units_do_not_pile_up_in_memory(tmp_path):
    def peak(count: int) -> int:
        taken = Rejects(tmp_path, "draft")
        tracemalloc.start()
        try:
            for number in range(count):
                taken.append(reject(number, b"%0400d" % number))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            taken.close()

    # Held, each is some 900 bytes.
    assert peak(20_000) < 6_000_000


def test_many_quarantined_rows_are_kept_in_one_object_as_few_are(few, store):
    good = [json.dumps(fact(number)) for number in range(8)]
    torn = [f'{{"question": "torn {number}' for number in range(8)]
    path = write(store, [])
    path.write_text("\n".join(good + torn), encoding="utf-8")
    order = Order(CORPUS, (path,), schema="qa", settings={"name": "rows"})
    told = ingest(store, order)[0]
    log = store.catalogue.rows()
    assert ingest(store, order)[0].quarantined == 8
    assert store.catalogue.rows() == log  # the same units are the same object
    now = state(store)
    assert (told.read, told.kept, told.quarantined, now.quarantined) == (16, 8, 8, 8)
    assert [raw.decode() for raw in now.rejects["raw"]] == torn
    assert now.rejects["position"].to_list() == list(range(8, 16))
    readmit(store, CORPUS, "rows", 12, fact(12))
    now = state(store)
    assert (now.quarantined, 12 in now.rejects["position"], now.records.height) == (7, False, 9)
    assert verify(store) == []


def test_nothing_quarantined_is_no_object(store):
    deliver(store, facts(0, 1))
    assert state(store).deliveries["rows"].body["rejects"] is None and state(store).quarantined == 0
