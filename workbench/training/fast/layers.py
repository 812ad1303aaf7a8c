"""Put the fused products into a model's LoRA layers, in place: PEFT keeps the weights, its names and its files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, cast

import bitsandbytes
import torch
from peft.tuners.lora.bnb import Linear4bit as LoraLinear
from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from workbench.training.fast.product import BLOCK

_ADAPTER = "default"
_ATTENTION = frozenset({"MistralAttention", "LlamaAttention", "Qwen2Attention"})
"""Attention modules whose forward pass is the plain one: project, rotate, attend, project."""
_MLP = frozenset({"MistralMLP", "LlamaMLP", "Qwen2MLP"})
"""Feed-forward modules whose forward pass is the plain one: down(act(gate) * up)."""


class Fused(nn.Module):
    """The products of LoRA layers that read the same input, done as one.

    Holds the frozen weights of all of them in one piece, which the layers' own weights become views of, and
    refers to their adapters. NF4's factors are held unpacked: 0.4 GiB more for 7B than quantised ones.
    """

    packed: Tensor
    factors: Tensor

    def __init__(self, layers: Sequence[LoraLinear]) -> None:
        """Take the weights of these layers together."""
        super().__init__()
        self.layers = tuple(layers)  # a tuple: the layers stay their owner's children and are not named twice
        self.sizes = [layer.out_features for layer in layers]
        self.scales = [layer.scaling[_ADAPTER] for layer in layers]
        self.register_buffer("packed", torch.cat([_packed(layer) for layer in layers]), persistent=False)
        self.register_buffer("factors", torch.cat([_factors(layer) for layer in layers]), persistent=False)
        for layer, part in zip(
            layers, torch.split(self.packed, [_packed(layer).shape[0] for layer in layers]), strict=True
        ):
            layer.get_base_layer().weight.data = part
        biases = [layer.get_base_layer().bias for layer in layers]
        self.register_buffer("bias", None if biases[0] is None else torch.cat(biases), persistent=False)

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """Return the output of each layer."""
        if torch.is_autocast_enabled(inputs.device.type):
            inputs = inputs.to(torch.get_autocast_dtype(inputs.device.type))
        flat = inputs.reshape(-1, inputs.shape[-1])
        down = torch.cat([layer.lora_A[_ADAPTER].weight for layer in self.layers]).to(flat.dtype)
        bias = None if self.bias is None else self.bias.to(flat.dtype)
        up = self._up().to(flat.dtype)
        outputs = torch.ops.workbench.lora_product(flat, self.packed, self.factors, down, up, bias, self.sizes)
        return [output.view(*inputs.shape[:-1], output.shape[-1]) for output in outputs[:-1]]

    def _up(self) -> Tensor:
        """Return the layers' B, scaled, on the diagonal of one matrix."""
        parts = [layer.lora_B[_ADAPTER].weight * scale for layer, scale in zip(self.layers, self.scales, strict=True)]
        ranks = [part.shape[1] for part in parts]
        padded = [
            nn.functional.pad(part, (sum(ranks[:place]), sum(ranks[place + 1 :]))) for place, part in enumerate(parts)
        ]
        return torch.cat(padded)


def fuse(model: nn.Module) -> int:
    """Fuse the LoRA layers of a model that allow it and return how many were fused."""
    single = [module for module in model.modules() if _is_plain(module)]
    together: set[nn.Module] = set()
    for module in list(model.modules()):
        together.update(_fuse_mlp(module), _fuse_attention(module))
    for layer in single:
        if layer not in together:
            layer.fused = Fused([layer])
            layer.forward = MethodType(_forward_alone, layer)
    return len(single)


def _is_plain(module: nn.Module) -> bool:
    """Say whether a module is LoRA on NF4 in the one form that the product knows: no dropout, no DoRA, one adapter."""
    if not isinstance(module, LoraLinear) or set(module.lora_A) != {_ADAPTER} or module.use_dora[_ADAPTER]:
        return False
    state = getattr(module.get_base_layer().weight, "quant_state", None)
    is_nf4 = state is not None and (state.quant_type, state.blocksize) == ("nf4", BLOCK)
    return is_nf4 and isinstance(module.lora_dropout[_ADAPTER], nn.Identity)


