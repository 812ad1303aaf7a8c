"""Records are read from where they lie: a part of them, edited as they are, in the order in which all are read."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpora import deliver, fact, facts, ids, scratch, state
from workbench.errors import DataError
from workbench.services.records.editing import drop, edit
from workbench.store.rows import Rows, listing_file, read, rows_of


def parts(rows: Rows, folder, size: int) -> pl.DataFrame:
    """Return all records, read a few at a time."""
    listings = (rows.listing.slice(first, size) for first in range(0, rows.listing.height, size))
    count = rows.written(listings, folder)
    return pl.concat([read(listing_file(folder, number), rows.types) for number in range(count)])


@settings(max_examples=15)
@given(data=st.data())
def test_the_parts_together_are_the_current_records(data):
    with scratch() as store:
        folder = store.workspace.scratch
        rows = st.lists(st.integers(0, 9), min_size=1, max_size=8)
        for name in data.draw(st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=3)):
            deliver(store, facts(*data.draw(rows)), file=f"{name}.jsonl", name=name)
        for record in data.draw(st.lists(st.sampled_from(ids(store)[1:] or [""]), max_size=3, unique=True)):
            if record and data.draw(st.booleans()):
                drop(store, "facts", [record])
            elif record:
                edit(store, "facts", record, {"answer": "another"})
        whole = state(store).records.select("id", "source", *state(store).schema.columns)
        found = parts(rows_of(state(store), folder), folder, data.draw(st.integers(1, 5)))
        assert found.select(whole.columns).rows() == whole.rows()


def test_only_the_records_that_a_table_names_are_read_with_what_it_says_of_them(store, tmp_path):
    deliver(store, facts(1, 2, 3))
    named = ids(store)[:2]
    rows = rows_of(state(store), tmp_path).joined(pl.DataFrame({"id": named, "split": ["train", "test"]}))
    found = parts(rows, tmp_path, 10)
    assert dict(found.select("id", "split").iter_rows()) == dict(zip(named, ["train", "test"], strict=True))


def test_a_file_that_is_torn_or_lacks_a_row_is_named(store, tmp_path):
    deliver(store, [fact(1)])
    rows = rows_of(state(store), tmp_path)
    rows.written(iter([rows.listing]), tmp_path)
    for found, words in ((pl.DataFrame({"rid": [99]}), "lacks 1 rows"), (None, "cannot be read")):
        bad = tmp_path / "bad.parquet"
        found.write_parquet(bad) if found is not None else bad.write_bytes(b"torn")
        listing = pl.read_parquet(listing_file(tmp_path, 0)).with_columns(_path=pl.lit(str(bad)))
        listing.write_parquet(tmp_path / "listing.parquet")
        with pytest.raises(DataError, match=rf"bad\.parquet {words}"):
            read(tmp_path / "listing.parquet", rows.types)
