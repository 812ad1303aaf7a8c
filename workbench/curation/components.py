"""What hangs together: the connected components of numbered things."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def components(size: int, one: Numbers, other: Numbers) -> Numbers:
    """Return each thing's component, named by its smallest member; `one` and `other` are the ends of the edges."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = coo_array((np.ones(len(one), np.bool_), (one, other)), shape=(size, size))
    _, label = connected_components(edges, directed=False)
    first = np.full(size, size, np.int64)
    np.minimum.at(first, label, np.arange(size))
    named: Numbers = first[label]
    return named
