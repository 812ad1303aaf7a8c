"""One raw value to one field's type; the type decides, and only an impossible type is an error."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import suppress
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
    "tool": "tool",
}
_USUAL = {"role", "content"}
_CONTENTS = ("content", "value", "text")
EXTRA = "extra"
"""The part of a turn that holds, as JSON, what stands beside its role and content."""
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


def _json(value: Any) -> str:  # noqa: ANN401 - any raw value
    """Return a value as JSON; a text stays as it is, and what it holds is for a rule to judge."""
    return value if isinstance(value, str) else _dumped(value)


def _dumped(value: Any) -> str:  # noqa: ANN401 - any raw value
    return json.dumps(value, ensure_ascii=False, default=str)


def messages(value: Any) -> list[dict[str, str]]:  # noqa: ANN401 - any raw value
    """Return a conversation as role and content, from those names or from `from` and `value`."""
    return [_turn(turn) for turn in _turns(value)]


def _messages_with_extra(value: Any) -> list[dict[str, str | None]]:  # noqa: ANN401 - any raw value
    """Return a conversation as role, content and what else each turn holds, as JSON; None where it holds no more."""
    return [{**_turn(turn), EXTRA: _extra(turn)} for turn in _turns(value)]


def _turns(value: Any) -> list[Any]:  # noqa: ANN401 - any raw value
    if isinstance(value, str):
        value = json_from(value, "a conversation")
    if not isinstance(value, list):
        raise impossible(value, "a list of turns")
    return value


def _extra(turn: dict[str, Any]) -> str | None:
    """Return what a turn holds beside role and content, as JSON; an export of ours holds it as JSON already."""
    beside = {key: turn[key] for key in turn if key in _beside(turn)}
    others = {key: held for key, held in beside.items() if key != EXTRA}
    written = beside.get(EXTRA)
    if isinstance(written, str) and written.lstrip().startswith("{"):
        with suppress(MappingError):  # words that only begin like an object are kept as they are
            held = json_from(written, "JSON")
            if held.keys().isdisjoint({*others, *_USUAL}):  # of two parts of one name neither shall be lost
                beside = held | others
    return _dumped(beside) if beside else None


def _beside(turn: dict[str, Any]) -> set[str]:
    """Return the parts of a turn beside role and content; a null says nothing: Arrow gives each turn all parts."""
    if turn.keys() == _USUAL:
        return set()
    said = {"role" if "role" in turn else "from", next((key for key in _CONTENTS if key in turn), "")}
    return {key for key in turn.keys() - said if turn[key] is not None}


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
    return isinstance(value, list) and any(isinstance(turn, dict) and _beside(turn) for turn in value)


def told_beside(value: Any) -> set[str]:  # noqa: ANN401 - any raw value
    """Return what turns, a list or one as JSON text, hold beside role and content: the names of those parts."""
    try:
        turns = _turns(value)
    except MappingError:
        return set()
    return {key for turn in turns if isinstance(turn, dict) for key in _beside(turn)}


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "str": text_from,
    "json": _json,
    "int": whole_number,
    "float": _decimal,
    "bool": _truth,
    "list[str]": _list_of_texts,
    "list[int]": _list_of_numbers,
    "messages": messages,
    "messages+extra": _messages_with_extra,
}
