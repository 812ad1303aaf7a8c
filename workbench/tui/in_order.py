"""Keys in the order in which they were typed: each is done with before the next one is handed on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from textual import events
from textual.message_pump import MessagePump
from textual.worker import Worker

from workbench.tui.ending import Ending

R = TypeVar("R")
Then = Callable[[], Awaitable[None]]
_PATIENCE = 3.0
"""Seconds after which a key no longer waits for the one before it, so that nothing ever takes the keyboard away."""


class InOrder(Ending[R]):
    """An application in which typing ahead does what typing slowly does.

    Textual forwards a key to what has the focus when it arrives; its binding acts later, once the key has bubbled up to
    the application. What follows at once, as over a slow link, from a macro or under load, would so meet a screen that
    the key before it is about to leave: an `End` for a text that is not there yet moves the table beneath it.
    """

    def __init__(self) -> None:
        """Begin with nothing typed."""
        super().__init__()
        self._ahead: deque[events.Key | events.Paste] = deque()
        self._turn = 0
        self._busy = False
        self._since = 0.0
        self._held: set[Worker[Any]] = set()

    async def on_event(self, event: events.Event) -> None:
        """Queue what is typed; all else goes where it goes in Textual."""
        if not isinstance(event, (events.Key, events.Paste)) or event.is_forwarded:
            await super().on_event(event)
            return
        self._ahead.append(event)
        if self._busy and self._is_stuck():
            self._held.clear()
            self._busy = False
        if not self._busy:
            await self._hand_on()

    def _is_stuck(self) -> bool:
        """Say whether the key before waits for too long, or for work whose end nobody is there to be told of."""
        is_orphan = bool(self._held) and not any(worker.node.is_running for worker in self._held)
        return is_orphan or time.monotonic() - self._since > _PATIENCE

    def hold_keys(self, worker: Worker[Any]) -> None:
        """Let what is typed from now on wait for work that ends in another screen or a sheet, or changes records."""
        self._held.add(worker)

    async def release_keys(self, worker: Worker[Any]) -> None:
        """Hand on what was typed while work was awaited, as soon as the screen that it led to stands."""
        if worker in self._held:
            await self._settled(partial(self._released, worker, self._turn))

    async def _released(self, worker: Worker[Any], turn: int) -> None:
        self._held.discard(worker)
        await self._done(turn)

    async def _hand_on(self) -> None:
        """Give the oldest key to what has the focus, and the next one once nothing is left of what it began."""
        self._busy, self._since = True, time.monotonic()
        self._turn += 1
        way = (self.focused or self.screen).ancestors_with_self
        await super().on_event(self._ahead.popleft())
        await self._after(way, partial(self._settled, partial(self._done, self._turn)))

    async def _settled(self, then: Then) -> None:
        # A new screen composes before it reads its queue, and what takes the focus asks for it through the application.
        await self._after([*self.screen_stack[-1:], self], then)

    async def _done(self, turn: int) -> None:
        if self._held or turn != self._turn:
            return
        self._busy = False
        if self._ahead:
            await self._hand_on()

    async def _after(self, pumps: Sequence[MessagePump], then: Then) -> None:
        """Call `then` once each of some message pumps, one after the other, has done what lies in its queue now."""
        for place, pump in enumerate(pumps, start=1):
            if pump.call_later(self._after, pumps[place:], then):  # one that is closing takes nothing more
                return
        await then()
