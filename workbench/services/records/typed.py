"""What a person types for a field, as the value that the field holds."""

from __future__ import annotations

import json
from string import ascii_uppercase
from typing import Any

import polars as pl

from workbench.schema import Schema


def value_of(schema: Schema, field: str, text: str) -> Any:  # noqa: ANN401 - a JSON value
    """Return what a text means for a field: JSON, but a text field's own words, and an option's letter its number.

    Whether the field can hold it is not looked at.
    """
    if is_letter(schema, field, text):
        return ascii_uppercase.index(text.strip().upper())
    value = parsed(text)
    is_text = schema.types.get(field) == pl.String
    return text if is_text and not (value is None or isinstance(value, str)) else value


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
