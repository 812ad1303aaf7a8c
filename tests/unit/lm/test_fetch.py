"""Facts about bases of the Hub: fetched once, pinned to a commit, and refused with what to do next."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from workbench.errors import OutsideError, UsageError
from workbench.lm.fetch import fetch
from workbench.services.training.bases import pinned

COMMIT = "c0ffee" * 6 + "c0ff"
TOKEN = "hf_TheTokenOfTheTests"
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights",
    "tokenizer.json": b"{}",
    "pytorch_model.bin": b"a pickle",
    "modeling_own.py": b"raise SystemExit",
}


class Models(BaseHTTPRequestHandler):
    """The few calls that fetching a base makes: one open base, one gated, one without safetensors."""

    protocol_version = "HTTP/1.1"
    calls: list[str]

    def do_GET(self) -> None:
        self.calls.append(self.path)
        parts = self.path.partition("?")[0].removeprefix("/api/models").strip("/").split("/")
        name, rest = "/".join(parts[:2]), parts[2:]
        if name not in ("open/base", "gated/base", "pickled/base"):
            self._answer(401, code="RepoNotFound")
        elif rest[0] == "revision":
            known = rest[1] in ("main", COMMIT)
            self._answer(200 if known else 404, {"id": name, "sha": COMMIT}, code="" if known else "RevisionNotFound")
        elif rest[0] == "tree":
            held = [file for file in FILES if "safetensors" not in file or name != "pickled/base"]
            tree = [{"type": "file", "path": file, "size": len(FILES[file]), "oid": f"{file:_<40}"} for file in held]
            self._answer(200, tree)
        elif name == "gated/base" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(403, code="GatedRepo")
        else:
            self._answer(200, body=FILES[rest[2]], ETag=f'"{rest[2]}"', **{"X-Repo-Commit": COMMIT})

    do_HEAD = do_GET

    def _answer(self, status: int, value: object = None, *, body: bytes = b"", code: str = "", **headers: str) -> None:
        body = body or json.dumps({} if value is None else value).encode()
        self.send_response(status)
        for key, text in {**headers, **({"X-Error-Code": code} if code else {})}.items():
            self.send_header(key, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the screen of the tests quiet."""


@contextmanager
def serving() -> Iterator[tuple[str, list[str]]]:
    """Serve until the block ends; give the address and the calls made."""
    handler = type("Serving", (Models,), {"calls": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler.calls
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serving() as (url, _):
        yield url


def test_a_base_comes_without_pickles_and_code_and_is_named_by_its_commit(hub, tmp_path):
    folder = fetch("open/base", endpoint=hub, cache=tmp_path)
    assert folder.name == COMMIT
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "tokenizer.json"}
    assert pinned("open/base", folder) == pinned("open/base@main", folder) == f"open/base@{COMMIT}"


def test_a_commit_can_be_asked_for_and_a_revision_that_is_not_there_is_named(hub, tmp_path):
    assert fetch(f"open/base@{COMMIT}", endpoint=hub, cache=tmp_path).name == COMMIT
    with pytest.raises(OutsideError, match="has no revision 'v9'"):
        fetch("open/base@v9", endpoint=hub, cache=tmp_path)


def test_a_gated_base_says_where_to_ask_and_how_to_log_in(hub, tmp_path, monkeypatch):
    with pytest.raises(OutsideError, match="is gated") as caught:
        fetch("gated/base", endpoint=hub, cache=tmp_path)
    assert "https://huggingface.co/gated/base" in caught.value.hint and "hf auth login" in caught.value.hint
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert fetch("gated/base", endpoint=hub, cache=tmp_path).name == COMMIT


def test_a_base_that_is_not_there_says_to_check_the_name_or_to_log_in(hub, tmp_path):
    with pytest.raises(OutsideError, match="no base 'nobody/base'") as caught:
        fetch("nobody/base", endpoint=hub, cache=tmp_path)
    assert "check the name" in caught.value.hint and "HF_TOKEN" in caught.value.hint


def test_a_base_without_safetensors_is_refused(hub, tmp_path):
    with pytest.raises(UsageError, match="no safetensors"):
        fetch("pickled/base", endpoint=hub, cache=tmp_path)


def test_without_a_network_the_message_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(OutsideError, match="cannot be fetched") as caught:
        fetch("open/base", endpoint="http://127.0.0.1:9", cache=tmp_path)
    assert "network" in caught.value.hint


def test_a_name_that_none_can_have_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="neither a folder nor a Hub id"):
        fetch("not a name!", cache=tmp_path)


def test_a_folder_stays_a_folder(tmp_path):
    assert pinned(str(tmp_path), tmp_path) == str(tmp_path)
