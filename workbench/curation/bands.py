"""How many bands of how many rows find near duplicates: chosen for a recall at a Jaccard, with the chance it gives."""

from __future__ import annotations

PERMUTATIONS = 128
FLOOR = 0.6
"""Verified pairs are kept down to this Jaccard, so that the threshold can move without hashing again."""
RECALL = 0.98
"""Share of the pairs at the floor that shall become candidates; far above it at any threshold in use."""


def chance(jaccard: float, bands: int, rows: int) -> float:
    """Return the probability that a pair shares a band: 1 - (1 - J^rows)^bands.

    Source: Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, section 3.4.2.
    """
    return float(1 - (1 - jaccard**rows) ** bands)


def bands_for(jaccard: float, permutations: int, recall: float) -> tuple[int, int]:
    """Return (bands, rows) of the largest rows that still find pairs at `jaccard` with probability `recall`.

    Bands of one row are the last resort, and then the recall is what `chance` says.
    """
    for rows in range(permutations, 1, -1):
        if chance(jaccard, permutations // rows, rows) >= recall:
            return permutations // rows, rows
    return permutations, 1


BANDS, ROWS = bands_for(FLOOR, PERMUTATIONS, RECALL)
