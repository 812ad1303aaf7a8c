"""Lay the records of every micro-batch end to end in one row of a fixed length, so that one compiled graph fits all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from workbench.lm.template import NOT_LEARNED
from workbench.lm.xray import Collator

PADDING = "padding"
"""Key of a batch with its number of tokens that belong to no record."""

_STEP = 256
"""Row lengths are multiples of this: few lengths, and sizes that the matrix unit likes."""


@dataclass(frozen=True)
class Frame:
    """What every row has in common: its possible lengths, and bounds on the records in it."""

    lengths: tuple[int, ...]
    """Ascending; a micro-batch takes the first that holds it."""
    longest: int
    """Tokens of the longest record."""
    shortest: int

    def length(self, tokens: int) -> int:
        """Return the length of the row that holds so many tokens."""
        return next((length for length in self.lengths if length >= tokens), rounded(tokens))

    def bounds(self, length: int) -> int:
        """Return the number of bounds that a row of a length is given, however few records it holds."""
        return length // self.shortest + length // self.longest + 3


def rounded(tokens: int) -> int:
    """Return the row length that holds so many tokens without another length in use."""
    return -(-tokens // _STEP) * _STEP


@dataclass(frozen=True)
class OneRow:
    """A collator whose batch is one row of the frame's length: the records, and after them padding not learned.

    The padding is laid out as records of its own, so that no record reads it and it reads no record.
    """

    collator: Collator
    frame: Frame

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Return one batch: (1, T) `input_ids`, `labels`, `position_ids`, the records' bounds, `padding`."""
        batch = self.collator(examples)
        ids, labels, lengths = _flat(batch)
        tokens = ids.shape[0]
        length = self.frame.length(tokens)
        padding = length - tokens
        lengths = [*lengths, *_cut(padding, self.frame.longest)]
        bounds = list(accumulate(lengths, initial=0))
        bounds += [length] * (self.frame.bounds(length) - len(bounds))
        ends = torch.tensor(bounds, dtype=torch.int32)
        return {
            "input_ids": torch.nn.functional.pad(ids, (0, padding))[None],
            "labels": torch.nn.functional.pad(labels, (0, padding), value=NOT_LEARNED)[None],
            "position_ids": torch.cat([torch.arange(each) for each in lengths])[None],
            "cu_seq_lens_q": ends,
            "cu_seq_lens_k": ends,
            "max_length_q": self.frame.longest,
            "max_length_k": self.frame.longest,
            PADDING: padding,
        }


def _flat(batch: dict[str, Any]) -> tuple[Tensor, Tensor, list[int]]:
    """Return ids and labels of a batch's records end to end, and the records' lengths; no first token is learned."""
    if batch.get("attention_mask") is None:
        positions = batch["position_ids"][0]
        starts = (positions == 0).nonzero().flatten().tolist()
        lengths = [end - start for start, end in zip(starts, [*starts[1:], len(positions)], strict=True)]
        return batch["input_ids"][0], batch["labels"][0], lengths
    mask = batch["attention_mask"].bool()
    lengths = mask.sum(1).tolist()
    labels = batch["labels"][mask].clone()
    labels[[0, *accumulate(lengths[:-1])]] = NOT_LEARNED
    return batch["input_ids"][mask], labels, lengths


def _cut(tokens: int, longest: int) -> list[int]:
    whole, rest = divmod(tokens, longest)
    return [longest] * whole + ([rest] if rest else [])


def frame(lengths: Sequence[int], rows: int, largest: int | None = None) -> Frame:
    """Return the frame for `rows` records a micro-batch out of records of these lengths.

    `largest` is the length of a packed row, times the packed rows of a micro-batch. Without packing the usual
    micro-batch gets one length, and the rare fuller ones steps of a quarter: each length is compiled once.
    """
    longest, shortest = max(lengths), min(lengths)
    if largest is not None:
        return Frame((rounded(largest),), longest, shortest)
    top = rounded(sum(sorted(lengths, reverse=True)[:rows]))
    usual = min(rounded(int(rows * sum(lengths) / len(lengths) * _USUAL)), top)
    steps = [usual]
    while steps[-1] < top:
        steps.append(min(rounded(int(steps[-1] * 1.25)), top))
    return Frame(tuple(steps), longest, shortest)


_USUAL = 1.1
"""How much more than the mean the usual row holds."""
