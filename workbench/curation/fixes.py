"""The form of a suggested fix: a new value, new values of several fields, or the drop of the record."""

from __future__ import annotations

import json
from typing import Any

DROP = json.dumps({"drop": True})
"""The suggested fix that drops the record; no field of a record has this shape."""
_SET = "set"


def of_field(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the fix that gives the issue's own field a new value."""
    return json.dumps(value, ensure_ascii=False)


def of_fields(values: dict[str, Any]) -> str:
    """Return the fix that gives several fields new values at once, where one alone would leave a wrong record."""
    return json.dumps({_SET: values}, ensure_ascii=False)


def in_words(values: dict[str, Any]) -> str:
    """Return new values as `field = value`, for a person."""
    return ", ".join(f"{field} = {of_field(value)}" for field, value in values.items())


def changes(field: str, fix: str) -> dict[str, Any] | None:
    """Return the new values by field that a fix asks for; None asks to drop the record."""
    if fix == DROP:
        return None
    value = json.loads(fix)
    if isinstance(value, dict) and set(value) == {_SET}:
        return dict(value[_SET])
    return {field: value}
