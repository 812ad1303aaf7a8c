"""Repositories of records on the Hub as a person names them: `owner/name`, with `@revision`, or by their address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_NAME = re.compile(rf"(?P<repo>{_PART}/{_PART})(?:@(?P<revision>\S+))?")
_ADDRESS = re.compile(
    rf"(?:hf|https?)://(?:[^/\s]+/)?datasets/(?P<repo>{_PART}/{_PART})(?:(?:/tree/|@)(?P<revision>\S+))?/?"
)


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

    What is here comes first: a text that begins with a folder of `base` is a path.
    """
    plain = text.strip()
    found = _ADDRESS.fullmatch(plain)
    if found is None and not (base / plain.partition("/")[0]).exists():
        found = _NAME.fullmatch(plain)
    return NamedRepository(found["repo"], found["revision"]) if found else None
