"""`workbench serve` as a command, with the real application behind it: what it prints, refuses, warns of and leaves."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, CookieJar, WSMsgType

from tests.cli import workbench

PATIENCE = 120


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert workbench("init", "bench", "--bare", cwd=tmp_path).code == 0
    (tmp_path / "numbers.jsonl").write_text('{"question": "Which number follows 1?", "answer": "The number 2"}\n')
    return tmp_path / "bench"


@dataclass
class Server:
    process: asyncio.subprocess.Process
    told: dict[str, Any]

    @property
    def origin(self) -> str:
        return str(self.told["url"]).partition("/?")[0]

    def sessions(self) -> list[psutil.Process]:
        return [
            child for child in psutil.Process(self.process.pid).children() if "workbench.tui.served" in child.cmdline()
        ]


@asynccontextmanager
async def served(folder: Path, *options: str) -> AsyncIterator[Server]:
    command = [sys.executable, "-m", "workbench", "serve", "--json", *options]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=pipe, stderr=pipe)
    assert process.stdout is not None
    try:
        yield Server(process, json.loads(await process.stdout.readline()))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def opened(server: Server) -> AsyncIterator[ClientWebSocketResponse]:
    """Come in as a browser does: by the address, then with the cookie, from the page."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as client:
        async with client.get(server.told["url"]) as page:
            assert page.status == 200 and "token" not in str(page.url)
        yield await client.ws_connect(f"{server.origin}/socket?width=100&height=30", headers={"Origin": server.origin})


async def until(socket: ClientWebSocketResponse, shown: str) -> None:
    drawn = b""
    async with asyncio.timeout(PATIENCE):
        while shown.encode() not in drawn:
            frame = await socket.receive()
            assert frame.type is WSMsgType.BINARY, (frame, drawn[-500:])
            drawn += frame.data


async def press(socket: ClientWebSocketResponse, keys: str) -> None:
    await socket.send_str(json.dumps(["stdin", keys]))


async def gone(processes: list[psutil.Process]) -> None:
    async with asyncio.timeout(PATIENCE):
        while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
            await asyncio.sleep(0.05)


async def test_keys_sizes_and_a_dropped_path_reach_the_application_and_ctrl_c_ends_it_all(folder: Path) -> None:
    async with served(folder) as server:
        assert set(server.told) == {"url", "host", "port", "workspace"}
        assert server.told["host"] == "127.0.0.1" and server.told["workspace"] == str(folder)
        async with opened(server) as socket:
            await until(socket, "open a file or a folder")
            await socket.send_str('["resize", {"width": 140, "height": 40}]')
            await until(socket, "warnings")
            await press(socket, f"\x1b[200~{folder.parent / 'numbers.jsonl'}\x1b[201~")
            await until(socket, "becomes a record")
            await press(socket, "\r")
            await until(socket, "kept 1")
            sessions = server.sessions()
            assert len(sessions) == 1
            server.process.send_signal(signal.SIGINT)
            assert await server.process.wait() == 0
            await gone(sessions)
        assert server.process.stderr is not None
        assert b"no longer served" in await server.process.stderr.read()
    assert "numbers" in workbench("log", "--json", cwd=folder).out


async def test_quitting_closes_the_page_and_keeps_the_server(folder: Path) -> None:
    async with served(folder) as server:
        async with opened(server) as socket:
            await until(socket, "open a file or a folder")
            await press(socket, "q")
            async with asyncio.timeout(PATIENCE):
                while (await socket.receive()).type is WSMsgType.BINARY:
                    pass
            assert socket.closed
        async with opened(server) as socket:
            await until(socket, "open a file or a folder")


async def test_a_killed_server_leaves_no_session_behind(folder: Path) -> None:
    async with served(folder) as server, opened(server) as socket:
        await until(socket, "open a file or a folder")
        sessions = server.sessions()
        server.process.kill()
        await gone(sessions)
        assert len(sessions) == 1


async def test_listening_beyond_loopback_is_warned_of(folder: Path) -> None:
    async with served(folder, "--host", "0.0.0.0") as server:
        server.process.terminate()
        assert await server.process.wait() == 0
        assert server.process.stderr is not None
        said = (await server.process.stderr.read()).decode()
    assert "warning: 0.0.0.0 can be reached from other machines" in said and "ssh -L" in said


def test_a_port_that_is_taken_is_an_error_of_the_outside(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = workbench("serve", "--json", "--port", str(taken.getsockname()[1]), cwd=folder)
    assert said.code == 3
    assert "--port" in said.json["error"]["hint"]
