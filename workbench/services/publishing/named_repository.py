"""Repositories of records on the Hub as a person names them: `owner/name`, with `@revision`, or by their address."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_NAME = re.compile(rf"(?P<repo>{_PART}/{_PART})(?:@(?P<revision>\S+))?")
_REST = re.compile(rf"(?P<repo>{_PART}/{_PART})(?:(?:/tree/|@)(?P<revision>\S+?))?/?")
_HUBS = ("hf:/", "https://huggingface.co", "http://huggingface.co", "https://hf.co", "http://hf.co")


@dataclass(frozen=True)
class NamedRepository:
    """A repository of records, at a revision or at its newest commit."""

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        """Return it as it is typed."""
        return f"{self.repo}@{self.revision}" if self.revision else self.repo


def named_repository(text: str, base: Path) -> NamedRepository | None:
    """Return the repository that a text names; None where it names files, or what may become some.

    What is here comes first: a text that begins with a folder of `base` is a path. An address is one of the Hub, or of
    the one that HF_ENDPOINT names: others have repositories that are called alike.
    """
    plain = text.strip()
    at_hub = next((plain.removeprefix(hub) for hub in _hubs() if plain.startswith(hub)), None)
    if at_hub is not None:
        found = _REST.fullmatch(unquote(at_hub))
    else:
        found = None if (base / plain.partition("/")[0]).exists() else _NAME.fullmatch(plain)
    return NamedRepository(found["repo"], found["revision"]) if found else None


def _hubs() -> list[str]:
    """Return what the addresses of repositories of records begin with."""
    own = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    return [f"{hub}/datasets/" for hub in (*_HUBS, own) if hub]
