"""Which columns of a corpus a person hid: kept beside the store, not in its log, because no record changes by it."""

from __future__ import annotations

import json
from collections.abc import Collection

from workbench.workspace import Workspace, write_text

Hidden = dict[str, dict[str, list[str]]]
"""Columns by corpus and schema."""


def hidden_columns(workspace: Workspace, corpus: str, schema: str) -> frozenset[str]:
    """Return the columns that were hidden last; none where nobody did, or where the file cannot be read."""
    return frozenset(_read(workspace).get(corpus, {}).get(schema, []))


def hide_columns(workspace: Workspace, corpus: str, schema: str, hidden: Collection[str]) -> None:
    """Remember which columns are hidden; raises OutsideError where that cannot be written."""
    with workspace.locked():
        known = _read(workspace)
        known.setdefault(corpus, {})[schema] = sorted(hidden)
        write_text(workspace.layout, json.dumps(known, ensure_ascii=False, indent=1) + "\n")


def _read(workspace: Workspace) -> Hidden:
    """Return what is kept; a file that is torn or of another form counts as none, and is written anew."""
    try:
        said = json.loads(workspace.layout.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return said if _is_form(said) else {}


def _is_form(said: object) -> bool:
    return isinstance(said, dict) and all(
        isinstance(schemas, dict)
        and all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in schemas.values())
        for schemas in said.values()
    )
