"""Say in plain words what is wrong with a value: pydantic's own sentences speak of its types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

_WHOLE, _NUMBER, _LIST, _KEYS = (
    "must be a whole number",
    "must be a number",
    "must be a list",
    "must hold keys and values",
)
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a known key",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be a finite number",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_type": "must be a text",
    "string_pattern_mismatch": "is not of the right form",
    "string_too_short": "must have at least {min_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "value_error": "{error}",
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(("list_type", "tuple_type"), _LIST),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), _KEYS),
}
"""By pydantic's error types: https://docs.pydantic.dev/latest/errors/validation_errors."""


def complaint(found: Mapping[str, Any]) -> str:
    """Return what one of pydantic's `error.errors()` finds, to be put behind the name of the value."""
    facts = {name: f"{fact:g}" if isinstance(fact, float) else fact for name, fact in found.get("ctx", {}).items()}
    return _WORDS.get(found["type"], "does not fit").format(**facts)


def dotted_key(found: Mapping[str, Any]) -> str:
    """Return the dotted key that one of pydantic's `error.errors()` is about, empty for the whole."""
    return ".".join(str(part) for part in found["loc"])


def explained(found: Mapping[str, Any]) -> str:
    """Return key and complaint of one of pydantic's `error.errors()`."""
    return f"{dotted_key(found)} {complaint(found)}".strip()


def yaml_fault(error: yaml.YAMLError) -> str:
    """Return what YAML's parser could not take, and in which line."""
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or "it cannot be parsed"
    return f"{what}, line {mark.line + 1}" if mark else what
