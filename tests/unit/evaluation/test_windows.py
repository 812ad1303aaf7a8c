"""Facts about rolling windows: every token is scored once, and where lm-evaluation-harness would cut, so do they."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import UsageError
from workbench.evaluation.windows import rolling_windows


def cut(count: int, size: int, context: int = 1) -> list[tuple[list[int], list[int]]]:
    windows = rolling_windows(list(range(count)), -1, size, context)
    return [(list(window.context), list(window.targets)) for window in windows]


def test_windows_are_cut_as_the_harness_cuts_them() -> None:
    """34 tokens by 10 with one token of context: the cuts that the harness publishes as its own test, made disjoint."""
    assert cut(34, 10) == [
        ([-1], list(range(10))),
        ([9], list(range(10, 20))),
        ([19], list(range(20, 30))),
        (list(range(23, 30)), [30, 31, 32, 33]),
    ]


def test_more_context_means_shorter_steps() -> None:
    assert cut(14, 10, 8) == [
        ([-1], list(range(10))),
        (list(range(2, 10)), [10, 11, 12]),
        (list(range(3, 13)), [13]),
    ]


@given(st.integers(0, 60), st.integers(1, 12), st.data())
def test_every_token_is_scored_once_in_order_from_what_stands_before_it(count: int, size: int, data) -> None:
    context = data.draw(st.integers(1, size))
    windows = cut(count, size, context)
    assert [token for _, targets in windows for token in targets] == list(range(count))
    for number, (before, targets) in enumerate(windows):
        assert [*before, *targets][1:] == list(range(before[0] + 1, targets[-1] + 1))
        assert len(before) + len(targets) - 1 <= size
        assert number == 0 or len(before) >= context


def test_no_text_gives_no_window_and_no_context_is_refused() -> None:
    assert cut(0, 4) == []
    with pytest.raises(UsageError):
        cut(4, 4, 5)
