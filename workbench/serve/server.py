"""The server: a page for who was given its address, and a session for each page."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMsgType, web

from workbench.errors import OutsideError
from workbench.serve.gate import Gate
from workbench.serve.messages import FRAME_BYTES, Malformed, message, side
from workbench.serve.page import ASSETS, headers, page
from workbench.serve.session import Session
from workbench.workspace import Workspace

SESSIONS = 8
"""Sessions at a time; each is a process."""
_HEARTBEAT = 20.0
"""Seconds after which a browser that is silently gone is noticed."""
_FAREWELL = 10.0
"""Seconds that all sessions together have to end when the server does."""
_NO_WAY_IN = "Open the address that `workbench serve` printed: it holds the way in.\n"
Say = Callable[[str], None]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Served:
    """Where a workspace is served."""

    url: str
    """The address with the token: whoever has it can do all that the terminal interface can."""
    host: str
    port: int
    workspace: str


def command(workspace: Workspace) -> list[str]:
    """Return the command of the application for one session."""
    return [sys.executable, "-m", "workbench.tui.served", str(workspace.root)]


def serve(workspace: Workspace, host: str, port: int, ready: Callable[[Served], None], say: Say) -> None:
    """Serve a workspace until an interrupt; `ready` is told the address once it can be opened."""
    asyncio.run(_serve(workspace, host, port, ready, say))


async def _serve(workspace: Workspace, host: str, port: int, ready: Callable[[Served], None], say: Say) -> None:
    gate, stopped = Gate(host), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    runner = web.AppRunner(
        Front(gate, command(workspace), workspace.root.name, say).application(),
        access_log=None,
        shutdown_timeout=_FAREWELL,
    )
    await runner.setup()
    try:
        bound = await _bound(runner, host, port)
        ready(Served(f"http://{_name(host)}:{bound}/?token={gate.token}", host, bound, str(workspace.root)))
        await stopped.wait()
    finally:
        await runner.cleanup()


async def _bound(runner: web.AppRunner, host: str, port: int) -> int:
    """Open the port and return its number."""
    try:
        # Of `localhost` two sockets would come, each with a port of its own.
        await web.TCPSite(runner, "127.0.0.1" if host == "localhost" else host, port).start()
    except OSError as error:
        raise OutsideError(
            f"cannot serve on {host} port {port}: {error.strerror or error}", "name another --port, or none"
        ) from error
    return int(runner.addresses[0][1])


def _name(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


@dataclass
class Front:
    """What answers requests."""

    gate: Gate
    command: Sequence[str]
    workspace: str
    say: Say
    sessions: set[web.WebSocketResponse] = field(default_factory=set)

    def application(self) -> web.Application:
        """Return what is served: a page, its files and the socket, and nothing else."""
        application = web.Application(middlewares=[self._guard])
        application.router.add_get("/", self._page, allow_head=False)
        application.router.add_get("/static/{name}", self._asset, allow_head=False)
        application.router.add_get("/socket", self._socket, allow_head=False)
        application.on_response_prepare.append(self._seal)
        application.on_shutdown.append(self._close)
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what asks for another server, comes from another page, or was not let in."""
        origin = request.headers.get("Origin")
        if not self.gate.is_for_us(request.host):
            raise web.HTTPMisdirectedRequest(text="This is not the server that was asked for.\n")
        if origin is not None and not self.gate.is_from_us(origin, request.host):
            raise web.HTTPForbidden(text="Other pages may not ask here.\n")
        if request.path == "/" and "token" in request.query:
            return self._let_in(request.query["token"])
        if not self.gate.has_ticket(request.cookies):
            raise web.HTTPForbidden(text=_NO_WAY_IN)
        return await handler(request)

    def _let_in(self, token: str) -> web.Response:
        """Change the token for a cookie that no script can read and no other site can send, and hide the token."""
        if not self.gate.has_token(token):
            raise web.HTTPForbidden(text=_NO_WAY_IN)
        response = web.Response(status=303, headers={"Location": "/"})
        response.set_cookie(self.gate.cookie, self.gate.ticket, httponly=True, samesite="Strict")
        return response

    async def _seal(self, request: web.Request, response: web.StreamResponse) -> None:
        host = request.host if self.gate.is_for_us(request.host) else "localhost"
        response.headers.update(headers(host))

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=page(self.workspace, request.host), content_type="text/html")

    async def _asset(self, request: web.Request) -> web.Response:
        asset = ASSETS.get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        return web.Response(body=asset.place().read_bytes(), content_type=asset.kind)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if "Origin" not in request.headers:
            raise web.HTTPForbidden(text="A browser says which page opens a socket.\n")
        if len(self.sessions) >= SESSIONS:
            raise web.HTTPServiceUnavailable(text="As many sessions as can be are open; close one.\n")
        browser = web.WebSocketResponse(heartbeat=_HEARTBEAT, max_msg_size=FRAME_BYTES)
        self.sessions.add(browser)
        try:
            await browser.prepare(request)
            await self._converse(
                browser, side(request.query.get("width", ""), 80), side(request.query.get("height", ""), 24)
            )
        finally:
            self.sessions.discard(browser)
        return browser

    async def _converse(self, browser: web.WebSocketResponse, width: int, height: int) -> None:
        session = await Session.begin(self.command, width, height)
        speaking = asyncio.create_task(self._speak(session, browser))
        try:
            await _listen(session, browser)
        except Malformed as error:
            await browser.close(code=WSCloseCode.POLICY_VIOLATION, message=str(error).encode())
        finally:
            await session.end()
            await speaking

    async def _speak(self, session: Session, browser: web.WebSocketResponse) -> None:
        failure = await session.speak(browser.send_bytes)
        for line in failure.splitlines():
            self.say(f"session: {line}")
        await browser.close()

    async def _close(self, _: web.Application) -> None:
        for browser in list(self.sessions):
            await browser.close(code=WSCloseCode.GOING_AWAY, message=b"the server ends")


async def _listen(session: Session, browser: web.WebSocketResponse) -> None:
    """Hand on what the browser says until it is gone; a frame that is too large ends the connection by itself."""
    async for frame in browser:
        if frame.type is WSMsgType.ERROR:
            return
        if frame.type is not WSMsgType.TEXT:
            raise Malformed("no text")
        said = message(frame.data)
        if said.kind == "ping":
            await browser.send_json(["pong", said.said])
        else:
            await session.hear(said)
