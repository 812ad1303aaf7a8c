"""Rows that an engine loses or doubles are seen, wherever on the way it does."""

from __future__ import annotations

import pytest

from workbench.scale.receipts import SIGN, is_balanced, receipt

WAY = [receipt(1, 4, 6), receipt(1, 5, 0), receipt(2, 2, 7), receipt(2, 4, 1)]


def test_every_step_takes_what_the_one_before_gave():
    assert is_balanced(WAY, begun=9, ended=8)
    assert is_balanced([], begun=0, ended=0)
    assert all(told.startswith(SIGN) for told in WAY)


@pytest.mark.parametrize("lost", range(4))
def test_a_lost_group_is_missed(lost):
    rows = [8, 8, 1, 7]
    assert not is_balanced(WAY[:lost] + WAY[lost + 1 :], begun=9, ended=rows[lost])


def test_doubled_groups_and_lost_rows_are_seen():
    assert not is_balanced([*WAY, WAY[-1]], begun=9, ended=9)
    assert not is_balanced(WAY, begun=9, ended=7)
    assert not is_balanced(WAY, begun=10, ended=8)
    assert not is_balanced([], begun=9, ended=0)
