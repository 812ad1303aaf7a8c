"""How likely a model finds each record: summed NLL of what it learned, plain text in rolling windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.evaluation.bench import Bench, batches, padded
from workbench.evaluation.windows import rolling_windows
from workbench.lm.template import NOT_LEARNED

Row = Mapping[str, Any]
"""A row of the token cache; `text_ids`, where it has them, are all tokens of a plain text, which the cache cuts."""


@dataclass(frozen=True)
class Loss:
    """Summed NLL in nats and the tokens it is summed over; the answer's share, None for plain text."""

    nll: float
    tokens: int
    answer_nll: float | None
    answer_tokens: int | None


@dataclass(frozen=True)
class _Piece:
    """What the model reads at once: a record, or one window of a plain text."""

    place: int
    ids: Sequence[int]
    labels: Sequence[int]
    prompt: int


def losses(bench: Bench, rows: Sequence[Row], report: Callable[[int], None]) -> list[Loss]:
    """Return the loss of every row; `report` is told how many are done."""
    pieces = [piece for place, row in enumerate(rows) for piece in _pieces(bench, place, row)]
    sums = np.zeros((len(rows), 4))
    left = np.bincount([piece.place for piece in pieces], minlength=len(rows))
    for places in batches([len(piece.ids) for piece in pieces]):
        batch = [pieces[place] for place in places]
        for piece, found in zip(batch, _batch(bench, batch), strict=True):
            sums[piece.place] += found
            left[piece.place] -= 1
        report(int((left == 0).sum()))
    return [_loss(row, found) for row, found in zip(rows, sums.tolist(), strict=True)]


def _loss(row: Row, found: Sequence[float]) -> Loss:
    nll, tokens, answer_nll, answer_tokens = found
    if row["reference"] is None:
        return Loss(nll, int(tokens), None, None)
    return Loss(nll, int(tokens), answer_nll, int(answer_tokens))


def window_of(bench: Bench) -> int:
    """Return how many tokens of plain text the model reads at once: as in training, and no more than it can."""
    context = getattr(bench.model.config, "max_position_embeddings", None)
    longest = bench.recipe.train.max_length
    return min(longest, context) if context else longest


def _pieces(bench: Bench, place: int, row: Row) -> Iterable[_Piece]:
    if row["reference"] is not None:
        return [_Piece(place, row["input_ids"], row["labels"], len(row["prompt_ids"]))]
    start, end = bench.tokenizer.bos_token_id, bench.tokenizer.eos_token_id
    text = row.get("text_ids") or _text_ids(row, end)
    windows = rolling_windows(text, end if start is None else start, window_of(bench))
    return [
        _Piece(place, [*w.context, *w.targets], [NOT_LEARNED] * len(w.context) + [*w.targets], len(w.context))
        for w in windows
    ]


def _text_ids(row: Row, end: int | None) -> Sequence[int]:
    """Return the text's own tokens: its end mark is no part of it, here as in lm-evaluation-harness."""
    ids: list[int] = row["input_ids"][len(row["prompt_ids"]) :]
    return ids[:-1] if ids and ids[-1] == end else ids


def _batch(bench: Bench, pieces: Sequence[_Piece]) -> list[list[float]]:
    """Return (NLL, tokens, and both behind the prompt) of each piece."""
    import torch

    device = bench.model.device
    # The last id predicts nothing; without it a window is never longer than the model can read.
    ids = padded([piece.ids[:-1] for piece in pieces], bench.tokenizer.pad_token_id or 0).to(device)
    mask = padded([[1] * (len(piece.ids) - 1) for piece in pieces], 0).to(device)
    labels = padded([piece.labels for piece in pieces], NOT_LEARNED).to(device)[:, 1:]
    with torch.no_grad():
        logits = bench.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    learned = labels != NOT_LEARNED
    # Only the learned positions are lifted to float32: the rest of (rows, length, vocabulary) is never read.
    each = torch.nn.functional.cross_entropy(logits[learned].float(), labels[learned], reduction="none")
    nothing = torch.zeros(labels.shape, dtype=torch.float64, device=device)
    whole = nothing.masked_scatter(learned, each.double())
    prompts = torch.tensor([[piece.prompt] for piece in pieces], device=device)
    answer = learned & (torch.arange(1, labels.shape[1] + 1, device=device) >= prompts)
    sums = (whole.sum(1), learned.sum(1), (whole * answer).sum(1), answer.sum(1))
    found: list[list[float]] = torch.stack([part.double() for part in sums], 1).tolist()
    return found
