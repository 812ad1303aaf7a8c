"""How long a Hub that fails or asks to wait is waited for, and how often it is asked again."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep
from typing import TypeVar

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
    """Wait a little longer at each attempt, or as long as the Hub asks; raise what was lost where that is too long."""
    # It counts in whole seconds: asked to wait for none, three attempts would be over at once.
    seconds = max(_FIRST * 4 ** (attempt - 1), lost.wait or 0)
    if seconds > LONGEST_PAUSE:
        lost.hint = f"the Hub asks to wait {seconds:,.0f} s; then try again: it goes on where it stopped"
        raise lost
    sleep(seconds)
