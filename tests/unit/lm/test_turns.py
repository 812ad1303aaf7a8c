"""Facts about model families: one BOS, the answer and its end learned, the same prompt later, in any template."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import AddedToken
from transformers import PreTrainedTokenizerFast

from workbench.errors import DataError
from workbench.lm.template import NOT_LEARNED, Encoded, encode
from workbench.lm.tiny import QUESTION_WORDS
from workbench.lm.tokenizer import to_fast_tokenizer, train_sentencepiece
from workbench.lm.turns import with_turns
from workbench.lm.xray import Example, xray
from workbench.recipe import Recipe

CHATML = (
    "{{% if messages[0]['role'] != 'system' %}}{{{{ '<|im_start|>system\\n{greeting}<|im_end|>\\n' }}}}{{% endif %}}"
    "{{% for m in messages %}}"
    "{{{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}}}{{% endfor %}}"
    "{{% if add_generation_prompt %}}{{{{ '<|im_start|>assistant\\n' }}}}{{% endif %}}"
)
LLAMA = (
    "{{ bos_token }}{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "{{ '<|start_header_id|>system<|end_header_id|>\\n\\nToday: ' + date_string + '<|eot_id|>' }}"
    "{% for m in messages %}"
    "{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' + m['content'] + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
    "{% for m in messages %}{% set role = 'model' if m['role'] == 'assistant' else m['role'] %}"
    "{{ '<start_of_turn>' + role + '\\n' + m['content'] + '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)
MISTRAL_V2 = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('turns must alternate') }}{% endif %}"
    "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% else %}{{ m['content'] + eos_token }}{% endif %}{% endfor %}"
)
MISTRAL_V3 = MISTRAL_V2.replace("' [/INST]'", "'[/INST]'").replace("{{ m['content'] +", "{{ ' ' + m['content'] +")
CHATML_MARKS = ("<|im_start|>", "<|im_end|>")
FAMILIES: dict[str, tuple[str | None, tuple[str, ...], str, str | None, str]] = {
    # name: template, special tokens, EOS of the tokenizer, BOS, what ends a learned answer
    "mistral-v0.1": (None, (), "</s>", "<s>", " There.</s>"),
    "mistral-instruct-v0.2": (MISTRAL_V2, (), "</s>", "<s>", "There.</s>"),
    "mistral-instruct-v0.3": (MISTRAL_V3, ("[INST]", "[/INST]"), "</s>", "<s>", " There.</s>"),
    "llama-3": (
        LLAMA,
        ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        "<|eot_id|>",
        "<s>",
        "There.<|eot_id|>",
    ),
    "qwen": (CHATML.format(greeting="You are kind."), CHATML_MARKS, "<|im_end|>", None, "There.<|im_end|>"),
    "qwen-base": (CHATML.format(greeting="You are kind."), CHATML_MARKS, "</s>", None, "There.<|im_end|>"),
    "smollm": (CHATML.format(greeting="Be brief."), CHATML_MARKS, "<|im_end|>", "<|im_start|>", "There.<|im_end|>"),
    "gemma": (GEMMA, ("<start_of_turn>", "<end_of_turn>"), "</s>", "<s>", "There.<end_of_turn>"),
}
ASKED = {"messages": [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "There."}]}
RECIPE = Recipe(name="a", base="b")
OPENS_TWICE = {"smollm"}
"""Families whose BOS is also the mark that opens every turn."""


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = [
        *QUESTION_WORDS.splitlines(),
        "There. Today: 26 Jul 2024 You are kind. Be brief. system user assistant model",
    ]
    return train_sentencepiece(lines, tmp_path_factory.mktemp("words"), vocab_size=340, user_defined=(), seed=0)


@pytest.fixture
def tokenizer(request: pytest.FixtureRequest, vocabulary: Path) -> PreTrainedTokenizerFast:
    """A tokenizer with the form of a family: its template, its marks, its BOS and EOS."""
    template, marks, eos, bos, _ = FAMILIES[request.param]
    made = to_fast_tokenizer(vocabulary, chat_template=template)
    made.add_tokens([AddedToken(mark, special=True, normalized=False) for mark in marks], special_tokens=True)
    made.eos_token, made.bos_token = eos, bos
    with_turns(made, "auto")
    return made


EVERY = pytest.mark.parametrize("tokenizer", FAMILIES, indirect=True)


def learned(tokenizer: PreTrainedTokenizerFast, encoded: Encoded) -> str:
    return str(tokenizer.decode([label for label in encoded.labels if label != NOT_LEARNED]))


@EVERY
def test_the_answer_and_its_end_are_learned_and_nothing_else(tokenizer, request):
    name = request.node.callspec.params["tokenizer"]
    encoded = encode(tokenizer, ASKED, max_length=256)
    assert learned(tokenizer, encoded) == FAMILIES[name][4]
    assert [label for label in encoded.labels if label != NOT_LEARNED][-1] == tokenizer.eos_token_id


@EVERY
def test_there_is_one_bos_where_the_family_has_one(tokenizer, request):
    name = request.node.callspec.params["tokenizer"]
    ids = encode(tokenizer, ASKED, max_length=256).input_ids
    if tokenizer.bos_token_id is None:
        assert tokenizer.convert_tokens_to_ids("<s>") not in ids
    elif name in OPENS_TWICE:
        assert ids[0] == tokenizer.bos_token_id
    else:
        assert ids[0] == tokenizer.bos_token_id and ids.count(tokenizer.bos_token_id) == 1


@EVERY
def test_what_is_asked_later_is_the_beginning_of_what_was_learned(tokenizer):
    encoded = encode(tokenizer, ASKED, max_length=256)
    asked = tokenizer.apply_chat_template(
        ASKED["messages"][:1], add_generation_prompt=True, tokenize=True, date_string="26 Jul 2024", return_dict=True
    )
    assert encoded.prompt_ids == asked["input_ids"] == encoded.input_ids[: len(encoded.prompt_ids)]


@EVERY
def test_a_conversation_of_every_family_passes_the_xray_however_long_it_is(tokenizer):
    turns = ASKED["messages"]
    examples = [Example(str(rounds), "train", {"messages": turns * rounds}) for rounds in (1, 2, 3)]
    seen, _ = xray(examples, tokenizer, RECIPE)
    assert seen["flags"].to_pylist() == [[], [], []]


@pytest.mark.parametrize("tokenizer", [name for name, form in FAMILIES.items() if form[3]], indirect=True)
def test_a_second_bos_is_flagged_in_every_family_that_has_one(tokenizer):
    question = {"role": "user", "content": f"{tokenizer.bos_token}Where?"}
    seen, _ = xray([Example("r", "train", {"messages": [question, ASKED["messages"][1]]})], tokenizer, RECIPE)
    assert seen["flags"].to_pylist() == [["double-bos", "literal-mark"]]


@pytest.mark.parametrize("tokenizer", ["llama-3"], indirect=True)
def test_a_template_that_writes_the_date_writes_the_same_one_every_day(tokenizer):
    assert "Today: 26 Jul 2024" in tokenizer.decode(encode(tokenizer, ASKED, max_length=256).input_ids)


@pytest.mark.parametrize("tokenizer", ["mistral-v0.1"], indirect=True)
def test_a_base_without_turns_gets_the_headings_that_a_recipe_names(tokenizer):
    with_turns(tokenizer, "instruction-response")
    encoded = encode(tokenizer, ASKED, max_length=256)
    assert tokenizer.decode(encoded.prompt_ids) == "<s>### Instruction:\nWhere?\n\n### Response:\n"
    assert learned(tokenizer, encoded) == "There.</s>"


@pytest.mark.parametrize("tokenizer", ["gemma"], indirect=True)
def test_a_family_refuses_what_it_has_no_turn_for(tokenizer):
    system = [{"role": "system", "content": "Be short."}, *ASKED["messages"]]
    with pytest.raises(DataError, match="no system turn"):
        encode(tokenizer, {"messages": system}, max_length=256)


@pytest.mark.parametrize("tokenizer", ["mistral-instruct-v0.2"], indirect=True)
def test_without_turns_a_conversation_is_refused_and_plain_text_is_not(tokenizer):
    with_turns(tokenizer, "none")
    with pytest.raises(DataError, match="no chat template"):
        encode(tokenizer, ASKED, max_length=256)
    assert encode(tokenizer, {"text": "There."}, max_length=256).prompt_ids == [tokenizer.bos_token_id]
