"""What each group says it took and gave, so that rows which an engine lost or doubled on the way do not go unseen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

SIGN = "="
"""What a receipt begins with, as no fault does."""


def receipt(step: int, taken: int, given: int) -> str:
    """Return the receipt of one group: the step that it is of, from 1 on, and its rows."""
    return f"{SIGN}{step} {taken} {given}"


def is_balanced(receipts: Iterable[str], begun: int, ended: int) -> bool:
    """Return whether each step took what the one before it gave, from the rows at the begin to those at the end."""
    taken: Counter[int] = Counter()
    given = Counter({0: begun})
    for told in receipts:
        step, took, gave = map(int, told.removeprefix(SIGN).split())
        taken[step] += took
        given[step] += gave
    last = max(given)
    return all(taken[step + 1] == given[step] for step in range(last)) and given[last] == ended
