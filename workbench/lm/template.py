"""Turn a rendered record into the ids a model is trained on and the very prompt it later generates from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.errors import DataError
from workbench.lm.calls import Message, for_template, is_learned

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NOT_LEARNED = -100
"""The label that the loss skips (torch's `ignore_index`)."""

TINY_TEMPLATE = (
    "{{ bos_token }}{% set state = namespace(system='') %}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{% set state.system = message['content'] + '\\n\\n' %}"
    "{% elif message['role'] == 'user' %}{{ '[INST] ' + state.system + message['content'] + ' [/INST]' }}"
    "{% set state.system = '' %}"
    "{% elif message['role'] == 'assistant' %}"
    "{% generation %}{{ ' ' + message['content'] + eos_token }}{% endgeneration %}"
    "{% else %}{{ raise_exception('unknown role ' + message['role']) }}{% endif %}{% endfor %}"
)
"""Mistral's turns: a system message is folded into the next user turn, answer and EOS are learned."""

Rendered = Mapping[str, Any]


class SkewError(DataError):
    """A template asks otherwise than it was trained: its prompt is not the beginning of the training text."""


@dataclass(frozen=True)
class Encoded:
    """One record as ids: `labels` is -100 where nothing is learned, `prompt_ids` a prefix of `input_ids`."""

    input_ids: list[int]
    labels: list[int]
    prompt_ids: list[int]
    answers: tuple[str, ...]
    """The texts of all answers, in order."""
    lost: int
    """Tokens that were cut away."""

    @property
    def truncated(self) -> bool:
        """Whether the record was longer than it may be."""
        return self.lost > 0

    @property
    def reference(self) -> str:
        """The answer to `prompt_ids`: the last one."""
        return self.answers[-1]


@dataclass(frozen=True)
class _Parts:
    """A record before the cut: its ids, which of them belong to answers, how many are the prompt."""

    ids: list[int]
    answer: list[bool]
    prompt: int
    answers: tuple[str, ...]


def encode(
    tokenizer: PreTrainedTokenizerBase, rendered: Rendered, *, max_length: int, completion_only: bool = True
) -> Encoded:
    """Encode `{"messages"}`, `{"prompt", "completion"}` or `{"text"}`, cut on the right at `max_length` ids.

    Messages may call tools, which `tools` beside them defines: the template gets both. An answer of weight 0 is not
    learned. `labels` hold the answers and their EOS (with `completion_only=False`: everything up to the last EOS);
    `prompt_ids` is what generation starts from, up to the last answer. A literal special token in a field is
    read as that token.
    Raises DataError where the shape is none of these, where a conversation does not end with an answer and where
    the template refuses it; SkewError, which is one, where its prompt is not the beginning of the training text.
    """
    parts = _parts(tokenizer, rendered)
    learned = parts.answer if completion_only else _until_the_end(parts.answer)
    # The first id has nothing before it to be predicted from; in a packed row it would follow a stranger.
    labels = [
        token if learn and place else NOT_LEARNED
        for place, (token, learn) in enumerate(zip(parts.ids, learned, strict=True))
    ]
    return Encoded(
        parts.ids[:max_length],
        labels[:max_length],
        parts.ids[: min(parts.prompt, max_length)],
        parts.answers,
        max(len(parts.ids) - max_length, 0),
    )


def _until_the_end(answer: list[bool]) -> list[bool]:
    """Learn everything but what a template writes behind the last answer's EOS."""
    end = max((place for place, flag in enumerate(answer) if flag), default=len(answer) - 1)
    return [place <= end for place in range(len(answer))]


def _parts(tokenizer: PreTrainedTokenizerBase, rendered: Rendered) -> _Parts:
    match rendered:
        case {"messages": [*messages]}:
            return _from_messages(tokenizer, _Talk(messages, rendered.get("tools")))
        case {"prompt": str(prompt), "completion": str(completion)}:
            return _from_texts(tokenizer, prompt, completion)
        case {"text": str(text)}:
            return _from_texts(tokenizer, "", text)
    names = ", ".join(sorted(map(str, rendered))) or "nothing"
    raise DataError(f"a record renders to {names!r}", "it must be messages, prompt and completion, or text")


def _from_texts(tokenizer: PreTrainedTokenizerBase, prompt: str, completion: str) -> _Parts:
    """Join BOS, prompt, completion and EOS, each of the two marks once."""
    if tokenizer.eos_token_id is None:
        hint = "without one a tuned model never stops: use another base"
        raise DataError("the tokenizer has no EOS token", hint)
    start = [] if tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]
    asked, answered = _seam(tokenizer, prompt, completion)
    head, tail = start + asked, [*answered, int(tokenizer.eos_token_id)]
    return _Parts(head + tail, [False] * len(head) + [True] * len(tail), len(head), (completion,))


def _seam(tokenizer: PreTrainedTokenizerBase, prompt: str, completion: str) -> tuple[list[int], list[int]]:
    """Return both texts as ids, read as one text unless a token would reach over the seam.

    Read apart, a tokenizer with a dummy prefix (Llama, Mistral) puts a space before the completion that the
    base never saw there; read as one, the prompt is not always a prefix. So: as one where it is, else apart.
    """
    asked, whole = _tokens(tokenizer, prompt), _tokens(tokenizer, prompt + completion)
    if whole[: len(asked)] == asked:
        return asked, whole[len(asked) :]
    return asked, _tokens(tokenizer, completion)


def _tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False, **_QUIET)["input_ids"]) if text else []


_QUIET: dict[str, Any] = {"verbose": False}
"""What is longer than the base reads is told by the X-ray, record by record, and not by a warning."""


