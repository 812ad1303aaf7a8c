"""Rows of a table are numbers: all but some cost nothing, and any selection answers the same questions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.services.looking.selection import Listed, Remaining, among, following, sorted_rows

GONE = st.sets(st.integers(0, 29)).map(lambda rows: np.array(sorted(rows), dtype=np.int64))


@given(GONE)
def test_what_remains_is_what_deleting_leaves(gone):
    kept = np.delete(np.arange(30), gone)
    remaining = Remaining(30, gone)
    assert len(remaining) == len(kept)
    for start in range(0, 31, 4):
        assert remaining.part(start, start + 7).tolist() == kept[start : start + 7].tolist()
    assert [remaining.place(row) for row in range(-1, 31)] == [
        kept.tolist().index(row) if row in kept else None for row in range(-1, 31)
    ]


@given(st.lists(st.integers(0, 20), max_size=30), GONE)
def test_membership_is_that_of_a_set(rows, wanted):
    assert among(np.array(rows, dtype=np.int64), wanted).tolist() == [row in set(wanted.tolist()) for row in rows]


@given(st.permutations(range(20)), GONE, st.integers(0, 19), st.sampled_from([1, -1]))
def test_the_next_wanted_row_is_the_nearest_in_the_order_of_the_table(order, wanted, place, step):
    listed = Listed(np.array(order, dtype=np.int64))
    places = [i for i, row in enumerate(order) if row in wanted and (i - place) * step > 0]
    assert following(listed, place, wanted, step) == (min(places, key=lambda i: abs(i - place)) if places else None)


def test_a_listed_row_is_found_wherever_it_stands():
    listed = Listed(np.array([5, 3, 9], dtype=np.int64))
    assert [listed.place(row) for row in (5, 3, 9, 4)] == [0, 1, 2, None]
    assert sorted_rows(listed).tolist() == [3, 5, 9]


@pytest.mark.parametrize("step", [1, -1])
def test_a_wanted_row_is_found_far_away(step):
    remaining = Remaining(100_000, np.empty(0, np.int64))
    start, target = (0, 99_999) if step > 0 else (99_999, 0)
    assert following(remaining, start, np.array([target]), step) == target
