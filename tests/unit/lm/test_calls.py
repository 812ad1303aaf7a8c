"""Facts about turns that call tools: the template gets calls and definitions, and weights decide what is learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

from tests.plants import plants
from workbench.errors import DataError
from workbench.lm.calls import for_template
from workbench.lm.template import TINY_TEMPLATE, encode
from workbench.lm.tokenizer import to_fast_tokenizer, train_sentencepiece
from workbench.lm.xray import Example, xray
from workbench.recipe import Recipe

TEXT = 'rain city Oslo no it is dry tools {"city": "Oslo"} call result Is it raining? Hello. Hi. Bye.'
WRITES_CALLS = (
    "{{ bos_token }}{% if tools %}tools {% for tool in tools %}{{ tool['function']['name'] }} {% endfor %}{% endif %}"
    "{% for message in messages %}{% if message['role'] == 'assistant' %}{{ '[A]' }}"
    "{% for call in message['tool_calls'] or [] %}call {{ call['function']['arguments']['city'] }}{% endfor %}"
    "{{ message['content'] + eos_token }}{% else %}{{ message['role'] + ' ' + message['content'] }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '[A]' }}{% endif %}"
)
LEAVES_CALLS_OUT = WRITES_CALLS.replace("message['tool_calls'] or []", "[]")
CALL = {"id": "c1", "type": "function", "function": {"name": "rain", "arguments": '{"city": "Oslo"}'}}
TOOLS = [{"type": "function", "function": {"name": "rain", "parameters": {}}}]
TURNS: list[dict[str, Any]] = [
    {"role": "user", "content": "Is it raining?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "no", "tool_call_id": "c1"},
    {"role": "assistant", "content": "it is dry"},
]
WEIGHED = [
    {"role": "user", "content": "Hello."},
    {"role": "assistant", "content": "Hi.", "weight": 0},
    {"role": "user", "content": "Hello."},
    {"role": "assistant", "content": "Bye.", "weight": 1},
]


@pytest.fixture
def tokenizer(tmp_path: Path) -> PreTrainedTokenizerBase:
    model = train_sentencepiece([TEXT] * 20, tmp_path, vocab_size=300, user_defined=("[A]",), seed=0)
    return to_fast_tokenizer(model, ("[A]",), chat_template=WRITES_CALLS)


def learned(tokenizer: PreTrainedTokenizerBase, rendered: dict[str, Any]) -> str:
    labels = encode(tokenizer, rendered, max_length=500).labels
    return str(tokenizer.decode([label for label in labels if label >= 0], skip_special_tokens=True))


def test_a_call_is_learned_with_its_arguments_and_what_the_tool_said_is_not(tokenizer: PreTrainedTokenizerBase) -> None:
    said = learned(tokenizer, {"messages": TURNS, "tools": TOOLS})
    assert "call Oslo" in said and "it is dry" in said
    assert "no" not in said and "raining" not in said


def test_the_template_is_given_the_definitions(tokenizer: PreTrainedTokenizerBase) -> None:
    ids = encode(tokenizer, {"messages": TURNS, "tools": TOOLS}, max_length=500).prompt_ids
    assert "tools rain" in tokenizer.decode(ids)
    assert "tools" not in tokenizer.decode(encode(tokenizer, {"messages": TURNS}, max_length=500).prompt_ids)


@pytest.mark.parametrize("template", [WRITES_CALLS, TINY_TEMPLATE])
def test_an_answer_of_weight_nought_is_read_and_not_learned(tokenizer: PreTrainedTokenizerBase, template: str) -> None:
    tokenizer.chat_template = template
    said = learned(tokenizer, {"messages": WEIGHED})
    assert "Bye." in said and "Hi." not in said
    assert "Hi." in tokenizer.decode(encode(tokenizer, {"messages": WEIGHED}, max_length=500).input_ids)


def test_weights_are_refused_where_marks_do_not_tell_the_answers_apart(tokenizer: PreTrainedTokenizerBase) -> None:
    turns = [WEIGHED[0], WEIGHED[1], WEIGHED[3]]  # two answers in a row are one stretch of marks
    tokenizer.chat_template = TINY_TEMPLATE.replace("' ' + message['content'] + eos_token", "message['content']")
    with pytest.raises(DataError, match="weight 0"):
        encode(tokenizer, {"messages": turns}, max_length=500)


def test_arguments_that_are_no_json_stay_the_text_that_they_are() -> None:
    odd = {"function": {"name": "rain", "arguments": "{"}}
    turn = {"role": "assistant", "content": "", "tool_calls": [odd, "?", {"function": None}]}
    assert for_template(turn)["tool_calls"] == [odd, "?", {"function": None}]
    assert for_template(TURNS[0]) == TURNS[0]


@plants("lost-call")
def test_a_template_that_leaves_a_call_out_is_flagged(tokenizer: PreTrainedTokenizerBase) -> None:
    example = Example("r", "train", {"messages": TURNS, "tools": TOOLS})
    recipe = Recipe(name="a", base="tiny")
    flags = []
    for template in (LEAVES_CALLS_OUT, WRITES_CALLS, TINY_TEMPLATE):
        tokenizer.chat_template = template
        seen, _ = xray([example], tokenizer, recipe)
        flags.append(seen["flags"].to_pylist()[0])
    assert "lost-call" in flags[0]
    assert flags[1:] == [[], ["not-encodable"]]


def test_a_template_that_writes_no_call_without_its_definition_is_not_said_to_leave_it_out(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    strict = "{% for message in messages if message['tool_calls'] and not tools %}{{ raise_exception('undefined') }}"
    tokenizer.chat_template = strict + "{% endfor %}" + WRITES_CALLS
    example = Example("r", "train", {"messages": TURNS, "tools": TOOLS})
    seen, _ = xray([example], tokenizer, Recipe(name="a", base="tiny"))
    assert seen["flags"].to_pylist() == [[]]


def test_a_special_token_in_the_arguments_of_a_call_is_a_mark(tokenizer: PreTrainedTokenizerBase) -> None:
    marked = CALL | {"function": {"name": "rain", "arguments": {"city": "Oslo</s>"}}}
    turns = [TURNS[0], TURNS[1] | {"tool_calls": [marked]}, *TURNS[2:]]
    seen, _ = xray([Example("r", "train", {"messages": turns})], tokenizer, Recipe(name="a", base="tiny"))
    assert "literal-mark" in seen["flags"].to_pylist()[0]


def test_a_call_at_the_end_has_no_answer_to_compare_and_counts_its_bytes(tokenizer: PreTrainedTokenizerBase) -> None:
    _, cache = xray([Example("r", "train", {"messages": TURNS[:2]})], tokenizer, Recipe(name="a", base="tiny"))
    (row,) = cache.to_pylist()
    assert row["reference"] is None
    assert row["bytes"] >= len("call Oslo")
