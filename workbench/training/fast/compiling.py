"""Compile every decoder layer, with what its backward pass keeps decided by the memory plan."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from workbench.training.plan import Checkpointing

_GRAPHS = 64
"""Compiled variants of a layer that are kept: one for each row length, in training and in evaluation."""


def compile_layers(layers: nn.ModuleList, checkpointing: Checkpointing) -> None:
    """Compile the layers of a model, in place; all share one graph, made at the first step of each row length.

    `none` leaves to the compiler what to keep, `selective` keeps the outputs of the large products and of the
    attention, `full` and `offload` keep a layer's inputs, the latter in the host's memory.
    """
    torch._dynamo.config.recompile_limit = _GRAPHS
    torch._dynamo.config.accumulated_recompile_limit = _GRAPHS * len(layers)
    torch._functorch.config.activation_memory_budget = 0.0 if checkpointing in ("full", "offload") else 1.0
    for layer in layers:
        if checkpointing == "selective":
            layer.forward = MethodType(_selective(type(layer).forward), layer)
        layer.compile(dynamic=False)
        if checkpointing == "offload":
            layer._compiled_call_impl = _offloaded(layer._compiled_call_impl or layer.forward)


def _selective(forward: Callable[..., Any]) -> Callable[..., Any]:
    def kept(layer: nn.Module, *inputs: Any, **more: Any) -> Any:  # noqa: ANN401 - a patched method
        if not torch.is_grad_enabled():
            return forward(layer, *inputs, **more)
        contexts = partial(create_selective_checkpoint_contexts, _policy)
        return checkpoint(partial(forward, layer), *inputs, use_reentrant=False, context_fn=contexts, **more)

    return kept


def _policy(_context: Any, operator: Any, *_: Any, **__: Any) -> CheckpointPolicy:  # noqa: ANN401 - torch's own types
    return CheckpointPolicy.MUST_SAVE if operator in _kept() else CheckpointPolicy.PREFER_RECOMPUTE


def _kept() -> set[Any]:
    attention = getattr(torch.ops.torch_attn, "_varlen_attn", None)
    large = {torch.ops.workbench.lora_product.default}
    return large | ({attention.default} if attention is not None else set())


def _offloaded(call: Callable[..., Any]) -> Callable[..., Any]:
    def with_hooks(hidden: Tensor, *inputs: Any, **more: Any) -> Any:  # noqa: ANN401 - a patched call
        with saved_tensors_hooks(partial(_to_host, hidden.shape), _to_device):
            return call(hidden, *inputs, **more)

    return with_hooks


def _to_host(shape: torch.Size, kept: Tensor) -> Tensor | tuple[torch.device, Tensor]:
    """Move a layer's input to pinned host memory; everything else that is kept is small or a weight."""
    if kept.shape != shape or isinstance(kept, nn.Parameter):
        return kept
    host = torch.empty(kept.shape, dtype=kept.dtype, pin_memory=kept.is_cuda)
    host.copy_(kept, non_blocking=True)
    return kept.device, host


def _to_device(kept: Tensor | tuple[torch.device, Tensor]) -> Tensor:
    if isinstance(kept, Tensor):
        return kept
    device, host = kept
    return host.to(device, non_blocking=True)
