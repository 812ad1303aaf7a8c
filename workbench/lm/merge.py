"""Add an adapter's weights to its base, as one model in 16 bits that needs no adapter any more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import UsageError
from workbench.lm.load import attach_adapter, load_base

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from workbench.recipe import Recipe


def merged(base: str | Path, adapter: Path, recipe: Recipe) -> PreTrainedModel:
    """Return the base with the adapter in its weights, in the recipe's number format.

    The adapter was trained on what the 4 bits hold, so it is added to just that, taken out of the 4 bits: the base
    as it is stored would be another one, and back in 4 bits the small changes would be rounded away. Raises
    UsageError for a GPTQ base, whose weights cannot be taken out.
    """
    if recipe.quantization.kind == "gptq":
        hint = "use the adapter beside its base, or train one with quantization.kind=nf4"
        raise UsageError("an adapter cannot be merged into a GPTQ base", hint)
    model = load_base(
        base,
        quantization=recipe.quantization.kind,
        double_quant=recipe.quantization.double_quant,
        compute_dtype=recipe.quantization.compute_dtype,
    )
    if recipe.quantization.kind == "nf4":
        model = model.dequantize()
    plain: PreTrainedModel = attach_adapter(model, adapter).merge_and_unload(safe_merge=True)
    return plain
