"""Share a frozen base among GPUs: each holds a part of every layer, and is lent the rest while it computes with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.nn.parallel import DistributedDataParallel

from workbench.recipe import Recipe
from workbench.training.together import processes


def is_sharded(recipe: Recipe) -> bool:
    """Say whether this process holds a part of the base alone."""
    return recipe.shares_base and processes() > 1


def shard(model: Any, device: str) -> None:  # noqa: ANN401 - peft's own type
    """Leave to each process a part of the frozen weights of every layer, in place, and move all to its device.

    By FSDP2 (`torch.distributed.fsdp.fully_shard`), which gathers a layer's weights before its forward and its
    backward pass. The adapter stays whole in every process, where DDP adds up its gradients: it is small, and comes out
    bit for bit as if every process held the base. To be called by all processes; the model may come from the host's
    memory, so that no GPU ever holds the whole base.
    """
    base = model.get_base_model()
    layers = _layers(base)
    mesh = init_device_mesh(device.partition(":")[0], (processes(),))
    for layer in layers:
        trained = {weight for weight in layer.parameters() if weight.requires_grad}
        # Left to itself a layer that no other wraps stays whole from its forward to its backward pass: so all would.
        fully_shard(layer, mesh=mesh, reshard_after_forward=True, ignored_params=trained)
        for weight in trained:
            weight.data = weight.data.to(device)
    _move_the_rest(base, layers, device)
    base.hf_device_map = {"": device}  # what accelerate believes of a quantised base
    frozen = [name for name, weight in model.named_parameters() if not weight.requires_grad]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, frozen)  # type: ignore[no-untyped-call]


def holds_parts(model: nn.Module) -> bool:
    """Say whether a model's base is shared out."""
    return any(isinstance(module, FSDPModule) for module in model.modules())


def in_parallel(model: nn.Module, accelerator: Any) -> DistributedDataParallel:  # noqa: ANN401 - accelerate's own type
    """Return a model of a shared base as its processes train it: its adapter by DDP, its base by what `shard` did.

    `accelerate.Accelerator.prepare_model` on GPUs refuses every model that DTensors are in, though DDP takes one that
    is told to leave them alone; so it is left the rest, which is the arithmetic's precision.
    """
    prepared = accelerator.prepare_model(model, device_placement=False, evaluation_mode=True)
    handler = accelerator.ddp_handler
    return DistributedDataParallel(prepared, **(handler.to_kwargs() if handler else {}))


@contextmanager
def first_layer_whole(model: nn.Module) -> Iterator[None]:
    """Have all weights of a shared base's first layer here for a while; to be asked for by all processes."""
    shared = next((module for module in model.modules() if isinstance(module, FSDPModule)), None)
    if shared is None:
        yield
        return
    shared.unshard()
    try:
        yield
    finally:
        shared.reshard()


def _layers(base: nn.Module) -> nn.ModuleList:
    """Return a decoder's layers: the longest list of modules that it has."""
    return max((module for module in base.modules() if isinstance(module, nn.ModuleList)), key=len)


def _move_the_rest(module: nn.Module, layers: nn.ModuleList, device: str) -> None:
    for child in module.children():
        if child is layers:
            continue
        if any(inner is layers for inner in child.modules()):
            _move_the_rest(child, layers, device)
        else:
            child.to(device)
