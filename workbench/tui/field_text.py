"""A field's value as text that can be edited in a terminal, and back."""

from __future__ import annotations

import json
from typing import Any

from workbench.errors import UsageError
from workbench.text import show


def is_plain(value: object, *, text_field: bool) -> bool:
    """Say whether a value is edited as it stands: a text, or none, without a character that is not seen."""
    if value is None:
        return text_field
    return isinstance(value, str) and show(value, lines=True) == value


def to_text(value: Any, *, plain: bool) -> str:  # noqa: ANN401 - any field
    """Return a value as text without control characters: as it stands, or as JSON with them escaped."""
    if plain:
        return value or ""
    shown = json.dumps(value, ensure_ascii=False, indent=2)
    return "".join(char if show(char, lines=True) == char else json.dumps(char)[1:-1] for char in shown)


def from_text(field: str, text: str, *, plain: bool) -> Any:  # noqa: ANN401 - any field
    """Return the value that a text stands for; bad JSON is a UsageError that says where."""
    if plain:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UsageError(f"{field!r} is no JSON: {error.msg} at {where}", "this field is edited as JSON") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or lists in lists without end
        raise UsageError(f"{field!r} cannot be read: {error}", "this field is edited as JSON") from error
