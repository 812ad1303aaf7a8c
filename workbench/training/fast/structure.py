"""Which bases take the fast way: those whose layers compute what it computes in their place."""

from __future__ import annotations

from typing import Any

from torch import nn

from workbench.training.memory import FUSED

_PARTS = {"Attention": "self_attn", "MLP": "mlp"}
_WIDEST_HEAD = 256
"""Numbers of a head that torch's packed attention can take; it wants a multiple of 8."""


def unknown_part(base: nn.Module) -> str:
    """Return which part of a base the fast way does not know; empty where it knows every layer.

    Classes are compared and not names of modules alone: what is called the same computes something else elsewhere
    (Gemma 2 caps its logits, SmolLM 3 leaves positions out, experts share a name with a plain feed-forward part).
    """
    layers = getattr(getattr(base, "model", None), "layers", None)
    if not isinstance(layers, nn.ModuleList) or not len(layers):
        return f"{type(base).__name__} keeps its layers in another place"
    found = (_unknown_in(layer) for layer in layers)
    return next((part for part in found if part), "")


def _unknown_in(layer: Any) -> str:  # noqa: ANN401 - any module
    parts = {"DecoderLayer": layer, **{kind: getattr(layer, name, None) for kind, name in _PARTS.items()}}
    for kind, part in parts.items():
        if f"{type(part).__module__}.{type(part).__name__}" not in _known(kind):
            return f"{type(part).__name__} is no part of {', '.join(FUSED)}"
    attention = layer.self_attn
    if attention.attention_dropout or not attention.is_causal:
        return "its attention has dropout, or reads ahead"
    if attention.head_dim % 8 or attention.head_dim > _WIDEST_HEAD:
        return f"its attention heads have {attention.head_dim} numbers"
    return ""


def _known(kind: str) -> set[str]:
    """Return the full names of the classes of one kind of part."""
    return {f"transformers.models.{family}.modeling_{family}.{family.capitalize()}{kind}" for family in FUSED}
