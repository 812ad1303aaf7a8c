"""Flags for calls of tools that nothing can carry out, and for results that no call asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from workbench.curation.flags.registry import Flag, Issue, of_record
from workbench.curation.flags.view import View

ARGUMENTS = Flag(
    "call-arguments",
    "warning",
    "the arguments of a call are no JSON object",
    "write them as a JSON object, or drop the record: such calls would be learned",
)
UNDEFINED = Flag(
    "undefined-tool",
    "warning",
    "a call names a tool that the record does not define",
    "mend the name, or add the tool to the definitions",
)
UNASKED = Flag(
    "unasked-result",
    "warning",
    "what a tool gave back names a call that no turn before it makes",
    "give it the id of the call that it answers, or drop the record",
)


@of_record(ARGUMENTS, UNDEFINED, UNASKED)
def calls(view: View) -> Iterator[Issue]:
    """Flag faulty calls and results in conversations of a kind that renders tools, in the form of the OpenAI API."""
    rendered = view.schema.declared.render.get("default", {})
    if not {"turns", "tools"} <= rendered.keys():
        return
    rows = pl.Series(view.rows(rendered["turns"], '"(tool_call|function_call)'), dtype=pl.UInt32)
    for part in view.picked(rows, "id", rendered["turns"], rendered["tools"]):
        for _, record, turns, tools in part.iter_rows():
            for flag, value in _faults(turns, _names(tools)).items():
                yield flag.issue(record, rendered["turns"], value)


def _faults(turns: Sequence[dict[str, Any] | None], defined: set[str]) -> dict[Flag, str]:
    """Return the flags that turns raise, each with the first value that does; without definitions every name is one."""
    asked: set[str] = set()
    found: dict[Flag, str] = {}
    for turn in filter(None, turns):  # an edit may leave a hole among them
        beside = _json(turn.get("extra"))
        if not isinstance(beside, dict):
            continue
        for call, function in _calls(beside):
            asked.add(str(call.get("id")))
            if not _is_object(function.get("arguments")):
                found.setdefault(ARGUMENTS, _text(function["arguments"]))
            name = function.get("name")
            if defined and not (isinstance(name, str) and name in defined):
                found.setdefault(UNDEFINED, _text(name))
        answered = beside.get("tool_call_id")
        if answered is not None and str(answered) not in asked:
            found.setdefault(UNASKED, _text(answered))
    return found


def _calls(beside: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each call of a turn with its function; what is no call in that form is left to the schema's rules."""
    listed = beside.get("tool_calls")
    for call in [*(listed if isinstance(listed, list) else ()), {"function": beside.get("function_call")}]:
        if isinstance(call, dict) and isinstance(call.get("function"), dict):
            yield call, call["function"]


def _names(tools: str | None) -> set[str]:
    """Return the names of defined tools, with or without the API's `function` around them."""
    listed = _json(tools)
    inner = (
        [tool.get("function", tool) for tool in listed if isinstance(tool, dict)] if isinstance(listed, list) else []
    )
    return {one["name"] for one in inner if isinstance(one, dict) and isinstance(one.get("name"), str)}


def _is_object(arguments: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Return whether arguments are an object, as JSON or as its text; none at all are how some write an empty one."""
    held = _json(arguments) if isinstance(arguments, str) and arguments.strip() else arguments or {}
    return isinstance(held, dict)


def _json(text: str | None) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return None


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a value as text; half a surrogate pair, which JSON can name, is in no text."""
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return said.encode(errors="replace").decode()
