"""Which rows are equal, told by the begin of their keys and then by all of them."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from workbench.curation.units import _first_alike

KEYS = st.sampled_from([b"0123456789abcdef", b"0123456789abcdeF", b"other begin, 16b", None])
LANGUAGES = st.sampled_from(["en", "fr", None])


@given(st.lists(st.tuples(KEYS, KEYS, LANGUAGES), max_size=12))
def test_the_first_of_equal_rows_stands_for_them_and_none_is_equal_to_nothing_but_none(rows):
    frame = pl.DataFrame(rows, schema={"key": pl.Binary, "other": pl.Binary, "language": pl.String}, orient="row")
    assert _first_alike(frame).tolist() == [rows.index(row) for row in rows]
