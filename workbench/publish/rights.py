"""What a token of the Hub may write to, as far as the Hub tells whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OWNERS = frozenset({"user", "org"})
_OTHERS = frozenset({"model", "dataset", "space", "collection", "bucket"})
"""Entities that are no owners: a right on one of them is a right on it alone."""


def fault_of(known: Mapping[str, Any], name: str, kind: str) -> str:
    """Return why a token cannot write to a repository; empty where it can, or where only the Hub can say.

    `known` is the answer of `whoami`. A fine-grained token lists its rights in `auth.accessToken.fineGrained`:
    `scoped` holds an entity (an account, an organisation, one repository) with its permissions each.
    """
    token = (known.get("auth") or {}).get("accessToken") or {}
    if token.get("role") == "read":
        return "the token may only read"
    rights = token.get("fineGrained") or {}
    scoped = rights.get("scoped")
    if token.get("role") != "fineGrained" or not isinstance(scoped, list) or _writes(rights.get("global")):
        return ""
    if any(_writes(right.get("permissions")) and _covers(right.get("entity") or {}, name, kind) for right in scoped):
        return ""
    return f"the token has no right to write to repositories of {name.partition('/')[0]!r}, nor to this one"


def _writes(permissions: list[str] | None) -> bool:
    """Return whether one of some permissions (`repo.write`, `repo.content.read`) is to write to repositories."""
    return any(one.startswith("repo.") and one.endswith("write") for one in permissions or ())


def _covers(entity: Mapping[str, Any], name: str, kind: str) -> bool:
    """Return whether a right on an entity is one on a repository; of kinds that are not known here the Hub decides."""
    said, whose = str(entity.get("type")), str(entity.get("name")).casefold()
    if said in _OWNERS:
        return whose == name.partition("/")[0].casefold()
    return said not in _OTHERS or (said == kind and whose == name.casefold())
