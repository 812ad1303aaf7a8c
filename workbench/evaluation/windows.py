"""Cut a text that is longer than the model's window into windows that score every token exactly once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workbench.errors import UsageError


@dataclass(frozen=True)
class Window:
    """Tokens to score, and those before them that they are predicted from."""

    context: Sequence[int]
    targets: Sequence[int]


def rolling_windows(tokens: Sequence[int], prefix: int, size: int, context: int = 1) -> Iterator[Window]:
    """Yield the windows over a text of token ids; every token is a target once, in order.

    The rule is that of lm-evaluation-harness (`get_rolling_token_windows` made disjoint, as its
    `loglikelihood_rolling` uses them with `context=1`): a model reads `size` tokens at most; the first window begins
    with `prefix` (BOS); each later one keeps at least `context` tokens to predict from, the last one as many as fit.
    """
    if not 1 <= context <= size:
        raise UsageError(f"a window of {size} tokens cannot hold a context of {context}", "1 <= context <= size")
    if tokens:
        yield Window([prefix], tokens[:size])
    for start in range(size, len(tokens), size - context + 1):
        end = min(start + size - context + 1, len(tokens))
        yield Window(tokens[end - size - 1 : start], tokens[start:end])
