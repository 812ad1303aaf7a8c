"""How long a Hub that fails or asks to wait is waited for, and how often it is asked again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from workbench.publish.pausing import wait
from workbench.publish.refusals import LONGEST_PAUSE, LostAnswerError

ATTEMPTS = 3
"""How often the Hub is asked for the same thing when its answer gets lost."""
_FIRST = 1.0

Answer = TypeVar("Answer")


def patiently(ask: Callable[[], Answer]) -> Answer:
    """Return the answer to a question that changes nothing, asked again where it got lost.

    Raises the last LostAnswerError, or at once the one that asks for a longer pause than LONGEST_PAUSE.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return ask()
        except LostAnswerError as lost:
            pause(lost, attempt)
    return ask()


def pause(lost: LostAnswerError, attempt: int) -> None:
    """Wait a little longer at each attempt; raise what was lost where the Hub asks for more than LONGEST_PAUSE."""
    if lost.wait is not None and lost.wait > LONGEST_PAUSE:
        lost.hint = f"the Hub asks to wait {lost.wait:,.0f} s; then try again: it goes on where it stopped"
        raise lost
    # A pause that the Hub asked for was kept when it answered; asked for none, three attempts would be over at once.
    wait(_FIRST * 4 ** (attempt - 1), "asking the Hub again")
