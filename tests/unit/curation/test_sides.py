"""Where records stand, in columns: a mapping that says what a dict would, however it was put together."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.curation import slices
from workbench.curation.sides import NONE, Stood, codes_of, names_of, numbers_in
from workbench.curation.split import SIDES, SPLITS, held_value
from workbench.curation.values import held_values

NAMES = st.text("abé", max_size=3)
STOOD = st.dictionaries(NAMES, st.sampled_from(SPLITS))


@given(STOOD, STOOD, st.lists(NAMES))
@settings(max_examples=60, deadline=None)
def test_columns_say_what_a_dict_says(one, other, asked):
    stood = Stood.of(one)
    assert (stood == one, len(stood), bool(stood)) == (True, len(one), bool(one))
    assert [stood.get(record) for record in asked] == [one.get(record) for record in asked]
    assert list(names_of(stood.at(pl.Series(asked, dtype=pl.String)))) == [one.get(record) for record in asked]
    assert stood.over(Stood.of(other)) == other | one


@given(st.sets(NAMES), st.lists(NAMES))
@settings(max_examples=60, deadline=None)
def test_a_number_is_a_place_in_the_order_of_ids(ids, asked):
    ordered = sorted(ids)
    wanted = [ordered.index(name) if name in ids else NONE for name in asked]
    found = numbers_in(pl.Series(ordered, dtype=pl.String), pl.Series(asked, dtype=pl.String))
    assert (found.tolist(), found.dtype) == (wanted, np.int64)


def test_every_side_has_its_own_code_and_none_has_none():
    named = pl.Series([*SIDES, None], dtype=pl.String)
    assert codes_of(named).tolist() == [0, 1, 2, 3, 4, NONE]
    assert names_of(codes_of(named)).to_list() == named.to_list()


def test_values_are_compared_alike_in_every_slice(monkeypatch):
    monkeypatch.setattr(slices, "SLICE", 3)
    values = ["c\u0301", "ć", " ", "a ", None, "A", "\x1fa", ""]
    assert held_values(pl.Series(values)).to_list() == [held_value(value) for value in values]
    assert held_values(pl.Series([1, None, 1])).to_list() == ["1", None, "1"]
    assert held_values(pl.Series([], dtype=pl.String)).to_list() == []
