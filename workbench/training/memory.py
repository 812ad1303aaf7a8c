"""How much device memory a training needs, by arithmetic on the base's shape alone, and the plan that fits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.lm.load import read_config
from workbench.lm.precision import asked_precision
from workbench.recipe import ALL_LINEAR, Recipe
from workbench.training.plan import CHECKPOINTING, SMALLEST, Plan

FUSED = ("llama", "mistral", "qwen2")
"""Families (`model_type`) whose layers can be fused (`workbench.training.fast`)."""
_SEVERAL = ("num_local_experts", "num_experts", "n_routed_experts")
"""Keys by which bases tell of several feed-forward parts in a layer."""
_HALF = 2
"""Bytes of a 16-bit number."""
_NF4_BYTES = 0.5 + 4 / 64
"""Bytes a weight in NF4: four bits, and one float32 factor to 64 of them."""
_DOUBLE_QUANT_BYTES = 1 / 64
"""Bytes a weight more where the factors are kept in their own 8-bit form beside that."""
_OPTIMIZER_BYTES = {"adamw_8bit": 2, "paged_adamw_8bit": 0, "paged_adamw_32bit": 0}
"""Bytes that an optimizer holds a weight on the device; AdamW in float32 holds two numbers, a paged one none."""
_TRAINED_BYTES = 8
"""Bytes a trained weight: itself and its gradient, in float32."""
_LARGEST = 16_384
"""Tokens of a micro-batch above which nothing gets faster: the matrix products fill the card."""
_WORTHWHILE = 4_096
"""Below this a micro-batch loses more speed than the next stronger checkpointing costs."""
_SLACK = 0.92
"""Share of the free memory that is planned with; the rest is for fragments and the error of the estimate."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a decoder that memory and arithmetic follow from."""

    hidden: int
    layers: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    family: str = ""

    def projections(self) -> dict[str, tuple[int, int]]:
        """Return (in, out) of the linear layers of one decoder layer, by name."""
        query, key = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return {
            "q_proj": (self.hidden, query),
            "k_proj": (self.hidden, key),
            "v_proj": (self.hidden, key),
            "o_proj": (query, self.hidden),
            "gate_proj": (self.hidden, self.intermediate),
            "up_proj": (self.hidden, self.intermediate),
            "down_proj": (self.intermediate, self.hidden),
        }

    @property
    def linear_weights(self) -> int:
        """Number of weights in the decoder's linear layers."""
        return self.layers * sum(rows * columns for rows, columns in self.projections().values())

    @property
    def embedding_weights(self) -> int:
        """Number of weights in the embedding and the head."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)


def read_shape(folder: Path) -> Shape:
    """Return the shape of a base from its config.json; a key that is missing there has its family's meaning.

    Raises KeyError for an architecture that does not tell its sizes by these names: one number for all layers, and
    one feed-forward part in each; UsageError for a config.json that is damaged.
    """
    config = read_config(folder)
    config = config.get("text_config") or config
    if any(config.get(key) for key in _SEVERAL):
        raise KeyError("sizes of its experts")
    hidden, heads = _size(config, "hidden_size"), _size(config, "num_attention_heads")
    return Shape(
        hidden=hidden,
        layers=_size(config, "num_hidden_layers"),
        intermediate=_size(config, "intermediate_size"),
        heads=heads,
        kv_heads=_size({"num_key_value_heads": heads, **config}, "num_key_value_heads"),
        head_dim=_size({**config, "head_dim": config.get("head_dim") or hidden // heads}, "head_dim"),
        vocabulary=_size(config, "vocab_size"),
        tied=bool(config.get("tie_word_embeddings", False)),
        family=str(config.get("model_type", "")),
    )


def _size(config: dict[str, Any], key: str) -> int:
    found = config.get(key)
    if not isinstance(found, int) or found < 1:
        raise KeyError(key)
    return found


@dataclass(frozen=True)
class Estimate:
    """Bytes on the device at the peak of a training step, by what holds them."""

    weights: int
    adapter: int
    """LoRA weights, their gradients and the optimizer's states."""
    activations: int
    """What the forward pass keeps for the backward pass."""
    workspace: int
    """What one layer and the head hold while they compute."""

    @property
    def total(self) -> int:
        """Return all of it."""
        return self.weights + self.adapter + self.activations + self.workspace


def estimate(shape: Shape, recipe: Recipe, plan: Plan, gpus: int = 1) -> Estimate:
    """Return what a training step needs at its peak on each of so many GPUs; measured in docs/performance.md."""
    return Estimate(
        weights=_weights(shape, recipe, gpus if recipe.shares_base else 1),
        adapter=_adapter(shape, recipe),
        activations=plan.tokens * _kept(shape, recipe, plan.checkpointing),
        workspace=_workspace(shape, plan),
    )


