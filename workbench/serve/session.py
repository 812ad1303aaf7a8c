"""One process of the application for one browser; it ends with the browser's connection."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from workbench.serve.messages import DATA, META, READY, Malformed, Message, meta, read_exactly, read_packet

_GRACE = 5.0
"""Seconds that the application has to end by itself."""
_DEAF = 30.0
"""Seconds after which an application that takes nothing from its pipe hangs: a thread of its own reads there."""
_LINE = 4096
_LAST_LINES = 20
"""Lines of what the application said about its failure that are kept."""


class Session:
    """A running application, spoken to over its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Take over a process that was started with `begin`."""
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("the process has no pipes")
        self.process = process
        self._to, self._from, self._errors = process.stdin, process.stdout, process.stderr
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._was_cut = False
        """Whether the application was made to end when its browser was gone, which is no failure."""

    @classmethod
    async def begin(cls, command: Sequence[str], width: int, height: int) -> Session:
        """Start the application for a screen of a size."""
        screen = {"COLUMNS": str(width), "ROWS": str(height), "LINES": str(height)}
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **screen, "TERM": "xterm-256color", "TEXTUAL_COLOR_SYSTEM": "truecolor"},
            start_new_session=True,  # so that it can be ended with all that it started, trainings excepted
        )
        return cls(process)

    async def hear(self, message: Message) -> None:
        """Hand the application what the browser says; one that is ending hears nothing, one that hangs is ended."""
        try:
            self._to.write(message.packet)
            async with asyncio.timeout(_DEAF):
                await self._to.drain()
        except ConnectionError:
            return
        except TimeoutError:
            self._last.append(f"it heard nothing for {_DEAF:g} s")
            self._kill()

    async def speak(self, send: Callable[[bytes], Awaitable[None]]) -> str:
        """Send all that the application draws until it ends; return why it failed, or nothing."""
        errors = asyncio.create_task(self._read_errors())
        try:
            await self._draw(send)
        except Malformed as error:
            self._kill()
            self._last.append(f"what it writes is no drawing: {error}")
        code = await self.process.wait()
        await errors
        return "" if code == 0 or self._was_cut else "\n".join(self._last) or f"exit code {code}"

    async def _draw(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        if await read_exactly(self._from, len(READY)) != READY:
            return
        heard = True
        while (packet := await read_packet(self._from)) is not None:
            kind, payload = packet
            if kind == META and b'"exit"' in payload:
                heard = False
            if kind == DATA and heard:
                # The browser may be gone; the pipe is emptied all the same, or the application could not end.
                try:
                    await send(payload)
                except ConnectionError:
                    heard = False

    async def _read_errors(self) -> None:
        rest = b""
        while block := await self._errors.read(_LINE):
            *lines, rest = (rest + block)[-2 * _LINE :].split(b"\n")
            self._last.extend(line.decode("utf-8", "replace") for line in lines)
        self._last.extend([rest.decode("utf-8", "replace")] if rest else [])

    async def end(self) -> None:
        """End the application: it is asked to, and after a while made to; what it acknowledged is kept."""
        try:
            async with asyncio.timeout(_GRACE):
                await self.hear(Message("quit", meta(type="quit")))
                await self.process.wait()
        except TimeoutError:
            self._was_cut = True
        finally:
            if self.process.returncode is None:
                self._kill()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
