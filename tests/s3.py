"""An S3 server on this machine, which can be told to fail; moto answers, werkzeug listens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

BUCKET = "corpora"
KEY, SECRET = "AKIAQQQQQQQQQQQQQQQQ", "loopback-secret-0123456789"


@dataclass
class Server:
    """A running server, what it was asked for, and which requests it answers with an error of its own."""

    port: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each request, in order."""
    fails: Callable[[str, str], bool] = lambda method, path: False
    """Whether a request, by method and path, is answered with 500."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running(patch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Run a server with one empty bucket; the environment has the address and the login, as a person's would."""
    pytest.importorskip("s3fs", reason="the extra `scale` is not installed: pip install '.[scale]'")
    server_module = pytest.importorskip("moto.moto_server.werkzeug_app", reason="moto is not installed")
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:
            pass

    server = Server()
    answer = server_module.DomainDispatcherApplication(server_module.create_backend_app)

    def answered(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        server.asked.append((method, path))
        if server.fails(method, path):
            start("500 Internal Server Error", [("Content-Type", "application/xml"), ("Connection", "close")])
            return [b"<Error><Code>InternalError</Code><Message>we are sorry</Message></Error>"]
        return answer(environ, start)

    listening = make_server("127.0.0.1", 0, answered, threaded=True, request_handler=Silent)
    server.port = listening.port
    _environment(patch, server)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def _environment(patch: pytest.MonkeyPatch, server: Server) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "AWS_PROFILE"):
        patch.delenv(name, raising=False)
        patch.delenv(name.lower(), raising=False)
    patch.setenv("AWS_ENDPOINT_URL", server.url)
    patch.setenv("AWS_ACCESS_KEY_ID", KEY)
    patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.setenv("AWS_MAX_ATTEMPTS", "1")
    patch.setattr("s3fs.core.S3FileSystem.retries", 1)  # the client would wait for seconds between two attempts


def bucket() -> None:
    """Make the bucket."""
    import s3fs

    s3fs.S3FileSystem(skip_instance_cache=True).mkdir(BUCKET)