def choose(shape: Shape, recipe: Recipe, free_bytes: int, gpus: int = 1) -> Plan:
    """Return the fastest plan whose estimate fits into the free bytes of a card, one of so many GPUs.

    Where none fits it is the smallest one there is: whoever compares the estimate with the card sees that.
    A recipe that asks for `gradient_checkpointing`, or names its plan, is given no lighter one.
    """
    ladder = _ladder(recipe)
    worthwhile = min(_WORTHWHILE, ladder[0].tokens)
    room = int(free_bytes * _SLACK)
    fitting = [plan for plan in ladder if estimate(shape, recipe, plan, gpus).total <= room]
    return next((plan for plan in fitting if plan.tokens >= worthwhile), (fitting or ladder[-1:])[0])


def _ladder(recipe: Recipe) -> list[Plan]:
    """Return all plans of a recipe, fastest first: by checkpointing, then by size."""
    asked = recipe.train.plan
    kinds = CHECKPOINTING if asked == "auto" else (asked,)
    if asked == "auto" and recipe.train.gradient_checkpointing:
        kinds = ("full", "offload")
    step = recipe.train.batch_size * recipe.train.gradient_accumulation * recipe.train.max_length
    largest = max(min(step, _LARGEST), SMALLEST)
    smallest = max(min(recipe.train.max_length, largest), SMALLEST)  # the longest row goes through whole
    sizes = [largest >> halvings for halvings in range(largest.bit_length()) if largest >> halvings >= smallest]
    return [Plan(kind, size) for kind in kinds for size in sizes]


def _weights(shape: Shape, recipe: Recipe, sharers: int) -> int:
    """Return the bytes of the base on each GPU that shares it; of two layers the whole is there, the next one early."""
    quantization = recipe.quantization
    plain = 4 if quantization.compute_dtype == "float32" else _HALF
    packed = _NF4_BYTES + (_DOUBLE_QUANT_BYTES if quantization.double_quant else 0)
    each = plain if quantization.kind == "none" else packed
    lent = min(2 / shape.layers, 1) if sharers > 1 else 0
    return int(shape.linear_weights * each * min(1 / sharers + lent, 1)) + shape.embedding_weights * plain


def adapter_weights(shape: Shape, recipe: Recipe) -> int:
    """Return the number of weights that a recipe trains."""
    modules = recipe.lora.target_modules
    chosen = [sizes for name, sizes in shape.projections().items() if modules == ALL_LINEAR or name in modules]
    return shape.layers * recipe.lora.r * sum(rows + columns for rows, columns in chosen)


def _adapter(shape: Shape, recipe: Recipe) -> int:
    return adapter_weights(shape, recipe) * (_TRAINED_BYTES + _OPTIMIZER_BYTES.get(recipe.train.optimizer, 8))


def _kept(shape: Shape, recipe: Recipe, checkpointing: str) -> int:
    """Return the bytes a token that stay on the device from the forward to the backward pass."""
    query, key = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    outputs = 2 * shape.hidden + 2 * query + 2 * key + 2 * shape.intermediate
    rest = 2 * shape.hidden + query + key + shape.intermediate  # normed inputs, rotated heads, the gated product
    numbers = {"none": outputs + rest, "selective": outputs, "full": shape.hidden, "offload": 0}[checkpointing]
    is_fused = shape.family in FUSED and not unfused(recipe)
    return int(_HALF * numbers * shape.layers * (1.0 if is_fused else _surplus(recipe, checkpointing)))


def _surplus(recipe: Recipe, checkpointing: str) -> float:
    """Return how much more PEFT's own layers keep than fused ones; measured on an H200."""
    if checkpointing not in ("none", "selective"):
        return 1.0
    return 1.75 if recipe.lora.dropout else 1.35


def unfused(recipe: Recipe) -> str:
    """Return what in a recipe keeps its layers from being fused (`workbench.training.fast`); empty for nothing."""
    lora, asked = recipe.lora, asked_precision(recipe)
    reasons = {
        "train.kernels=plain": recipe.train.kernels == "plain",
        f"quantization.kind={recipe.quantization.kind} is not nf4": recipe.quantization.kind != "nf4",
        f"lora.dropout={lora.dropout:g} is not 0": lora.dropout > 0,
        "lora.use_dora=true": lora.use_dora,
        "train.shard_base=true": recipe.train.shard_base,
        "it computes in float32": "float32" in (asked.compute, asked.mixed),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _workspace(shape: Shape, plan: Plan) -> int:
    """Return what a layer's backward pass holds: its widest weights, gate and up, their gradients, the product.

    The head is trl's, over tiles of 4,096 tokens, and needs less.
    """
    unpacked = _HALF * 2 * shape.hidden * shape.intermediate
    return unpacked + plan.tokens * _HALF * (2 * shape.hidden + 5 * shape.intermediate)
