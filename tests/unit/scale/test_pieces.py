"""Pieces of work come back in order, whoever did them, and what one raises is raised."""

from __future__ import annotations

import polars as pl
import pytest

from workbench.errors import DataError, OutsideError, UsageError
from workbench.scale.pieces import in_order

KINDS = {"double": pl.Int64, "names": pl.List(pl.String), "maybe": pl.String}


def doubled(number: int) -> dict[str, object]:
    return {"double": 2 * number, "names": ["a"] * (number % 3), "maybe": None}


def test_results_come_in_the_order_of_the_numbers(engine, told):
    made = list(in_order(engine, "doubling", doubled, 25, KINDS))
    assert made == [doubled(number) for number in range(25)]
    assert told == ["doubling"]


@pytest.mark.parametrize("kind", [DataError, OutsideError, UsageError])
def test_what_a_piece_raises_ends_the_work_as_it_would_here(engine, kind):
    def torn(number: int) -> dict[str, object]:
        if number == 3:
            raise kind("part 3 is torn", "mend it")
        return doubled(number)

    with pytest.raises(kind, match="part 3 is torn") as raised:
        list(in_order(engine, "doubling", torn, 9, KINDS))
    assert raised.value.hint == "mend it"
