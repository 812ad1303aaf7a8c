"""How values of fields are shown to a person: as JSON, in which a secret is masked as it is in an issue."""

from __future__ import annotations

import json
from typing import Any


def told(value: Any) -> str:  # noqa: ANN401 - a JSON value
    """Return a value as JSON on one line; of each secret in it the first characters and the length are left."""
    return json.dumps(_masked(value), ensure_ascii=False)


def done(field: str, value: Any) -> str:  # noqa: ANN401 - a JSON value
    """Return in words what an edit does: its field with the new value, or what becomes of the whole record."""
    return f"{field} = {told(value)}" if field else "drop" if value else "bring back"


def _masked(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    from workbench.curation.flags.credentials import masked

    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [_masked(part) for part in value]
    return {key: _masked(part) for key, part in value.items()} if isinstance(value, dict) else value
