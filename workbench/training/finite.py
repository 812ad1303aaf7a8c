"""Notice numbers that are none any more, and never let the GPU wait for being looked at."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workbench.errors import DataError

_LOWER = "lower train.learning_rate, or look at these records"

Batch = dict[str, Any]


class NonFiniteError(DataError):
    """A loss or a gradient is not a number any more."""

    def __init__(self, step: int, where: str, records: tuple[str, ...] = (), batches: Iterable[Batch] = ()) -> None:
        """Name the step, and the records of its batch where they are known."""
        named = f"; records of the batch: {', '.join(records)}" if records else ""
        super().__init__(f"the {where} of step {step} is not a number{named}", _LOWER)
        self.step = step
        self.where = where
        self.batches = tuple(batches)


@dataclass(frozen=True)
class _Noted:
    """Whether a number is finite, on its way to the host; where it came from, should it not be."""

    is_finite: Tensor
    arrived: torch.cuda.Event | None
    step: int
    where: str
    batches: tuple[Batch, ...]


class Finite:
    """The losses and gradients of a training, each looked at when the work after it is under way.

    A look at once would hold the GPU idle from the end of one step until the next one is sent. So on a GPU a step may
    already have spoiled the weights in its memory when it is noticed: `look` has to come before they are used or kept.
    """

    def __init__(self) -> None:
        """Begin with nothing noted."""
        self._noted: deque[_Noted] = deque()

    def note(self, number: Tensor, step: int, where: str, batches: Iterable[Batch]) -> None:
        """Note the number of a step, and the micro-batches that it came from."""
        is_finite = torch.isfinite(number.detach())
        arrived = None
        if is_finite.is_cuda:
            host = torch.empty_like(is_finite, device="cpu", pin_memory=True)
            host.copy_(is_finite, non_blocking=True)
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record()
            is_finite = host
        self._noted.append(_Noted(is_finite, arrived, step, where, tuple(batches)))

    def look(self, *, before: int | None = None) -> None:
        """Raise NonFiniteError at the first noted number that is none; `before` leaves those from that step on."""
        while self._noted and (before is None or self._noted[0].step < before):
            noted = self._noted.popleft()
            if noted.arrived is not None:
                noted.arrived.synchronize()
            if not noted.is_finite.item():
                raise NonFiniteError(noted.step, noted.where, batches=noted.batches)
