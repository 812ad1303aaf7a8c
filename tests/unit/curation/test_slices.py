"""What is worked out slice by slice is what is worked out at once."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from workbench.curation import slices
from workbench.curation.slices import by_slices, sliced


@given(rows=st.lists(st.text(max_size=5), max_size=40), size=st.integers(1, 50))
def test_slices_hold_every_row_once_in_order(rows, size):
    frame = pl.DataFrame({"text": rows}, schema={"text": pl.String})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "SLICE", size)
        parts = list(sliced(frame))
        assert_frame_equal(pl.concat(parts), frame)
        upper = pl.col("text").str.to_uppercase()
        assert_frame_equal(by_slices(frame, lambda part: part.select(upper)), frame.select(upper))
    assert all(part.height <= size for part in parts)


def test_a_frame_never_has_more_slices_than_a_process_can_map(monkeypatch):
    monkeypatch.setattr(slices, "SLICE", 1)
    monkeypatch.setattr(slices, "_MOST", 10)
    assert len(list(sliced(pl.DataFrame({"n": range(1000)})))) <= 11
