"""Ask base and tuned model the same prompts, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from workbench.errors import DataError, UsageError, WorkbenchError
from workbench.evaluation.answering import answer
from workbench.evaluation.bench import Bench, Report, Run, computing, load_bench, quiet
from workbench.evaluation.scores import MODELS, Model
from workbench.lm.template import Encoded, encode
from workbench.recipe import Generate

Prompt = str | Mapping[str, Any]
"""A user's turn as text, or a record rendered without answer: `{"messages"}`, `{"prompt"}`, `{"text"}`."""


@dataclass(frozen=True)
class Answer:
    """What the models say to one prompt; None for a model that was not asked."""

    prompt: Prompt
    base: str | None
    tuned: str | None
    unasked: str = ""
    """Why the prompt was asked of no model; empty where it was."""


def generate(
    run: Run,
    prompts: Sequence[Prompt],
    which: Literal["both"] | Model = "both",
    *,
    decoded: Generate | None = None,
    report: Report = quiet,
) -> list[Answer]:
    """Return the models' answers in the order of the prompts, decoded as `decoded` or the run's recipe says.

    A plain text is asked as the chat template asks a user's turn; without a template it is continued. A prompt that
    is longer than the recipe reads, or that the template refuses, stays without an answer; where all do, that of the
    first is raised.
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
    read = [_read(bench, prompt) for prompt in prompts]
    ids = {place: one.prompt_ids for place, one in enumerate(read) if isinstance(one, Encoded)}
    refused = {place: one for place, one in enumerate(read) if isinstance(one, WorkbenchError)}
    if not ids:
        raise refused[0]
    why = {place: one.what for place, one in refused.items()}
    said = {
        model: dict(zip(ids, _ask(bench, list(ids.values()), model, report), strict=True))
        for model in (MODELS if which == "both" else (which,))
    }
    base, tuned = (said.get(model, {}) for model in MODELS)
    return [
        Answer(prompt, base.get(place), tuned.get(place), why.get(place, "")) for place, prompt in enumerate(prompts)
    ]


def _read(bench: Bench, prompt: Prompt) -> Encoded | WorkbenchError:
    """Return what a model is asked, or why it cannot be."""
    try:
        read = encoded(bench, prompt)
    except DataError as error:
        return error
    room = bench.recipe.train.max_length
    what = f"the prompt is {read.lost:,} tokens longer than the {room:,} that the recipe reads"
    return UsageError(what, "shorten it") if read.truncated else read


def _ask(bench: Bench, ids: list[list[int]], model: Model, report: Report) -> list[str]:
    with computing(bench, model, "free the device, ask less at once, or ask shorter prompts"):
        return answer(bench, ids, lambda done: report(model, done, len(ids)))


def encoded(bench: Bench, prompt: Prompt) -> Encoded:
    """Return a prompt as the very ids that a training row with it begins with, cut where the recipe cuts."""
    return encode(bench.tokenizer, _closed(bench, prompt), max_length=bench.recipe.train.max_length)


def _closed(bench: Bench, prompt: Prompt) -> Mapping[str, Any]:
    """Return the record with an empty answer: only its prompt is used."""
    if isinstance(prompt, str):
        turns = [{"role": "user", "content": prompt}]
        return _closed(bench, {"messages": turns} if bench.tokenizer.chat_template else {"prompt": prompt})
    match prompt:
        case {"messages": [*turns]}:
            asked = turns[:-1] if turns and turns[-1].get("role") == "assistant" else turns
            return {**prompt, "messages": [*asked, {"role": "assistant", "content": ""}]}
        case {"prompt": str(text)} | {"text": str(text)}:
            return {"prompt": text, "completion": ""}
    raise UsageError(f"a prompt has the keys {sorted(prompt)}", "it must have messages, prompt or text")
