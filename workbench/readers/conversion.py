"""One raw value to one field's type; the type decides, and only an impossible type is an error."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from workbench.readers.choices import choices_from, json_from, text_from, whole_number
from workbench.readers.field_spec import FieldSpec, MappingError, impossible

_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "assistant": "assistant",
    "system": "system",
}
_TURN = {"role", "content", "from", "value", "text"}
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


def convert(value: Any, spec: FieldSpec) -> Any:  # noqa: ANN401 - any raw value, any typed value
    """Return a value as its field's type; None and, where no text is wanted, an empty text give None."""
    if value is None or (value == "" and spec.kind != "str"):
        return None
    return _CONVERSIONS[spec.kind](value)


def indices(found: list[int], spec: FieldSpec) -> tuple[int | None, list[int] | None]:
    """Return the answers of a row as one index, or as several where a field beside it can hold them."""
    found = list(dict.fromkeys(found))
    if spec.kind == "list[int]":
        return None, found or None
    if len(found) < 2:
        return (found[0] if found else None), None
    if not spec.plural:
        raise MappingError(f"{len(found)} answers for a field that holds one")
    return None, found


def _list_of_texts(value: Any) -> list[str] | None:  # noqa: ANN401 - any raw value
    choices = choices_from(value)
    return None if choices is None else list(choices.texts)


def _list_of_numbers(value: Any) -> list[int]:  # noqa: ANN401 - any raw value
    if isinstance(value, str) and value.strip().startswith("["):
        value = json_from(value, "a list of whole numbers")
    return [whole_number(item) for item in value] if isinstance(value, (list, tuple)) else [whole_number(value)]


def _decimal(value: Any) -> float:  # noqa: ANN401 - any raw value
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise impossible(value, "a number")
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise impossible(value, "a number") from error
    if not math.isfinite(number):
        raise impossible(value, "a finite number")
    return number


def _truth(value: Any) -> bool:  # noqa: ANN401 - any raw value
    text = text_from(value).strip().casefold()
    if text not in _TRUE + _FALSE:
        raise impossible(value, "true or false")
    return text in _TRUE


def messages(value: Any) -> list[dict[str, str]]:  # noqa: ANN401 - any raw value
    """Return a conversation as role and content, from those names or from `from` and `value`."""
    if isinstance(value, str):
        value = json_from(value, "a conversation")
    if not isinstance(value, list):
        raise impossible(value, "a list of turns")
    return [_turn(turn) for turn in value]


def _turn(turn: Any) -> dict[str, str]:  # noqa: ANN401 - any raw value
    if not isinstance(turn, dict):
        raise impossible(turn, "a turn")
    role = turn.get("role", turn.get("from"))
    content = turn.get("content", turn.get("value", turn.get("text")))
    if not isinstance(role, str):
        raise impossible(turn, "a turn with a role")
    return {"role": _ROLES.get(role.strip().casefold(), role), "content": _content(content)}


def _content(content: Any) -> str:  # noqa: ANN401 - any raw value
    if content is None:
        return ""
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        return "\n".join(text_from(part.get("text", "")) for part in content)
    return text_from(content)


def tells_more(value: Any) -> bool:  # noqa: ANN401 - any raw value
    """Return whether turns hold more than role and content, so that the raw column must be kept."""
    return isinstance(value, list) and any(isinstance(turn, dict) and turn.keys() - _TURN for turn in value)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "str": text_from,
    "int": whole_number,
    "float": _decimal,
    "bool": _truth,
    "list[str]": _list_of_texts,
    "list[int]": _list_of_numbers,
    "messages": messages,
}