class _Talk(NamedTuple):
    """Turns, and the definitions of the tools that they call."""

    messages: Sequence[Message]
    tools: list[dict[str, Any]] | None = None

    def until(self, place: int) -> _Talk:
        return self._replace(messages=self.messages[:place])


def _from_messages(tokenizer: PreTrainedTokenizerBase, talk: _Talk) -> _Parts:
    messages = talk.messages
    if not all(map(_is_message, messages)):
        raise DataError("a message lacks its role or its content", "both must be text")
    if len(messages) < 2 or messages[-1]["role"] != "assistant":
        hint = "it needs a question and, as its last message, the assistant's answer"
        raise DataError("a conversation does not end with an answer", hint)
    marks_answers = _GENERATION.search(_template(tokenizer)) is not None
    ids, answer = (_marked if marks_answers else _spans)(tokenizer, talk)
    prompt = _prefix(tokenizer, talk, len(messages) - 1, ids)
    answers = tuple(message["content"] for message in messages if message["role"] == "assistant")
    return _Parts(ids, answer, prompt, answers)


def _is_message(message: object) -> bool:
    return isinstance(message, Mapping) and all(isinstance(message.get(key), str) for key in ("role", "content"))


_GENERATION = re.compile(r"\{%-?\s*generation\b")


def _template(tokenizer: PreTrainedTokenizerBase) -> str:
    try:
        return str(tokenizer.get_chat_template())
    except ValueError as error:
        hint = "use a base with one, or render the records as prompt and completion"
        raise DataError("the base has no chat template for a conversation", hint) from error


def _marked(tokenizer: PreTrainedTokenizerBase, talk: _Talk) -> tuple[list[int], list[bool]]:
    """Render a conversation with a template that marks its answers itself."""
    out = _apply(tokenizer, talk, return_assistant_tokens_mask=True)
    runs = [(flag, len(list(run))) for flag, run in groupby(map(bool, out["assistant_masks"]))]
    learned = iter(_learned_runs(talk.messages, sum(flag for flag, _ in runs)))
    ids, answer, place = list(out["input_ids"]), [], 0
    for flag, length in runs:
        place, start = place + length, place
        end = _after_last(tokenizer.eos_token_id, ids, start, place) if flag and next(learned) else start
        answer += [True] * (end - start) + [False] * (place - end)
    return ids, answer


def _learned_runs(messages: Sequence[Message], runs: int) -> list[bool]:
    """Return which of so many marked stretches are learned: all, but those of answers of weight 0."""
    learned = [is_learned(message) for message in messages if message["role"] == "assistant"]
    if not all(learned) and len(learned) != runs:
        hint = "use a template without generation marks, or leave the weights away"
        raise DataError("the template's marks do not tell which answer has weight 0", hint)
    return [True] * runs if all(learned) else learned


def _spans(tokenizer: PreTrainedTokenizerBase, talk: _Talk) -> tuple[list[int], list[bool]]:
    """Find the answers as what each assistant message adds to the text before it, up to its EOS."""
    ids = _ids(tokenizer, talk)
    answer = [False] * len(ids)
    for place, message in enumerate(talk.messages):
        if is_learned(message):
            start = _prefix(tokenizer, talk, place, ids)
            end = _shared(_ids(tokenizer, talk.until(place + 1)), ids, "an answer")
            end = _after_last(tokenizer.eos_token_id, ids, start, end)
            answer[start:end] = [True] * (end - start)
    return ids, answer


def _after_last(eos: int | None, ids: list[int], start: int, end: int) -> int:
    """Return the place behind the last EOS of a span, or its end: ChatML puts a newline behind every turn."""
    return next((place + 1 for place in range(end - 1, start - 1, -1) if ids[place] == eos), end)


def _prefix(tokenizer: PreTrainedTokenizerBase, talk: _Talk, place: int, ids: list[int]) -> int:
    """Return the length of the prompt for message `place`, which must be the beginning of `ids`."""
    return _shared(_ids(tokenizer, talk.until(place), prompt=True), ids, "the prompt")


def _shared(head: list[int], ids: list[int], what: str) -> int:
    if ids[: len(head)] != head:
        raise SkewError(
            f"the chat template renders {what} differently alone than inside the conversation",
            "the model would be asked otherwise than it was trained: use a template whose turns only append",
        )
    return len(head)


def apply_template(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], *, prompt: bool = False
) -> list[int]:
    """Return a conversation as the ids that the chat template makes of it; none for no message.

    `prompt` adds what the template writes before an answer. Raises DataError where the template refuses.
    """
    return _ids(tokenizer, _Talk(messages), prompt=prompt)


def _ids(tokenizer: PreTrainedTokenizerBase, talk: _Talk, *, prompt: bool = False) -> list[int]:
    return list(_apply(tokenizer, talk, add_generation_prompt=prompt)["input_ids"]) if talk.messages else []


_DAY = date(2024, 7, 26)
_DATED: dict[str, Any] = {"date_string": _DAY.strftime("%d %b %Y"), "strftime_now": _DAY.strftime}
"""Llama's and SmolLM's templates write today's date: one fixed day keeps what is asked later what was trained.
It is the day that Llama 3.1's own template falls back to."""


def _apply(tokenizer: PreTrainedTokenizerBase, talk: _Talk, **options: bool) -> Mapping[str, list[int]]:
    from jinja2 import TemplateError

    # A template is a program of whoever made the base: what it stumbles over is a record that cannot be rendered.
    refusals = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError)
    turns = [for_template(message) for message in talk.messages]
    try:
        out = tokenizer.apply_chat_template(
            turns, talk.tools, tokenize=True, return_dict=True, tokenizer_kwargs=_QUIET, **_DATED, **options
        )
    except refusals as error:
        raise DataError(f"the chat template refuses a conversation: {error}", "mind its roles and order") from error
    found: Mapping[str, list[int]] = out
    return found
