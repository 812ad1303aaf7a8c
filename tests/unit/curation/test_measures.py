"""Spreads, histograms, words and shares, against numpy and plain counting."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.curation import measures
from workbench.curation.measures import BINS, NONE, Absent, Spread

LENGTHS = st.lists(st.integers(0, 10**6), min_size=1, max_size=60)
WORDS = st.text(alphabet="abcÉé,. \n'", max_size=30)


@given(LENGTHS)
def test_a_spread_is_what_numpy_says(lengths):
    found = measures.spread(pl.Series(lengths))
    assert isinstance(found, Spread)
    assert (found.n, found.total, found.min, found.max) == (len(lengths), sum(lengths), min(lengths), max(lengths))
    assert [found.p5, found.median, found.p95] == np.percentile(lengths, [5, 50, 95]).tolist()
    assert found.mean == np.mean(lengths)


@given(LENGTHS)
def test_the_bins_of_a_histogram_touch_and_hold_every_value_once(lengths):
    found = measures.spread(pl.Series(lengths))
    assert isinstance(found, Spread)
    bins = found.histogram
    assert len(bins) <= BINS and (bins[0].low, bins[-1].high) == (min(lengths), max(lengths))
    assert all(one.high + 1 == after.low for one, after in pairwise(bins))
    assert [part.count for part in bins] == [sum(part.low <= n <= part.high for n in lengths) for part in bins]


def test_the_outer_percentiles_leave_out_one_in_twenty():
    found = measures.spread(pl.Series(range(101)))
    assert isinstance(found, Spread) and (found.p5, found.p95) == (5, 95)


def test_one_giant_does_not_flatten_the_histogram():
    found = measures.spread(pl.Series([*range(100), 10**6]))
    assert isinstance(found, Spread)
    assert sum(part.count > 0 for part in found.histogram) == len(found.histogram)


@pytest.mark.parametrize("values", [[], [None, None]])
def test_no_records_have_no_median(values):
    assert measures.spread(pl.Series(values, dtype=pl.Int64)) == Absent("no records")


def test_characters_are_code_points_and_an_absent_text_has_no_length():
    assert measures.characters(pl.Series(["é🙂", "", None])).to_list() == [2, 0, None]


@given(st.lists(st.one_of(st.none(), WORDS), max_size=20))
def test_the_vocabulary_is_the_set_of_lower_case_words(texts):
    words = [word for text in texts if text for word in re.findall(r"\w+", text.lower())]
    found = measures.vocabulary(pl.Series(texts, dtype=pl.String))
    assert (found.running, found.different) == (len(words), len(set(words)))
    assert found.ratio == (len(set(words)) / len(words) if words else Absent("no words"))
    counts = measures.word_counts(pl.Series(texts, dtype=pl.String))
    assert int(counts.sum()) == len(words)


def test_a_vocabulary_is_the_same_over_many_slices(monkeypatch):
    texts = pl.Series([f"word{i % 7} again" for i in range(40)])
    whole = measures.vocabulary(texts)
    monkeypatch.setattr(measures, "_SLICE", 3)
    assert measures.vocabulary(texts) == whole and whole.different == 8


@given(st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=30))
def test_shares_are_of_all_values_the_absent_one_among_them(values):
    found = measures.shares(pl.Series(values, dtype=pl.String))
    assert found.n == len(values) and sum(one.share for one in found.shares) == pytest.approx(1)
    assert {one.value: one.count for one in found.shares} == {v or NONE: values.count(v) for v in values}
    assert [one.count for one in found.shares] == sorted((one.count for one in found.shares), reverse=True)
