"""A headless Chromium, driven over its remote debugging protocol: pages opened, keys pressed, frames listened to."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""The browser's program, or None where none is installed."""
PATIENCE = 120.0
"""Seconds after which a text is given up; a machine under load may need many of them."""
_OPTIONS = (
    "--headless=new", "--remote-debugging-port=0", "--no-first-run", "--disable-gpu", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader", "--disable-background-networking", "--disable-component-update",
    "--window-size=1300,800",
)  # fmt: skip
_STEERING = re.compile(r"\x1b(?:\[[0-9;?<$]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()=>].?)")
_KEYS = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38, "End": 35, "Home": 36, "s": 83}
_CONTROL = 2


class Tab:
    """One page: what it asked for, what its socket was sent, and the keys that are pressed on it."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._changed = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())
        self.requested: list[str] = []
        """Every address that the page asked for."""
        self.drawn = ""
        """What the application drew, without the sequences that steer a terminal."""

    async def close(self) -> None:
        self._listening.cancel()
        await self._socket.close()

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = len(self._answers) + 1
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        return await asyncio.wait_for(self._answers[number], PATIENCE)

    async def _listen(self) -> None:
        async for frame in self._socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            said = json.loads(frame.data)
            if "id" in said:
                self._answers[said["id"]].set_result(said.get("result", {}))
            self._note(said.get("method", ""), said.get("params", {}))
            self._changed.set()

    def _note(self, method: str, told: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requested.append(told["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.requested.append(told["url"])
        elif method == "Network.webSocketFrameReceived" and told["response"]["opcode"] == 2:
            text = base64.b64decode(told["response"]["payloadData"]).decode("utf-8", "replace")
            self.drawn += _STEERING.sub("", text)

    async def open(self, url: str) -> None:
        for domain in ("Network", "Page", "Runtime"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=url)

    async def evaluate(self, expression: str) -> Any:
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    async def until(self, shown: str) -> None:
        """Wait until a text is drawn after the last key."""
        try:
            async with asyncio.timeout(PATIENCE):
                while shown not in self.drawn:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pytest.fail(f"{shown!r} was never drawn; the end of what was: {self.drawn[-2000:].split()!r}")

    async def type(self, text: str) -> None:
        """Type characters, one key each."""
        self.drawn = ""
        for character in text:
            for kind in ("keyDown", "keyUp"):
                typed = {"text": character} if kind == "keyDown" else {}
                await self.call("Input.dispatchKeyEvent", type=kind, key=character, **typed)

    async def press(self, key: str, *, control: bool = False) -> None:
        """Press a named key."""
        self.drawn = ""
        more = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=f"Key{key.upper()}" if len(key) == 1 else key,
                windowsVirtualKeyCode=_KEYS[key],
                modifiers=_CONTROL if control else 0,
                **(more if kind == "keyDown" else {}),
            )

    async def paste(self, text: str) -> None:
        """Paste a text, as the browser does it for ctrl+v."""
        self.drawn = ""
        given = f"const given = new DataTransfer(); given.setData('text/plain', {json.dumps(text)});"
        event = "new ClipboardEvent('paste', {clipboardData: given, bubbles: true})"
        await self.evaluate(f"{{ {given} document.activeElement.dispatchEvent({event}); }}")

    async def picture(self, path: Path) -> None:
        """Write what the page looks like as a PNG."""
        answer = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(answer["data"]))


@asynccontextmanager
async def chromium() -> AsyncIterator[Tab]:
    """Run a browser with a fresh profile and one tab."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        # Chromium refuses its own sandbox to root, which tests in containers run as.
        options = [*_OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else []), f"--user-data-dir={profile}"]
        program = subprocess.Popen(
            [CHROMIUM, *options, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            async with ClientSession() as session:
                tab = Tab(await session.ws_connect(await _first_tab(session, Path(profile)), max_msg_size=0))
                yield tab
                await tab.close()
        finally:
            program.terminate()
            program.wait()


async def _first_tab(session: ClientSession, profile: Path) -> str:
    """Return the address of the first tab's socket, once the browser has opened its port."""
    ready = profile / "DevToolsActivePort"
    async with asyncio.timeout(PATIENCE):
        while not (ready.is_file() and ready.read_text()):
            await asyncio.sleep(0.05)
        port = ready.read_text().splitlines()[0]
        while True:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [tab for tab in await answer.json() if tab["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
            await asyncio.sleep(0.05)
