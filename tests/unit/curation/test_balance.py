"""Chance or bias: splits against each other, and right letters against an even spread."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workbench.curation.balance import Difference, Test, balance, letters_of
from workbench.curation.measures import NONE, Absent

PAIRS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["train", "validation", "test"])), max_size=60)


def rows(**counts: tuple[int, ...]) -> tuple[pl.Series, pl.Series]:
    """Return values and splits of so many records of each value in train, validation and test."""
    pairs = [
        (value, side)
        for value, numbers in counts.items()
        for side, number in zip(("train", "validation", "test"), numbers, strict=False)
        for _ in range(number)
    ]
    return pl.Series([value for value, _ in pairs]), pl.Series([side for _, side in pairs])


def chosen(options: int, **counts: int) -> pl.DataFrame:
    letters = [letter for letter, count in counts.items() for _ in range(count)]
    return pl.DataFrame(
        {"letter": letters, "options": [options] * len(letters)}, schema_overrides={"options": pl.Int64}
    )


def test_a_difference_is_found_with_its_shares_and_its_probability():
    found = balance("difficulty", *rows(easy=(80, 10, 2), hard=(20, 10, 18)))
    assert found.largest == Difference("easy", "train", "test", 0.8, 0.1)
    wanted = stats.chi2_contingency([[80, 10, 2], [20, 10, 18]], correction=False)
    assert isinstance(found.test, Test) and found.test.n == 140
    assert (found.test.chi_square, found.test.p) == pytest.approx((wanted.statistic, wanted.pvalue))


def test_two_by_two_is_tested_without_correction():
    found = balance("difficulty", *rows(easy=(30, 10), hard=(20, 20)))
    expected = {30: 25, 10: 15, 20: 25}
    wanted = sum((o - e) ** 2 / e for o, e in [*expected.items(), (20, 15)])
    assert isinstance(found.test, Test) and found.test.chi_square == pytest.approx(wanted)


def test_equal_shares_are_no_bias():
    found = balance("difficulty", *rows(easy=(40, 20), hard=(40, 20)))
    assert isinstance(found.test, Test) and found.test.p == 1 and found.test.degrees == 1


def test_too_few_records_cannot_tell_and_say_how_few():
    found = balance("lang", *rows(en=(40, 5), fr=(4, 0)))
    assert isinstance(found.test, Absent) and "0.4 records expected" in found.test.reason
    assert found.n == {"train": 44, "validation": 5, "test": 0}


@pytest.mark.parametrize(("counts", "reason"), [({"a": (9, 9)}, "one value"), ({"a": (9,), "b": (9,)}, "fewer")])
def test_what_cannot_be_compared_says_why(counts, reason):
    found = balance("source", *rows(**counts))
    assert isinstance(found.largest, Absent) and reason in found.largest.reason and isinstance(found.test, Absent)


def test_records_outside_the_three_splits_are_left_out():
    values, splits = pl.Series(["a", "a", "b", "b"]), pl.Series(["train", "excluded", "removed", "unassigned"])
    found = balance("source", values, splits)
    assert found.n == {"train": 1, "validation": 0, "test": 0} and [one.value for one in found.values] == ["a"]


def test_an_absent_value_is_a_value_too():
    found = balance("lang", pl.Series(["en", None]), pl.Series(["train", "test"]))
    assert {one.value for one in found.values} == {"en", NONE}


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_count(pairs, random):
    def found(of: list[tuple[str, str]]) -> object:
        return balance("x", *(pl.Series([pair[i] for pair in of], dtype=pl.String) for i in (0, 1)))

    mixed = list(pairs)
    random.shuffle(mixed)
    assert found(pairs) == found(mixed)


@given(PAIRS)
def test_shares_of_every_split_that_holds_records_sum_to_one(pairs):
    found = balance("x", *(pl.Series([pair[i] for pair in pairs], dtype=pl.String) for i in (0, 1)))
    for side, count in found.n.items():
        if count:
            assert sum(one.shares[side] for one in found.values) == pytest.approx(1)
            assert sum(one.counts[side] for one in found.values) == count


def test_letters_are_tested_against_an_even_spread():
    found = letters_of(chosen(4, A=10, B=60, C=10, D=20))
    wanted = stats.chisquare([10, 60, 10, 20])
    assert isinstance(found.even, Test) and (found.even.degrees, found.tested) == (3, 100)
    assert (found.even.chi_square, found.even.p) == pytest.approx((wanted.statistic, wanted.pvalue))
    assert [(one.value, one.count) for one in found.letters.shares] == [("A", 10), ("B", 60), ("C", 10), ("D", 20)]


def test_a_letter_that_is_never_right_counts_in_the_test():
    found = letters_of(chosen(4, A=20, B=20))
    assert isinstance(found.even, Test) and found.even.chi_square == pytest.approx(40)


def test_true_or_false_and_four_options_are_tested_apart():
    both = pl.concat([chosen(2, A=50, B=50), chosen(4, A=25, B=25, C=25, D=25)])
    found = letters_of(both)
    assert isinstance(found.even, Test)
    assert (found.even.chi_square, found.even.degrees, found.even.p, found.tested) == (0, 4, 1, 200)


@given(st.permutations([chosen(2, A=7, B=3), chosen(3, A=9, B=6, C=2), chosen(7, A=30, B=11, G=1)]))
def test_the_order_of_records_does_not_count_for_letters_either(groups):
    in_order = pl.concat([chosen(2, A=7, B=3), chosen(3, A=9, B=6, C=2), chosen(7, A=30, B=11, G=1)])
    assert letters_of(pl.concat(groups)) == letters_of(in_order)


def test_few_letters_cannot_tell():
    found = letters_of(chosen(4, A=19))
    assert isinstance(found.even, Absent) and found.tested == 0


def test_records_without_a_letter_are_counted_apart():
    empty = pl.DataFrame(
        {"letter": [None], "options": [4]}, schema_overrides={"letter": pl.String, "options": pl.Int64}
    )
    found = letters_of(pl.concat([chosen(4, A=10, B=10, C=10, D=10), empty]))
    assert (found.none, found.letters.n) == (1, 40)
