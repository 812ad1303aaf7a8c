"""Fixtures: a Hub on this machine, and a client library that talks to nothing else and never waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from huggingface_hub import constants

from tests.hub import TOKEN, Hub, running_hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, waited: list[float]) -> Iterator[Hub]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    # The client library reads its switches at import: a test cannot set them by the environment any more.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with running_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Wait for nothing, and say how long it would have been: our own pauses and the client library's."""
    pauses: list[float] = []
    monkeypatch.setattr("workbench.publish.pausing.sleep", pauses.append)
    hurried = SimpleNamespace(**{**vars(time), "sleep": pauses.append})
    monkeypatch.setattr("huggingface_hub.utils._http.time", hurried)
    return pauses
