"""What a turn holds beside role and content, as far as it decides what is trained: calls of tools, and weights."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Message = Mapping[str, Any]

_CALLS = ("tool_calls", "function_call")


def is_plain(messages: Iterable[Message]) -> bool:
    """Return whether turns hold nothing but role and content."""
    return all(message.keys() == {"role", "content"} for message in messages)


def has_call(message: Message) -> bool:
    """Return whether a turn calls a tool, in the form of the OpenAI API."""
    return any(message.get(key) for key in _CALLS)


def called_texts(rendered: Mapping[str, Any]) -> list[str]:
    """Return the calls and the definitions of tools in a rendered record as JSON, as templates write them."""
    held = [message.get(key) for message in rendered.get("messages", ()) for key in _CALLS]
    return [json.dumps(one, ensure_ascii=False) for one in (*held, rendered.get("tools")) if one]


def without_calls(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return turns as they would be without their calls."""
    return [{key: value for key, value in message.items() if key not in _CALLS} for message in messages]


def is_learned(message: Message) -> bool:
    """Return whether the loss counts a turn: the assistant's, unless its `weight` is 0, as in the OpenAI API."""
    return message["role"] == "assistant" and message.get("weight") != 0


def for_template(message: Message) -> dict[str, Any]:
    """Return a turn as chat templates want it: the arguments of a call as an object, where the API has them as text."""
    turn, calls = dict(message), message.get("tool_calls")
    return turn | {"tool_calls": [_with_object(call) for call in calls]} if isinstance(calls, list) else turn


def _with_object(call: Any) -> Any:  # noqa: ANN401 - any raw value
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    try:
        return call | {"function": function | {"arguments": json.loads(function["arguments"])}}
    except ValueError:  # a template may take it as the text that it is
        return call
