"""What a split is: its sides, what is wanted of it, and the draw by which it is made.

Nothing heavy is loaded here: commands and screens name the sides before they read anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from workbench.text import nfc

SPLITS = ("train", "validation", "test")
SIDES = (*SPLITS, "excluded", "removed")
"""Everywhere that a record of a version can stand, in the order in which it is always told."""
RANK = {"test": 2, "validation": 1, "train": 0}
"""Where a group is found on two sides, the higher one keeps its records and the lower one yields."""

Name = Literal["train", "validation", "test", "excluded"]
SURPLUS = "surplus"
"""The reason of a record that exact counts leave over."""
_Told = TypeVar("_Told")


@dataclass(frozen=True)
class Wanted:
    """What a split shall be: shares of the records, or exact counts with the surplus excluded."""

    seed: int = 42
    ratios: tuple[float, float, float] = (0.8, 0.1, 0.1)
    """Shares of train, validation and test; they need not sum to one."""
    counts: tuple[int, int, int] | None = None
    """Exact numbers of records instead of shares; None means shares."""


def by_side(told: Mapping[str, _Told]) -> dict[str, _Told]:
    """Return what is told of each side in the order of SIDES; whatever is no side comes last, by name."""
    return {side: told[side] for side in (*SIDES, *sorted(told.keys() - {*SIDES})) if side in told}


def held_value(value: object) -> str | None:
    """Return a group or concept value as it is compared: NFC, no blanks around it, None for a blank one.

    Case counts: values are often codes, and `ab1` and `AB1` may name two things.
    """
    return nfc(str(value)).strip() or None if value is not None else None


def draw(seed: int, name: str) -> float:
    """Return a number in [0, 1) from seed and name alone: the same in every language and engine (sha256)."""
    return int.from_bytes(hashlib.sha256(f"{seed}\x1f{name}".encode()).digest()[:8], "big") / 2**64


def tested_in(number: int) -> str:
    """Return the reason of a record that is excluded because it stood in test of that version."""
    return f"was tested in v{number}"
