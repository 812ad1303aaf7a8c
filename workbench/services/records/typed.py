"""What a person types for a field, as the value that the field holds."""

from __future__ import annotations

import json
from string import ascii_uppercase
from typing import Any

import polars as pl

from workbench.schema import Schema


def value_of(schema: Schema, field: str, text: str) -> Any:  # noqa: ANN401 - a JSON value
    """Return what a text means for a field: JSON, an option by its letter, and `42` or `true` as words of a text field.

    Whether the field can hold it is not looked at.
    """
    if is_letter(schema, field, text):
        return ascii_uppercase.index(text.strip().upper())
    value = parsed(text)
    if schema.types.get(field) != pl.String or value is None or isinstance(value, str):
        return value
    # Words that read as a number are words. A list for a text field is a slip, unless the field keeps JSON as a text.
    return text if isinstance(value, int | float) or field in schema.declared.json_texts else value


def is_letter(schema: Schema, field: str, text: str) -> bool:
    """Return whether a text names the right option of a question by its letter."""
    choices = schema.declared.choices
    letter = text.strip().upper()
    return choices is not None and field == choices.key and len(letter) == 1 and letter in ascii_uppercase


def parsed(text: str) -> Any:  # noqa: ANN401 - a JSON value
    """Return a text as JSON where it is some, else as it stands."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
