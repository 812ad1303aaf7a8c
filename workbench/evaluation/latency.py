"""Measure how long a person waits: one prompt at a time, a fixed number of tokens, after a warm-up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.evaluation.answering import decoding
from workbench.evaluation.bench import Bench

_WARM = 2
"""Answers that are not counted: the first ones pay for kernels and caches."""


@dataclass(frozen=True)
class Wait:
    """Seconds to the first token, and on average to each later one (None for an answer of one token)."""

    first: float
    later: float | None


@dataclass
class _Clock:
    """Takes the place of transformers' text streamer: it is handed the prompt, then every token as it is there."""

    times: list[float] = field(default_factory=list)

    def put(self, _value: Any) -> None:  # noqa: ANN401 - a tensor, on the CPU already
        self.times.append(time.perf_counter())

    def end(self) -> None:
        """Nothing is left to write."""


def waits(bench: Bench, prompts: Sequence[Sequence[int]]) -> list[Wait]:
    """Return the wait for each prompt (ids), all `generate.max_new_tokens` tokens long, with a cache, batch 1."""
    for prompt in prompts[:_WARM]:
        _wait(bench, prompt)
    return [_wait(bench, prompt) for prompt in prompts]


def _wait(bench: Bench, prompt: Sequence[int]) -> Wait:
    import torch

    clock = _Clock()
    ids = torch.tensor([list(prompt)], device=bench.model.device)
    length = bench.recipe.generate.max_new_tokens
    began = time.perf_counter()
    with torch.no_grad():
        bench.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            generation_config=decoding(bench, min_new_tokens=length),
            streamer=clock,
        )
    _, first, *later = clock.times
    return Wait(first - began, (later[-1] - first) / len(later) if later else None)
