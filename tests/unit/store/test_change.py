"""A change is made for the state it is written to, however often others are faster."""

from __future__ import annotations

import sqlite3

import pytest

from tests.corpora import CORPUS, deliver, facts, ids, state
from workbench.errors import CorruptionError, OutsideError, UsageError
from workbench.services.records.editing import edit
from workbench.store import catalogue as log
from workbench.store.catalogue import Catalogue
from workbench.store.edits import body_of


def test_a_change_is_prepared_again_where_another_process_was_faster(store):
    deliver(store, facts(*range(3)))
    rival, seen = Catalogue(store.workspace.catalogue), []

    def prepare(present):
        seen.append(len(present.rows))
        if len(seen) == 1:
            rival.append(("edit", CORPUS, "r", body_of("answer", 1, 2, "")))
        return []

    assert store.change(store.corpus(CORPUS), prepare) == []
    assert seen == [1, 2]
    rival.close()


def test_a_change_gets_through_though_somebody_is_always_faster(store, monkeypatch):
    monkeypatch.setattr(log, "BUSY_SECONDS", 0)
    deliver(store, facts(*range(3)))
    rival, kept_out = Catalogue(store.workspace.catalogue), []

    def prepare(present):
        try:
            rival.append(("edit", CORPUS, "r", body_of("answer", 1, 2, "")))
        except OutsideError:
            kept_out.append(len(present.rows))
        return [("edit", CORPUS, ids(store)[0], body_of("answer", present.rows[-1].seq, "mine", ""))]

    (made,) = store.change(store.corpus(CORPUS), prepare)
    assert [row.seq for row in store.catalogue.rows()][-1] == made == kept_out[0] + 1
    rival.close()


def test_a_change_that_is_refused_at_last_writes_nothing(store):
    deliver(store, facts(*range(3)))
    rival, calls = Catalogue(store.workspace.catalogue), []

    def prepare(present):
        calls.append(present)
        if len(calls) > 5:
            raise UsageError("no longer possible")
        rival.append(("edit", CORPUS, "r", body_of("answer", 1, 2, "")))
        return []

    before = state(store).records
    with pytest.raises(UsageError, match="no longer possible"):
        store.change(store.corpus(CORPUS), prepare)
    assert state(store).records.equals(before)
    rival.append(("edit", CORPUS, "r", body_of("answer", 1, 2, "")))
    rival.close()


def test_a_log_with_damaged_pages_takes_no_further_row(store):
    deliver(store, facts(*range(3)))
    for number in range(60):
        edit(store, CORPUS, ids(store)[0], {"answer": f"said {number}"})
    path = store.workspace.catalogue
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    damaged = Catalogue(path)
    with pytest.raises(CorruptionError, match=r"store\.db"):
        damaged.append(("note", CORPUS, "r", {}))
    damaged.close()
    path.write_bytes(data)
    store.catalogue.append(("note", CORPUS, "r", {}))


def test_a_version_of_no_corpus_is_refused_with_the_nearest_name(store):
    deliver(store, facts(1))
    with pytest.raises(UsageError, match="fact") as refused:
        store.version("fact")
    assert "did you mean 'facts'" in refused.value.hint


def test_a_log_that_is_used_wrongly_is_not_called_damaged(store):
    store.catalogue.close()
    with pytest.raises(sqlite3.ProgrammingError):
        store.catalogue.rows()
    with pytest.raises(sqlite3.ProgrammingError):
        store.catalogue.append(("edit", "facts", "x", {}))
