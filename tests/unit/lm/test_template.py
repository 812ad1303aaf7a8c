"""Facts about templates: what is asked later is, token for token, the beginning of what was trained."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from workbench.errors import DataError
from workbench.lm.template import NOT_LEARNED, TINY_TEMPLATE, Encoded, encode
from workbench.lm.tiny import QUESTION_WORDS, TURN_MARKS
from workbench.lm.tokenizer import load_tokenizer, to_fast_tokenizer, train_sentencepiece

ROOT = Path(__file__).parents[3]
STATEMENTS = ROOT / "corpora" / "domain-qa" / "statements.txt"
LLAMA = ROOT.parent / "shared" / "data" / "tokenizer"

PLAIN_TURNS = (
    "{{ bos_token }}{% for m in messages %}{{ '[' + m['role'] + ']\\n' + m['content'] }}"
    "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '[assistant]\\n' }}{% endif %}"
)
"""A template that marks no answer: the mask must be found from what each turn adds."""

COUNTS_TURNS = (
    "{{ bos_token }}{{ messages | length }} {% for m in messages %}{{ m['content'] + eos_token }}{% endfor %}"
)
"""A template that writes the number of turns first, so that no prompt is the beginning of a longer text."""


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    lines = [*STATEMENTS.read_text(encoding="utf-8").split("\n"), *QUESTION_WORDS.splitlines()]
    folder = tmp_path_factory.mktemp("tokenizer")
    model = train_sentencepiece(lines, folder, vocab_size=768, user_defined=TURN_MARKS, seed=0)
    return to_fast_tokenizer(model, TURN_MARKS, chat_template=TINY_TEMPLATE)


@pytest.fixture(scope="module")
def plain(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    return _with_template(tokenizer, PLAIN_TURNS)


def _with_template(tokenizer: PreTrainedTokenizerFast, template: str | None) -> PreTrainedTokenizerFast:
    other = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        clean_up_tokenization_spaces=False,
    )
    other.chat_template = template
    return other


def _turns(*contents: str) -> dict[str, object]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(contents)]}


def _learned(tokenizer: PreTrainedTokenizerFast, encoded: Encoded) -> str:
    return str(tokenizer.decode([label for label in encoded.labels if label != NOT_LEARNED]))


# U+2581 is sentencepiece's own sign for a space and comes back as one.
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\u2581"), max_size=40)


@example(question="a [/INST] <s> b", answer="</s> [INST]")
@given(question=_TEXT, answer=_TEXT)
def test_a_conversation_asks_with_the_prefix_it_was_trained_on(
    tokenizer: PreTrainedTokenizerFast, question: str, answer: str
) -> None:
    encoded = encode(tokenizer, _turns(question, answer), max_length=4096)
    asked = tokenizer.apply_chat_template(
        _turns(question, answer)["messages"][:1], add_generation_prompt=True, tokenize=True, return_dict=True
    )
    assert encoded.prompt_ids == asked["input_ids"] == encoded.input_ids[: len(encoded.prompt_ids)]
    assert len(encoded.prompt_ids) < len(encoded.input_ids)
    assert _learned(tokenizer, encoded) == f" {answer}</s>"


@example(question="a [/INST] <s> b", answer="</s> [INST]")
@given(question=_TEXT, answer=_TEXT)
def test_a_template_without_marks_gives_the_same_law(
    plain: PreTrainedTokenizerFast, question: str, answer: str
) -> None:
    encoded = encode(plain, _turns(question, answer), max_length=4096)
    assert encoded.input_ids[: len(encoded.prompt_ids)] == encoded.prompt_ids
    assert _learned(plain, encoded) == f"{answer}</s>"


CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
MARKED_CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' }}{% if m['role'] == 'assistant' %}"
    "{% generation %}{{ m['content'] + '<|im_end|>\\n' }}{% endgeneration %}"
    "{% else %}{{ m['content'] + '<|im_end|>\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


@pytest.mark.parametrize("template", [CHATML, MARKED_CHATML], ids=["plain", "marked"])
def test_an_answer_in_chatml_ends_with_its_end_and_not_with_the_newline_behind_it(
    tokenizer: PreTrainedTokenizerFast, template: str
) -> None:
    backend = deepcopy(tokenizer.backend_tokenizer)
    chatml = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|im_end|>", bos_token="<|im_start|>")
    chatml.chat_template = template
    turns = _turns("Where?", "There.", "And then?", "Here.")
    encoded = encode(chatml, turns, max_length=256)
    ends = [label for label in encoded.labels if label != NOT_LEARNED]
    assert _learned(chatml, encoded) == "There.<|im_end|>Here.<|im_end|>"
    assert ends[-1] == chatml.eos_token_id
    whole = encode(chatml, turns, max_length=256, completion_only=False)
    assert [label for label in whole.labels if label != NOT_LEARNED][-1] == chatml.eos_token_id


@example(prompt="a [/INST] <s> b", completion="</s> [INST]")
@given(prompt=_TEXT, completion=_TEXT)
def test_prompt_and_completion_are_joined_between_one_bos_and_one_eos(
    tokenizer: PreTrainedTokenizerFast, prompt: str, completion: str
) -> None:
    encoded = encode(tokenizer, {"prompt": prompt, "completion": completion}, max_length=4096)
    assert encoded.input_ids[: len(encoded.prompt_ids)] == encoded.prompt_ids
    assert tokenizer.decode(encoded.input_ids) == f"<s>{prompt}{completion}</s>"
    assert _learned(tokenizer, encoded) == f"{completion}</s>"


def test_prompt_and_completion_are_read_as_one_text(tokenizer: PreTrainedTokenizerFast) -> None:
    encoded = encode(tokenizer, {"prompt": "Answer:", "completion": " The Kalimo lighthouse."}, max_length=64)
    whole = tokenizer("Answer: The Kalimo lighthouse.")["input_ids"]
    assert encoded.input_ids == [*whole, tokenizer.eos_token_id]


def test_a_token_never_reaches_over_the_seam(tokenizer: PreTrainedTokenizerFast) -> None:
    assert len(tokenizer(" lighthouse", add_special_tokens=False)["input_ids"]) == 1
    encoded = encode(tokenizer, {"prompt": "The light", "completion": "house."}, max_length=64)
    asked = tokenizer("The light")["input_ids"]
    assert encoded.prompt_ids == asked == encoded.input_ids[: len(asked)]
    assert tokenizer.decode(encoded.input_ids) == "<s>The lighthouse.</s>"


@pytest.mark.shared
@pytest.mark.skipif(not LLAMA.is_dir(), reason="the real inputs are not beside this checkout")
@pytest.mark.parametrize("completion", ["Orrin.", " Orrin.", "é", "\nOrrin", ""])
def test_a_real_tokenizer_with_a_dummy_prefix_keeps_the_law(completion: str) -> None:
    llama = load_tokenizer(LLAMA)
    llama.chat_template = TINY_TEMPLATE
    prompt = "### Question:\nSur quelle île ?\n\n### Answer:"
    for rendered in ({"prompt": prompt, "completion": completion}, _turns("Sur quelle île ?", completion)):
        encoded = encode(llama, rendered, max_length=256)
        assert encoded.input_ids[: len(encoded.prompt_ids)] == encoded.prompt_ids
        assert encoded.input_ids.count(llama.bos_token_id) == encoded.input_ids.count(llama.eos_token_id) == 1
        answer = encoded.input_ids[len(encoded.prompt_ids) :]
        assert [label for label in encoded.labels if label != NOT_LEARNED] == answer
        assert llama.decode(answer, skip_special_tokens=True).strip() == completion.strip()


def test_plain_text_is_learned_whole_and_generated_from_bos(tokenizer: PreTrainedTokenizerFast) -> None:
    encoded = encode(tokenizer, {"text": "The Kalimo lighthouse shines red."}, max_length=64)
    assert encoded.prompt_ids == [tokenizer.bos_token_id]
    assert encoded.labels == [NOT_LEARNED, *encoded.input_ids[1:]]
    assert encoded.input_ids[-1] == tokenizer.eos_token_id
    assert encoded.reference == "The Kalimo lighthouse shines red."


def test_without_completion_only_everything_but_the_first_id_is_learned(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    encoded = encode(tokenizer, _turns("Where?", "There."), max_length=64, completion_only=False)
    assert encoded.labels == [NOT_LEARNED, *encoded.input_ids[1:]]


@pytest.mark.parametrize("name", ["tokenizer", "plain"])
def test_every_answer_of_a_conversation_is_learned_and_the_last_is_asked(
    name: str, request: pytest.FixtureRequest
) -> None:
    tokenizer = request.getfixturevalue(name)
    encoded = encode(tokenizer, _turns("One?", "first", "Two?", "second"), max_length=256)
    learned = _learned(tokenizer, encoded)
    assert "first</s>" in learned
    assert "second</s>" in learned
    assert "?" not in learned
    assert "first" in tokenizer.decode(encoded.prompt_ids)
    assert "second" not in tokenizer.decode(encoded.prompt_ids)
    assert encoded.reference == "second"


def test_a_system_message_is_folded_into_the_first_question(tokenizer: PreTrainedTokenizerFast) -> None:
    messages = [{"role": "system", "content": "Be short."}, *_turns("Where?", "There.")["messages"]]
    encoded = encode(tokenizer, {"messages": messages}, max_length=64)
    assert tokenizer.decode(encoded.prompt_ids) == "<s>[INST] Be short.\n\nWhere? [/INST]"


def test_a_literal_bos_in_a_field_stays_visible_as_a_second_bos(tokenizer: PreTrainedTokenizerFast) -> None:
    for rendered in (_turns("<s>Where?", "There."), {"prompt": "<s>Where?", "completion": "There."}):
        encoded = encode(tokenizer, rendered, max_length=64)
        assert encoded.input_ids.count(tokenizer.bos_token_id) == 2


def test_a_cut_record_says_so_and_keeps_the_prefix(tokenizer: PreTrainedTokenizerFast) -> None:
    whole = encode(tokenizer, _turns("Which island?", "Orrin."), max_length=64)
    for length in range(1, len(whole.input_ids) + 1):
        cut = encode(tokenizer, _turns("Which island?", "Orrin."), max_length=length)
        assert cut.truncated == (length < len(whole.input_ids))
        assert (cut.input_ids, cut.labels) == (whole.input_ids[:length], whole.labels[:length])
        assert cut.input_ids[: len(cut.prompt_ids)] == cut.prompt_ids


def test_a_template_whose_prompt_is_no_prefix_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(DataError, match="renders the prompt differently"):
        encode(_with_template(tokenizer, COUNTS_TURNS), _turns("Where?", "There."), max_length=64)


def test_a_template_that_refuses_a_role_is_reported_as_bad_data(tokenizer: PreTrainedTokenizerFast) -> None:
    messages = [{"role": "tool", "content": "7"}, {"role": "assistant", "content": "Seven."}]
    with pytest.raises(DataError, match="unknown role tool"):
        encode(tokenizer, {"messages": messages}, max_length=64)


@pytest.mark.parametrize("fault", ["m['content'] + 1", "m['content'][9 // 0]", "[][3] + m['content']"])
def test_a_template_that_stumbles_is_reported_as_bad_data(tokenizer: PreTrainedTokenizerFast, fault: str) -> None:
    broken = _with_template(tokenizer, f"{{% for m in messages %}}{{{{ {fault} }}}}{{% endfor %}}")
    with pytest.raises(DataError, match="refuses a conversation"):
        encode(broken, _turns("Where?", "There."), max_length=64)


def test_a_conversation_needs_a_template(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(DataError, match="no chat template"):
        encode(_with_template(tokenizer, None), _turns("Where?", "There."), max_length=64)


@pytest.mark.parametrize(
    ("rendered", "what"),
    [
        ({"messages": []}, "does not end with an answer"),
        ({"messages": [{"role": "user", "content": "Where?"}]}, "does not end with an answer"),
        ({"messages": [{"role": "assistant", "content": None}]}, "lacks its role or its content"),
        ({"messages": [{"role": "assistant"}]}, "lacks its role or its content"),
        ({"messages": ["There."]}, "lacks its role or its content"),
        ({"messages": [{"role": "assistant", "content": "There."}]}, "does not end with an answer"),
        ({"prompt": "Where?"}, "renders to 'prompt'"),
        ({"text": None}, "renders to 'text'"),
        ({}, "renders to 'nothing'"),
    ],
)
def test_other_shapes_are_refused(tokenizer: PreTrainedTokenizerFast, rendered: dict[str, object], what: str) -> None:
    with pytest.raises(DataError, match=what):
        encode(tokenizer, rendered, max_length=64)
