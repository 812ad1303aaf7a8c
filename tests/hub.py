"""A Hub for tests: the calls on repositories of records, in memory, on 127.0.0.1, with faults to order."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

from tests.hub_calls import Reply, Repository, Request, State, answer

TOKEN = "hf_TheTokenOfTheTests"
_PATIENCE = 30
"""Seconds after which a slow answer comes all the same: no test waits for it."""


SLOW = -1
"""The status of a fault that gives no answer before the client has given up."""


@dataclass
class Fault:
    """Answer calls that match with `status`, before or after doing what they ask."""

    pattern: str
    status: int
    done: bool
    times: int
    headers: Mapping[str, str] = field(default_factory=dict)
    """What the answer says beside its status: a pause to keep, a reason."""

    def reply(self) -> Reply:
        """Return the answer; one without a status cuts the line."""
        return Reply(max(self.status, 0), headers=self.headers)


class Hub(ThreadingHTTPServer):
    """The server; tests read `repositories` and `calls`, order faults, or act just `before` a call."""

    daemon_threads = True

    def __init__(self, token: str = TOKEN, cas: Path | None = None) -> None:
        """Listen on a free port of this machine only; `cas` is the folder in which hf_xet keeps what it is sent."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.state = State(f"http://127.0.0.1:{self.server_port}", token, cas)
        self.released = threading.Event()
        self.calls: list[str] = []
        self.faults: list[Fault] = []
        self.before: dict[str, Callable[[], object]] = {}
        self.lock = threading.RLock()

    @property
    def url(self) -> str:
        """Return the address for HF_ENDPOINT."""
        return self.state.url

    @property
    def repositories(self) -> dict[str, Repository]:
        """Return what lies on the Hub."""
        return self.state.repositories

    def fail(
        self,
        pattern: str,
        status: int,
        *,
        done: bool = False,
        times: int = 1,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Order a fault for calls ("METHOD /path") that match; `done` makes it a lost answer."""
        self.faults.append(Fault(pattern, status, done, times, headers))

    def called(self, pattern: str) -> int:
        """Count the calls that match."""
        return sum(bool(re.search(pattern, call)) for call in self.calls)

    def reply(self, request: Request) -> Reply:
        """Do what a call asks, with the faults ordered for it."""
        call = f"{request.method} {request.path}"
        for pattern in [known for known in self.before if re.search(known, call)]:
            self.before.pop(pattern)()
        with self.lock:
            self.calls.append(call)
            fault = self._fault(call)
            if fault is None:
                return answer(self.state, request)
            if fault.done:
                answer(self.state, request)
        if fault.status == SLOW:
            self.released.wait(_PATIENCE)
        return fault.reply()

    def _fault(self, call: str) -> Fault | None:
        for fault in self.faults:
            if fault.times and re.search(fault.pattern, call):
                fault.times -= 1
                return fault
        return None


@contextmanager
def running_hub(cas: Path | None = None) -> Iterator[Hub]:
    """Serve a Hub until the block ends."""
    hub = Hub(cas=cas)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        hub.shutdown()
        hub.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """Bytes in, bytes out; everything else is in the table of routes."""

    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        """Answer any method: the table knows which are there."""
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        reply = self.server.reply(Request(self.command, parts.path, query, self._headers(), self._body()))
        if not reply.status:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the screen of the tests quiet."""
