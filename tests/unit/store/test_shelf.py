"""Records laid down on a shelf are the records that memory would hold, and nothing of them is left on the disk."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.corpora import CORPUS, deliver, fact, ids, scratch
from workbench.curation import slices
from workbench.errors import CorruptionError, OutsideError
from workbench.services.records.editing import drop, edit
from workbench.store import shelf
from workbench.store.shelf import Shelf
from workbench.store.store import Store


def both(store: Store) -> tuple[object, object]:
    corpus = store.corpus(CORPUS)
    return store.state(corpus), store.state(corpus, shelf=True)


@pytest.fixture(autouse=True)
def small_slices(monkeypatch):
    monkeypatch.setattr(slices, "SLICE", 3)


def same(store: Store) -> None:
    held, laid = both(store)
    for name in ("stored", "delivered", "records", "derived", "dropped"):
        assert_frame_equal(getattr(laid, name), getattr(held, name))
    assert laid.types == dict(held.stored.schema)


def test_a_shelf_gives_the_records_that_memory_holds():
    with scratch() as store:
        rows = [fact(number) for number in range(20)]
        deliver(store, rows)
        same(store)
        random.Random(1).shuffle(rows)
        deliver(store, [*rows[:15], *(fact(number) for number in range(30, 37))])  # other places, some gone
        same(store)
        edit(store, CORPUS, ids(store)[4], {"answer": "another"})
        drop(store, CORPUS, [ids(store)[1], ids(store)[9]])
        same(store)
        assert [path for path in store.workspace.scratch.iterdir() if path.suffix == ".arrow"] == []


def test_an_empty_corpus_lies_on_a_shelf_too():
    with scratch() as store:
        deliver(store, [fact(1)])
        drop(store, CORPUS, ids(store))
        same(store)
        nothing = store.state(store.corpus(CORPUS)), store.state(store.corpus(CORPUS), shelf=True)
        held, laid = (replace(state, rows=()) for state in nothing)
        assert_frame_equal(laid.derived, held.derived)


def test_frames_on_a_shelf_are_one_frame_and_leave_no_file(tmp_path: Path):
    parts = [pl.DataFrame({"n": [n], "text": ["é" * n * 20], "list": [["a", None]]}) for n in range(4)]
    laid = Shelf(tmp_path)(iter(parts))
    assert_frame_equal(laid, pl.concat(parts))
    assert list(tmp_path.iterdir()) == []
    assert_frame_equal(laid.sort("n", descending=True), pl.concat(parts[::-1]))


def test_small_frames_share_a_file(tmp_path: Path):
    sizes = [0, 1, 1, 0, 1, 7, 2, 2, 0]
    parts = [pl.DataFrame({"n": range(size)}, schema={"n": pl.Int64}) for size in sizes]
    laid = Shelf(tmp_path)(iter(parts))
    assert_frame_equal(laid, pl.concat(parts))
    assert [len(chunk) for chunk in laid["n"].get_chunks()] == [3, 7, 4]


def test_a_file_that_cannot_be_mapped_is_said_and_left_nowhere(tmp_path: Path, monkeypatch):
    def refused(path: Path) -> pl.DataFrame:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(shelf, "mapped", refused)
    with pytest.raises(OutsideError, match="cannot map"):
        Shelf(tmp_path)([pl.DataFrame({"n": [1]})])
    assert list(tmp_path.iterdir()) == []


def test_what_fails_on_the_way_leaves_no_file(tmp_path: Path):
    def failing():
        yield pl.DataFrame({"n": [1]})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Shelf(tmp_path)(failing())
    assert list(tmp_path.iterdir()) == []


def test_a_shelf_that_takes_nothing_says_which_folder(tmp_path: Path):
    with pytest.raises(OutsideError, match="nowhere"):
        Shelf(tmp_path / "nowhere")([pl.DataFrame({"n": [1]})])


@pytest.mark.parametrize("torn", [True, False])
def test_a_lost_or_torn_segment_is_told_of_as_without_a_shelf(torn: bool):
    with scratch() as store:
        deliver(store, [fact(1)])
        path = store.objects.path(both(store)[0].segments[0])
        path.unlink()
        if torn:
            path.write_bytes(b"PAR1")
        for state in both(store):
            with pytest.raises(CorruptionError, match="cannot be read" if torn else "is missing"):
                _ = state.records
