"""Mark a test as one that plants a fault and sees it named: `tests/contract/test_faults_planted.py` counts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", bound=Callable[..., object])


def plants(*codes: str) -> Callable[[T], T]:
    """Say which codes a test plants; the codes stand in the source, where the contract reads them."""
    assert codes

    def marked(test: T) -> T:
        return test

    return marked
