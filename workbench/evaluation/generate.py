"""Ask base and tuned model the same prompts, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from workbench.errors import UsageError
from workbench.evaluation.answering import answer
from workbench.evaluation.bench import Bench, Report, Run, computing, load_bench, quiet
from workbench.evaluation.scores import MODELS, Model
from workbench.lm.template import encode
from workbench.recipe import Generate

Prompt = str | Mapping[str, Any]
"""A user's turn as text, or a record rendered without answer: `{"messages"}`, `{"prompt"}`, `{"text"}`."""


@dataclass(frozen=True)
class Answer:
    """What the models say to one prompt; None for a model that was not asked."""

    prompt: Prompt
    base: str | None
    tuned: str | None


def generate(
    run: Run,
    prompts: Sequence[Prompt],
    which: Literal["both"] | Model = "both",
    *,
    decoded: Generate | None = None,
    report: Report = quiet,
) -> list[Answer]:
    """Return the models' answers in the order of the prompts, decoded as `decoded` or the run's recipe says.

    A plain text is asked as the chat template asks a user's turn; without a template it is continued.
    """
    if not prompts:
        raise UsageError("nothing to ask", "name at least one prompt")
    return ask(load_bench(run), prompts, which, decoded=decoded, report=report)


def ask(
    bench: Bench,
    prompts: Sequence[Prompt],
    which: Literal["both"] | Model = "both",
    *,
    decoded: Generate | None = None,
    report: Report = quiet,
) -> list[Answer]:
    """Return the answers of a bench that is loaded already; see `generate`."""
    if decoded is not None:
        bench = replace(bench, recipe=bench.recipe.model_copy(update={"generate": decoded}))
    ids = [prompt_ids(bench, prompt) for prompt in prompts]
    said = {model: _ask(bench, ids, model, report) for model in (MODELS if which == "both" else (which,))}
    nothing: list[str | None] = [None] * len(prompts)
    rows = zip(prompts, said.get("base", nothing), said.get("tuned", nothing), strict=True)
    return [Answer(prompt, base, tuned) for prompt, base, tuned in rows]


def _ask(bench: Bench, ids: list[list[int]], model: Model, report: Report) -> list[str]:
    with computing(bench, model, "free the device, ask less at once, or ask shorter prompts"):
        return answer(bench, ids, lambda done: report(model, done, len(ids)))


def prompt_ids(bench: Bench, prompt: Prompt) -> list[int]:
    """Return the ids that ask a prompt: the very ones a training row with this prompt begins with."""
    rendered = _closed(bench, prompt)
    room = bench.recipe.train.max_length
    encoded = encode(bench.tokenizer, rendered, max_length=room)
    if encoded.truncated:
        raise UsageError(f"a prompt is longer than {room} tokens", "shorten it")
    return encoded.prompt_ids


def _closed(bench: Bench, prompt: Prompt) -> Mapping[str, Any]:
    """Return the record with an empty answer: only its prompt is used."""
    if isinstance(prompt, str):
        turns = [{"role": "user", "content": prompt}]
        return _closed(bench, {"messages": turns} if bench.tokenizer.chat_template else {"prompt": prompt})
    match prompt:
        case {"messages": [*turns]}:
            asked = turns[:-1] if turns and turns[-1].get("role") == "assistant" else turns
            return {"messages": [*asked, {"role": "assistant", "content": ""}]}
        case {"prompt": str(text)} | {"text": str(text)}:
            return {"prompt": text, "completion": ""}
    raise UsageError(f"a prompt has the keys {sorted(prompt)}", "it must have messages, prompt or text")
