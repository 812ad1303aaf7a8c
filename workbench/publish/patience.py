"""How long a Hub that fails or asks to wait is waited for, and how often it is asked again."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep
from typing import TypeVar

from workbench.publish.refusals import LostAnswerError

ATTEMPTS = 3
"""How often the Hub is asked for the same thing when its answer gets lost."""
LONGEST = 300.0
"""Seconds that are waited at most where the Hub asks for a pause; it counts calls in windows of five minutes."""
_FIRST = 1.0

Answer = TypeVar("Answer")


def patiently(ask: Callable[[], Answer]) -> Answer:
    """Return the answer to a question that changes nothing, asked again where it got lost.

    Raises the last LostAnswerError, or at once the one that asks for a longer pause than LONGEST.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return ask()
        except LostAnswerError as lost:
            pause(lost, attempt)
    return ask()


def pause(lost: LostAnswerError, attempt: int) -> None:
    """Wait as long as the Hub asks, or a little longer at each attempt; raise what was lost where that is too long."""
    seconds = _FIRST * 4 ** (attempt - 1) if lost.wait is None else lost.wait
    if seconds > LONGEST:
        lost.hint = f"the Hub asks to wait {seconds:,.0f} s; then try again: it goes on where it stopped"
        raise lost
    sleep(seconds)
