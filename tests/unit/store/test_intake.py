"""What a delivery brings waits as it came: values beyond JSON, repairs, rows without a stable form, a full disk."""

from __future__ import annotations

import json
import math

import polars as pl
import pytest

from tests.corpora import CORPUS, deliver, fact, facts, state, write
from workbench.errors import OutsideError
from workbench.readers.record import Origin
from workbench.services.intake.ingest import Order, ingest
from workbench.store import intake
from workbench.store.intake import Arrival, Intake
from workbench.store.spool import Spool


def arrival(number: int, **raw: object) -> Arrival:
    fields = fact(number)
    return Arrival(fields | {"context": None, "lang": None, "concept": None}, raw, fields | raw, Origin(number, 0, 1))


def test_an_integer_beyond_64_bits_that_no_field_took_is_kept_to_the_last_digit(store):
    deliver(store, [fact(1, big=2**80)])
    assert json.loads(state(store).records["extra"][0]) == {"big": 2**80}


def test_a_row_without_a_stable_form_is_not_taken(store):
    deliver(store, facts(0))
    with Intake(state(store).schema.types, (), store.objects) as taken:
        with pytest.raises(TypeError):
            taken.add(arrival(1, number=math.nan))
        assert taken.height == 0
        assert list(taken.frames()) == []


def test_full_segments_wait_on_disk_in_their_order_and_go_at_the_end(store, monkeypatch):
    monkeypatch.setattr(intake, "SEGMENT_ROWS", 3)
    deliver(store, facts(0))
    with Intake(state(store).schema.types, (), store.objects) as taken:
        for number in range(8):
            taken.add(arrival(number))
        assert len(list(store.workspace.scratch.iterdir())) == 2
        assert [frame.height for frame in taken.frames()] == [3, 3, 2]
        assert taken.table(["position"])["position"].to_list() == list(range(8))
    assert list(store.workspace.scratch.iterdir()) == []


def test_a_disk_that_polars_calls_full_is_one_error(store, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise pl.exceptions.ComputeError("No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_ipc", refuse)
    with pytest.raises(OutsideError, match="No space left"):
        Spool(store.workspace.scratch, "x").add(pl.DataFrame({"a": [1]}))


def test_what_a_reader_mended_is_an_edit_that_names_its_reason(store):
    header = "*** START OF THE PROJECT GUTENBERG EBOOK ***\n"
    path = write(store, [], "novel.txt")
    path.write_bytes(
        f"Licence text of this e-text.\n{header}CHAPTER I\n\nIt was a bright day. ".encode() + b"Caf\xe9 open.\n"
    )
    made = ingest(store, Order(CORPUS, (path,), schema="prose", settings={"encoding": "utf-8"}))[0]
    edits = state(store).edits
    assert made.repairs == len(edits) >= 1
    assert all(edit.reason for edit in edits)
    assert {edit.field for edit in edits if edit.value is True} == {""}
    assert state(store).dropped.height == 1


def test_a_mark_inside_of_a_cell_is_taken_out_by_an_edit_once(store):
    path = write(store, [], "rows.csv")
    first = '"question","answer"\n"What?","\ufeffa mark"\n'
    for text in (first, first + '"Where?","here"\n'):
        path.write_text(text, encoding="utf-8")
        ingest(store, Order(CORPUS, (path,), schema="qa"))
        (edit,) = state(store).edits
        assert (edit.field, edit.value, edit.reason) == ("answer", "a mark", "byte order mark inside the cell")
    assert state(store).delivered["answer"].to_list() == ["\ufeffa mark", "here"]
    assert state(store).records["answer"].to_list() == ["a mark", "here"]
