"""Calls of tools are checked as a program that runs them would: arguments, names, and what answers what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.curation.flagged import found, rules
from workbench.schema import load_schema
from workbench.workspace import samples

TOOLS = load_schema(samples() / "schemas" / "tools.yaml")
RAIN = json.dumps([{"type": "function", "function": {"name": "rain", "parameters": {"type": "object"}}}])


def called(
    arguments: Any = '{"city": "Oslo"}', name: Any = "rain", answers: str | None = "c1", tools: str | None = RAIN
) -> dict[str, Any]:
    calling = {"tool_calls": [{"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}]}
    result = {} if answers is None else {"tool_call_id": answers}
    turns = [
        {"role": "user", "content": "Is it raining in Oslo?"},
        {"role": "assistant", "content": "", "extra": json.dumps(calling)},
        {"role": "tool", "content": "no", "extra": json.dumps(result)},
        {"role": "assistant", "content": "No, it is dry.", "extra": None},
    ]
    return {"messages": turns, "tools": tools}


@pytest.mark.parametrize(
    "row",
    [
        called(),
        called({"city": "Oslo"}),
        called("{}"),
        called(""),
        called(None),
        called(answers=None),
        called(tools=None, name="any"),
        called(tools='[{"name": "rain"}]'),
    ],
)
def test_calls_that_can_be_carried_out_are_left_alone(row):
    assert rules(TOOLS, row) == [[]]


@pytest.mark.parametrize(
    ("row", "rule", "value"),
    [
        (called("{city: Oslo"), "call-arguments", "{city: Oslo"),
        (called('["Oslo"]'), "call-arguments", '["Oslo"]'),
        (called(7), "call-arguments", "7"),
        (called(name="rian"), "undefined-tool", "rian"),
        (called(name={"name": "rain"}), "undefined-tool", '{"name": "rain"}'),
        (called(answers="c2"), "unasked-result", "c2"),
    ],
)
def test_a_call_that_nothing_can_carry_out_is_told_of(row, rule, value):
    issue = found(TOOLS, row).to_dicts()
    assert [(one["rule"], one["severity"], one["value"]) for one in issue] == [(rule, "warning", value)]


def test_a_result_before_its_call_answers_nothing():
    row = called()
    row["messages"][1:3] = row["messages"][2:0:-1]
    assert "unasked-result" in rules(TOOLS, row)[0]


def test_the_older_form_of_a_call_is_looked_at_too():
    row = called()
    row["messages"][1]["extra"] = json.dumps({"function_call": {"name": "rian", "arguments": "{"}})
    row["messages"][2]["extra"] = None
    assert rules(TOOLS, row) == [["call-arguments", "undefined-tool"]]


def test_half_a_character_that_json_names_is_shown_as_a_question_mark():
    issue = found(TOOLS, called(name="\ud800rain", answers="\udfff")).to_dicts()
    shown = {one["rule"]: one["value"] for one in issue}
    assert (shown["undefined-tool"], shown["unasked-result"]) == ("?rain", "?")


def test_a_hole_among_the_turns_hides_no_call():
    row = called(name="rian")
    row["messages"].insert(0, None)
    assert "undefined-tool" in rules(TOOLS, row)[0]
