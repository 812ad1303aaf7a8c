"""What hangs together is one component, named by its smallest member."""

from __future__ import annotations

import numpy as np

from workbench.curation.components import components


def test_components_are_named_by_their_smallest_member():
    assert components(7, np.array([1, 3, 5, 4]), np.array([2, 2, 6, 4])).tolist() == [0, 1, 1, 1, 4, 5, 5]


def test_a_chain_is_one_component_whatever_its_direction():
    ends = np.arange(20_000)
    assert not components(20_001, ends + 1, ends).any()
    assert not components(20_001, ends[::-1], ends[::-1] + 1).any()


def test_nothing_has_no_components():
    assert components(0, np.empty(0, np.int64), np.empty(0, np.int64)).size == 0
