"""The product of a few linear layers with one input, in NF4 and with LoRA, and its gradients: two operators.

The unpacked weights live inside an operator alone. LoRA's part is written first and the large product is added
onto it in the matrix unit's own float32 accumulator, so that the sum is rounded once and the output passes through
memory twice instead of four times. Letters: T tokens, K inputs, N outputs of all layers together, R their ranks
together.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

BLOCK = 64
"""Weights that share one factor of NF4; bitsandbytes' default, and what a fused layer must have."""


torch.library.define(
    "workbench::lora_product",
    "(Tensor inputs, Tensor packed, Tensor factors, Tensor down, Tensor up, Tensor? bias, SymInt[] sizes) -> Tensor[]",
)
torch.library.define(
    "workbench::lora_gradients",
    "(Tensor[] gradients, Tensor inputs, Tensor narrow, Tensor packed, Tensor factors, Tensor down, Tensor up)"
    " -> (Tensor, Tensor, Tensor)",
)
_DEVICES = ("cpu", "cuda")
"""Registered one by one and not by `custom_op`, whose checks in Python at every call short steps have no time for."""


@torch.library.impl("workbench::lora_product", _DEVICES)
def _product(
    inputs: Tensor, packed: Tensor, factors: Tensor, down: Tensor, up: Tensor, bias: Tensor | None, sizes: list[int]
) -> list[Tensor]:
    """Return inputs W^T + bias + inputs down^T up^T, cut into (T, size) for each size, and inputs down^T (T, R).

    `inputs` is (T, K), `down` (R, K), `up` (N, R), all of one number format; `packed` and `factors` hold W (N, K)
    in NF4 (arXiv 2305.14314). Has no gradient for `packed`, `factors` and `bias`: they are frozen.
    """
    narrow = inputs @ down.t()
    weights = torch.split(_unpacked(packed, factors, up, inputs), sizes)
    outputs = [narrow @ part.t() for part in torch.split(up, sizes)]
    if bias is not None:
        for output, part in zip(outputs, torch.split(bias, sizes), strict=True):
            output += part
    for output, weight in zip(outputs, weights, strict=True):
        output.addmm_(inputs, weight.t())
    return [*outputs, narrow]


@torch.library.impl("workbench::lora_gradients", _DEVICES)
def _gradients(
    gradients: list[Tensor], inputs: Tensor, narrow: Tensor, packed: Tensor, factors: Tensor, down: Tensor, up: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of `inputs`, `down` and `up` for the gradients (T, size) of the outputs."""
    sizes = [gradient.shape[1] for gradient in gradients]
    parts = torch.split(up, sizes)
    through = gradients[0] @ parts[0]
    for gradient, part in zip(gradients[1:], parts[1:], strict=True):
        through.addmm_(gradient, part)
    to_inputs = through @ down
    for gradient, weight in zip(gradients, torch.split(_unpacked(packed, factors, up, inputs), sizes), strict=True):
        to_inputs.addmm_(gradient, weight)
    return to_inputs, through.t() @ inputs, torch.cat([gradient.t() @ narrow for gradient in gradients])


def _unpacked(packed: Tensor, factors: Tensor, up: Tensor, inputs: Tensor) -> Tensor:
    """Return W (N, K) in the inputs' number format."""
    shape = [up.shape[0], inputs.shape[1]]
    whole: Tensor = torch.ops.bitsandbytes.dequantize_4bit.default(packed, factors, BLOCK, "nf4", shape, inputs.dtype)
    return whole


@torch.library.register_fake("workbench::lora_product")  # type: ignore[untyped-decorator]
def _(
    inputs: Tensor, packed: Tensor, factors: Tensor, down: Tensor, up: Tensor, bias: Tensor | None, sizes: list[int]
) -> list[Tensor]:
    return [inputs.new_empty(inputs.shape[0], size) for size in (*sizes, down.shape[0])]


@torch.library.register_fake("workbench::lora_gradients")  # type: ignore[untyped-decorator]
def _(
    gradients: list[Tensor], inputs: Tensor, narrow: Tensor, packed: Tensor, factors: Tensor, down: Tensor, up: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(inputs), torch.empty_like(down), torch.empty_like(up)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:  # noqa: ANN401 - torch's own type
    activations, packed, factors, down, up, *_ = inputs
    ctx.save_for_backward(activations, output[-1], packed, factors, down, up)


def _differentiate(ctx: Any, gradients: list[Tensor]) -> tuple[Any, ...]:  # noqa: ANN401 - torch's own type
    # The last is that of `narrow`, which nothing else reads.
    to_inputs, to_down, to_up = torch.ops.workbench.lora_gradients(gradients[:-1], *ctx.saved_tensors)
    return to_inputs, None, None, to_down, to_up, None, None


torch.library.register_autograd("workbench::lora_product", _differentiate, setup_context=_keep)
