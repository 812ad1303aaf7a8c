"""Pieces of work come back in order, whoever did them, and what one raises is raised."""

from __future__ import annotations

import polars as pl
import pytest

from workbench.errors import DataError, OutsideError, UsageError
from workbench.scale.engine import Engine
from workbench.scale.pieces import in_order
from workbench.scale.surface import TRIES, LostError

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


def losing(monkeypatch: pytest.MonkeyPatch, lost: list[int]) -> list[list[int]]:
    """Have the engine lose a piece in each of its next runs; return what it is asked for."""
    asked: list[list[int]] = []

    def each(self, work, kinds):
        asked.append(self)
        gone = lost.pop(0) if lost else None
        return (work(pl.DataFrame({"piece": [number]})) for number in [*self, *self[:1]] if number != gone)

    plan = type("Lossy", (list,), {"of": classmethod(lambda cls, table, parts: cls(table["piece"])), "each": each})
    monkeypatch.setattr("workbench.scale.pieces.Plan", plan)
    return asked


@pytest.mark.parametrize("lost", [2, 8])
def test_a_piece_that_the_engine_loses_is_done_again(monkeypatch, tmp_path, told, lost):
    asked = losing(monkeypatch, [lost])
    made = list(in_order(Engine(tmp_path, told.append), "doubling", doubled, 9, KINDS))
    assert made == [doubled(number) for number in range(9)]
    assert asked == [list(range(9)), [lost]]


def test_an_engine_that_loses_a_piece_each_time_ends_the_work(monkeypatch, tmp_path, told):
    """Else the rows of a part would be missing from a delivery, and nobody would know."""
    losing(monkeypatch, [3, 3, 3])
    with pytest.raises(OutsideError, match="lost piece 3"):
        list(in_order(Engine(tmp_path, told.append), "doubling", doubled, 4, KINDS))


@pytest.mark.parametrize("times", [TRIES - 1, TRIES])
def test_pieces_that_a_lost_node_held_are_done_again(monkeypatch, tmp_path, told, times):
    left = [None] * times

    def each(self, work, kinds):
        yield work(pl.DataFrame({"piece": [self[0]]}))
        if left:
            left.pop()
            raise LostError("the engine lost a node")
        yield from (work(pl.DataFrame({"piece": [number]})) for number in self[1:])

    plan = type("Lossy", (list,), {"of": classmethod(lambda cls, table, parts: cls(table["piece"])), "each": each})
    monkeypatch.setattr("workbench.scale.pieces.Plan", plan)
    made = in_order(Engine(tmp_path, told.append), "doubling", doubled, 9, KINDS)
    if times == TRIES:
        with pytest.raises(LostError):
            list(made)
        return
    assert list(made) == [doubled(number) for number in range(9)]
