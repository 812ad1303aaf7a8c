"""Pieces of work on an engine's workers, their results handed on in order, a row each, while the others run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import polars as pl

from workbench.scale.engine import Engine
from workbench.scale.surface import Kinds, Plan

Piece = Callable[[int], dict[str, Any]]
"""Does the piece of a number and returns its result as one row; any worker may do it, and may do it again."""
_NUMBER = "piece"


def in_order(engine: Engine, line: str, piece: Piece, count: int, kinds: Kinds) -> Iterator[dict[str, Any]]:
    """Tell a line and yield the results of pieces 0 to `count` in order; `kinds` are the columns of a result.

    What a piece raises is raised here; an engine that cannot go on is an OutsideError.
    """
    engine.tell(line)
    numbers = pl.DataFrame({_NUMBER: range(count)}, schema={_NUMBER: pl.Int64})
    waiting: dict[int, dict[str, Any]] = {}
    next_one = 0
    whole = {_NUMBER: pl.Int64, **kinds}
    for made in Plan.of(numbers, count).each(partial(_done, piece=piece, kinds=whole), whole):
        (row,) = made.to_dicts()
        waiting[row.pop(_NUMBER)] = row
        while next_one in waiting:
            yield waiting.pop(next_one)
            next_one += 1


def _done(numbers: pl.DataFrame, piece: Piece, kinds: Kinds) -> pl.DataFrame:
    number = numbers[_NUMBER][0]
    return pl.DataFrame([{_NUMBER: number, **piece(number)}], schema=dict(kinds))