def _fuse_mlp(module: nn.Module) -> list[nn.Module]:
    layers = [getattr(module, name, None) for name in ("gate_proj", "up_proj")]
    return _together(module, layers, _forward_mlp) if type(module).__name__ in _MLP else []


def _fuse_attention(module: nn.Module) -> list[nn.Module]:
    layers = [getattr(module, name, None) for name in ("q_proj", "k_proj", "v_proj")]
    return _together(module, layers, _forward_attention) if type(module).__name__ in _ATTENTION else []


def _together(module: nn.Module, layers: list[Any], forward: Callable[..., Any]) -> list[nn.Module]:
    biased = {layer.get_base_layer().bias is None for layer in layers if _is_plain(layer)}
    if not all(map(_is_plain, layers)) or len(biased) != 1:
        return []
    module.fused = Fused(layers)
    module.forward = MethodType(forward, module)
    return layers


def _forward_alone(layer: Any, inputs: Tensor, *_: Any, **__: Any) -> Tensor:  # noqa: ANN401 - a patched method
    outputs: Tensor = layer.fused(inputs)[0]
    return outputs


def _forward_mlp(mlp: Any, inputs: Tensor) -> Tensor:  # noqa: ANN401 - a patched method
    gate, up = mlp.fused(inputs)
    outputs: Tensor = mlp.down_proj(mlp.act_fn(gate) * up)
    return outputs


def _forward_attention(
    attention: Any,  # noqa: ANN401 - a patched method
    hidden_states: Tensor,
    position_embeddings: tuple[Tensor, Tensor],
    attention_mask: Tensor | None,
    past_key_values: Any = None,  # noqa: ANN401 - the library's own type
    **more: Any,  # noqa: ANN401
) -> tuple[Tensor, Tensor | None]:
    """Attend as the library's own module does, with query, key and value out of one product."""
    modeling = sys.modules[type(attention).__module__]
    shape = hidden_states.shape[:-1]
    query, key, value = (
        part.view(*shape, -1, attention.head_dim).transpose(1, 2) for part in attention.fused(hidden_states)
    )
    query, key = modeling.apply_rotary_pos_emb(query, key, *position_embeddings)
    if past_key_values is not None:
        key, value = past_key_values.update(key, value, attention.layer_idx)
    attend = ALL_ATTENTION_FUNCTIONS.get_interface(
        attention.config._attn_implementation, modeling.eager_attention_forward
    )
    attended, weights = attend(
        attention,
        query,
        key,
        value,
        attention_mask,
        dropout=attention.attention_dropout if attention.training else 0.0,
        scaling=attention.scaling,
        **_window(attention),
        **more,
    )
    return attention.o_proj(attended.reshape(*shape, -1)), weights


def _window(attention: Any) -> dict[str, int | None]:  # noqa: ANN401 - a module
    """Return how far back a layer reads: Llama has no such limit, Mistral one for all layers, Qwen2 one for some."""
    kind = type(attention).__name__
    if kind == "LlamaAttention":
        return {}
    return {"sliding_window": attention.sliding_window if kind == "Qwen2Attention" else attention.config.sliding_window}


def _packed(layer: LoraLinear) -> Tensor:
    """Return a layer's packed bytes as a plain tensor; as bitsandbytes' own type it would not compile."""
    weight: Tensor = layer.get_base_layer().weight.data.as_subclass(Tensor)
    return weight


def _factors(layer: LoraLinear) -> Tensor:
    """Return NF4's factors of a layer in float32; doubly quantised ones are unpacked once and for all."""
    state = layer.get_base_layer().weight.quant_state
    if not state.nested:
        return cast("Tensor", state.absmax.float())
    unpacked = bitsandbytes.functional.dequantize_blockwise(state.absmax, state.state2)
    return cast("Tensor", (unpacked + state.offset).float())
