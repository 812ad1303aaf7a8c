"""Pieces of work on an engine's workers, their results handed on in order, a row each, while the others run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import polars as pl

from workbench.errors import OutsideError
from workbench.scale.engine import Engine
from workbench.scale.surface import TRIES, Kinds, LostError, Plan

Piece = Callable[[int], dict[str, Any]]
"""Does the piece of a number and returns its result as one row; any worker may do it, and may do it again."""
_NUMBER = "piece"


def in_order(engine: Engine, line: str, piece: Piece, count: int, kinds: Kinds) -> Iterator[dict[str, Any]]:
    """Tell a line and yield the results of pieces 0 to `count` in order; `kinds` are the columns of a result.

    What a piece raises is raised here; an engine that cannot go on, or that loses results, is an OutsideError.
    """
    engine.tell(line)
    waiting: dict[int, dict[str, Any]] = {}
    next_one = 0
    for left in reversed(range(TRIES)):
        absent = [number for number in range(next_one, count) if number not in waiting]
        try:
            for number, row in _made(absent, piece, kinds):
                waiting[number] = row
                while next_one in waiting:
                    yield waiting.pop(next_one)
                    next_one += 1
        except LostError:
            if not left:
                raise
        if next_one == count:
            return
    hint = "do its workers stay up? then run the command again"
    raise OutsideError(f"{line}: the engine lost piece {next_one} {TRIES} times", hint)


def _made(numbers: list[int], piece: Piece, kinds: Kinds) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the results that the engine gives of some pieces, in no order: where a worker dies, it may lose some."""
    if not numbers:
        return
    table = pl.DataFrame({_NUMBER: numbers}, schema={_NUMBER: pl.Int64})
    whole = {_NUMBER: pl.Int64, **kinds}
    for made in Plan.of(table, len(numbers)).each(partial(_done, piece=piece, kinds=whole), whole):
        (row,) = made.to_dicts()
        yield row.pop(_NUMBER), row


def _done(numbers: pl.DataFrame, piece: Piece, kinds: Kinds) -> pl.DataFrame:
    number = numbers[_NUMBER][0]
    return pl.DataFrame([{_NUMBER: number, **piece(number)}], schema=dict(kinds))
