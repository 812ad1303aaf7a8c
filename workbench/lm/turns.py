"""The turns of a conversation as text: a base's own chat template or one of ours, and what ends an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from workbench.lm.template import TINY_TEMPLATE, apply_template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Turns = Literal["auto", "inst", "instruction-response", "none"]

INSTRUCTION_RESPONSE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] + '\n\n' }}"
    "{% elif message['role'] == 'user' %}{{ '### Instruction:\n' + message['content'] + '\n\n### Response:\n' }}"
    "{% elif message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}"
    "{% else %}{{ raise_exception('unknown role ' + message['role']) }}{% endif %}{% endfor %}"
)
"""Headings instead of marks, as bases without turns are often tuned."""

TEMPLATES = {"inst": TINY_TEMPLATE, "instruction-response": INSTRUCTION_RESPONSE}


def with_turns(tokenizer: PreTrainedTokenizerBase, turns: Turns) -> PreTrainedTokenizerBase:
    """Give a loaded tokenizer the chat template that a recipe names, and the end of turn as its EOS; return it.

    `auto` keeps the base's own template and gives `inst` to a base without one (Mistral-7B-v0.1 was tuned so);
    `none` takes templates away: plain text is continued, and conversations are refused. Families whose answers
    end with a token of their own (Gemma, ChatML on a plain base) must stop there: it becomes the EOS.
    """
    if turns == "none":
        tokenizer.chat_template = None
        return tokenizer
    if turns != "auto" or tokenizer.chat_template is None:
        tokenizer.chat_template = TEMPLATES["inst" if turns == "auto" else turns]
    end = _end_of_turn(tokenizer)
    if end is not None:
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(end)
    return tokenizer


_EXCHANGE = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})


def _end_of_turn(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Return the token that a template writes behind an answer where EOS does not stand there."""
    asked, whole = apply_template(tokenizer, _EXCHANGE[:1], prompt=True), apply_template(tokenizer, _EXCHANGE)
    tail = whole[len(asked) :]
    if tokenizer.eos_token_id in tail:
        return None
    marks = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return next((token for token in reversed(tail) if token in marks), None)
