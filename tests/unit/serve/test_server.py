"""Facts about the server: who is refused, what every answer says, and that a session ends with its connection."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError, web

from workbench.serve import server, session
from workbench.serve.gate import Gate
from workbench.serve.messages import FRAME_BYTES
from workbench.serve.page import ASSETS
from workbench.serve.server import Front

STUB = Path(__file__).parent / "stub.py"
PATIENCE = 30


@dataclass
class Served:
    """A server with a stub behind it, and a client that was let in."""

    gate: Gate
    front: Front
    at: str
    client: ClientSession
    said: list[str]

    @property
    def url(self) -> str:
        return f"http://{self.at}"

    def ticket(self) -> dict[str, str]:
        return {"Cookie": f"{self.gate.cookie}={self.gate.ticket}"}

    async def status(self, path: str, **headers: str) -> int:
        async with self.client.get(self.url + path, headers=headers, allow_redirects=False) as answer:
            return answer.status

    async def socket(self, **headers: str) -> ClientWebSocketResponse:
        return await self.client.ws_connect(
            f"{self.url}/socket?width=90&height=30", headers={"Origin": self.url, **self.ticket(), **headers}
        )


@asynccontextmanager
async def serving(behaviour: str = "echo") -> AsyncIterator[Served]:
    gate, said = Gate("127.0.0.1"), []
    front = Front(gate, [sys.executable, str(STUB), behaviour], "a <b>space</b>", said.append)
    runner = web.AppRunner(front.application(), shutdown_timeout=5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with ClientSession() as client:
        try:
            yield Served(gate, front, f"127.0.0.1:{runner.addresses[0][1]}", client, said)
        finally:
            await runner.cleanup()


async def heard(socket: ClientWebSocketResponse, wanted: str = "") -> str:
    """Return the next thing drawn, or the next that holds a text."""
    async with asyncio.timeout(PATIENCE):
        while True:
            frame = await socket.receive()
            assert frame.type in (WSMsgType.BINARY, WSMsgType.TEXT), frame
            text = frame.data.decode() if isinstance(frame.data, bytes) else frame.data
            if wanted in text:
                return text


async def gone(is_gone: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not is_gone():
            await asyncio.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_the_token_is_changed_for_a_cookie_and_leaves_the_address():
    async with serving() as it:
        path = f"{it.url}/?token={it.gate.token}"
        async with it.client.get(path, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/")
            (cookie,) = answer.headers.getall("Set-Cookie")
            assert cookie.startswith(f"{it.gate.cookie}={it.gate.ticket}; ")
            assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
            assert it.gate.token not in str(answer.headers)


@pytest.mark.parametrize(
    "path", ["/", "/?token=", "/?token=wrong", "/static/textual.js", "/socket", "/nothing", "/static/"]
)
async def test_without_the_secret_there_is_nothing_to_see(path):
    async with serving() as it:
        for cookie in ("", f"{it.gate.cookie}=wrong", f"{it.gate.cookie}={it.gate.token}"):
            async with it.client.get(it.url + path, headers={"Cookie": cookie, "Origin": it.url}) as answer:
                assert answer.status == 403
                assert it.gate.ticket not in await answer.text()


async def test_a_token_opens_only_the_page():
    async with serving() as it:
        assert await it.status(f"/static/textual.js?token={it.gate.token}") == 403
        assert await it.status(f"/socket?token={it.gate.token}", Origin=it.url) == 403


async def test_a_rebound_name_is_refused_with_every_secret():
    async with serving() as it:
        for path in ("/", f"/?token={it.gate.token}", "/socket", "/static/page.css"):
            assert await it.status(path, Host="evil.example", **it.ticket()) == 421
        with pytest.raises(WSServerHandshakeError, match="421"):
            await it.socket(Host="evil.example", Origin="http://evil.example")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", "http://127.0.0.1"])
async def test_a_foreign_page_is_refused_with_every_secret(origin):
    async with serving() as it:
        assert await it.status("/", Origin=origin, **it.ticket()) == 403
        assert await it.status(f"/?token={it.gate.token}", Origin=origin) == 403
        with pytest.raises(WSServerHandshakeError, match="403"):
            await it.socket(Origin=origin)
        assert not it.front.sessions


async def test_a_socket_that_does_not_say_which_page_opens_it_is_refused():
    async with serving() as it:
        with pytest.raises(WSServerHandshakeError, match="403"):
            await it.client.ws_connect(f"{it.url}/socket", headers=it.ticket())


async def test_a_socket_without_the_cookie_is_refused():
    async with serving() as it:
        with pytest.raises(WSServerHandshakeError, match="403"):
            await it.socket(Cookie="")


async def test_the_page_brings_all_it_needs_and_nothing_from_elsewhere():
    async with serving() as it:
        async with it.client.get(f"{it.url}/", headers=it.ticket()) as answer:
            text, policy = await answer.text(), answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe-eval" not in policy
        assert f'"ws://{it.at}/socket"' in text and "a &lt;b&gt;space&lt;/b&gt;" in text
        assert "http" not in text and it.gate.token not in text and it.gate.ticket not in text
        for name in ASSETS:
            async with it.client.get(f"{it.url}/static/{name}", headers=it.ticket()) as answer:
                assert answer.status == 200 and await answer.read()
            assert name in text or name == "mono.ttf"


async def test_every_answer_says_what_a_browser_may_do_with_it():
    async with serving() as it:
        for path, headers in (
            ("/", it.ticket()),
            ("/", {}),
            ("/nothing", it.ticket()),
            ("/", {"Host": "evil.example"}),
        ):
            async with it.client.get(it.url + path, headers=headers) as answer:
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert answer.headers["Cache-Control"] == "no-store"
                assert "'none'" in answer.headers["Content-Security-Policy"]
                assert "evil" not in str(answer.headers)


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static", "/static/page.html", "/static/..%2fserver.py", "/static/../server.py", "/download/x"],
)
async def test_no_folder_is_listed_and_no_other_file_is_given(path):
    async with serving() as it:
        assert await it.status(path, **it.ticket()) == 404


async def test_only_reading_is_answered():
    async with serving() as it:
        async with it.client.post(f"{it.url}/", headers=it.ticket(), data=b"x") as answer:
            assert answer.status == 405


async def test_a_session_hears_keys_and_sizes_and_answers_pings():
    async with serving() as it:
        socket = await it.socket()
        assert "90x30" in await heard(socket)
        await socket.send_str(json.dumps(["stdin", "jé😀"]))
        assert await heard(socket) == "D:jé😀"
        await socket.send_str('["resize", {"width": 120, "height": 40}]')
        assert json.loads((await heard(socket)).removeprefix("M:")) == {"type": "resize", "width": 120, "height": 40}
        await socket.send_str('["ping", "7"]')
        assert json.loads(await heard(socket)) == ["pong", "7"]
        pasted = "x" * (FRAME_BYTES - 100)
        await socket.send_str(json.dumps(["stdin", pasted]))
        assert await heard(socket) == f"D:{len(pasted)}"


@pytest.mark.parametrize("sent", ["no json", '["exit"]', b'["stdin", "x"]'])
async def test_a_malformed_message_ends_the_connection_and_the_session(sent: Any):
    async with serving() as it:
        socket = await it.socket()
        pid = int((await heard(socket)).split()[1])
        await (socket.send_bytes(sent) if isinstance(sent, bytes) else socket.send_str(sent))
        async with asyncio.timeout(PATIENCE):
            while (frame := await socket.receive()).type is WSMsgType.BINARY:
                pass
        assert (frame.type, socket.close_code) == (WSMsgType.CLOSE, 1008)
        await gone(lambda: not lives(pid))


async def test_a_frame_that_is_too_large_ends_the_connection_and_the_session():
    async with serving() as it:
        socket = await it.socket()
        pid = int((await heard(socket)).split()[1])
        await socket.send_str(json.dumps(["stdin", "x" * FRAME_BYTES]))
        async with asyncio.timeout(PATIENCE):
            while (await socket.receive()).type is WSMsgType.BINARY:
                pass
        assert socket.close_code == 1009
        await gone(lambda: not lives(pid))


async def test_each_socket_is_a_process_that_ends_with_it():
    async with serving() as it:
        sockets = [await it.socket() for _ in range(2)]
        one, other = [int((await heard(socket)).split()[1]) for socket in sockets]
        assert one != other
        await sockets[0].close()
        await gone(lambda: not lives(one))
        assert lives(other)
        await gone(lambda: len(it.front.sessions) == 1)
    assert not lives(other)


async def test_a_process_that_does_not_end_is_ended(monkeypatch):
    monkeypatch.setattr(session, "_GRACE", 0.2)
    async with serving("deaf") as it:
        socket = await it.socket()
        pid = int((await heard(socket)).split()[1])
        await socket.close()
        await gone(lambda: not lives(pid))
        await gone(lambda: not it.front.sessions)
        assert it.said == []


async def _nowhere(_: bytes) -> None:
    """Take what is drawn."""


async def stop_listening(socket: ClientWebSocketResponse) -> int:
    """Return the process of a session that was sent more than its pipe holds, so that nobody can tell it to quit."""
    pid = int((await heard(socket)).split()[1])
    for _ in range(8):
        await socket.send_str(json.dumps(["stdin", "x" * 100_000]))
    return pid


async def test_a_process_that_hears_nothing_any_more_is_ended_and_its_page_closed(monkeypatch):
    monkeypatch.setattr(session, "_DEAF", 0.2)
    async with serving("stuck") as it:
        pid = await stop_listening(await it.socket())
        await gone(lambda: not lives(pid))
        await gone(lambda: not it.front.sessions)
        assert "it heard nothing" in it.said[-1]


async def test_a_process_that_hears_nothing_any_more_ends_with_its_connection(monkeypatch):
    monkeypatch.setattr(session, "_GRACE", 0.2)
    running = await session.Session.begin([sys.executable, str(STUB), "stuck"], 80, 24)
    monkeypatch.setattr(running._to, "drain", asyncio.Event().wait)
    async with asyncio.timeout(PATIENCE):
        await running.end()
    await running.speak(_nowhere)
    assert running.process.returncode == -signal.SIGKILL


async def test_an_application_that_fails_closes_the_page_and_says_why():
    async with serving("fails") as it:
        socket = await it.socket()
        async with asyncio.timeout(PATIENCE):
            while (await socket.receive()).type is WSMsgType.BINARY:
                pass
        await gone(lambda: bool(it.said))
        assert "it fell over" in it.said[-1]


async def test_a_packet_beyond_all_size_ends_the_session():
    async with serving("huge") as it:
        socket = await it.socket()
        pid = int((await heard(socket)).split()[1])
        await gone(lambda: not lives(pid))
        await gone(lambda: bool(it.said))
        assert "a packet of" in it.said[-1]


async def test_there_are_only_so_many_sessions(monkeypatch):
    monkeypatch.setattr(server, "SESSIONS", 1)
    async with serving() as it:
        socket = await it.socket()
        with pytest.raises(WSServerHandshakeError, match="503"):
            await it.socket()
        await socket.close()
        await gone(lambda: not it.front.sessions)
        await (await it.socket()).close()
