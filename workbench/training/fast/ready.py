"""Make a model with its adapter fast, in place."""

from __future__ import annotations

import logging
from typing import Any

from torch import nn

from workbench.training.fast import attention
from workbench.training.fast.compiling import compile_layers
from workbench.training.fast.layers import fuse
from workbench.training.plan import Checkpointing


def make_fast(model: Any, checkpointing: Checkpointing) -> None:  # noqa: ANN401 - peft's own type
    """Fuse a model's LoRA layers, let it attend within records laid end to end, and compile its decoder layers."""
    base = model.get_base_model()
    attention.register()
    base.set_attn_implementation(attention.PACKED)
    fused = fuse(model)
    # The first layer's input is no parameter's: without a gradient of its own that layer would be another graph.
    base.enable_input_require_grads()
    compile_layers(base.model.layers, checkpointing)
    spare_walks(model)
    logging.getLogger(__name__).info("%d LoRA layers fused; kept for the backward pass: %s", fused, checkpointing)


def spare_walks(model: nn.Module) -> None:
    """Answer what the loop asks of a model in every step without a walk over its thousands of modules, in place.

    Those walks take longer than a short step has to spare: the GPU waits for them.
    """
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    walk = model.train
    # A model that stands in one mode while its parts stand in another would never be heard to change.
    walk(model.training)

    def train(mode: bool = True) -> nn.Module:
        return model if model.training is mode else walk(mode)

    def zero_grad(set_to_none: bool = True) -> None:
        for weight in trained:
            weight.grad = None if set_to_none or weight.grad is None else weight.grad.zero_()

    model.train, model.zero_grad = train, zero_grad  # type: ignore[method-assign]
