"""The probe of a loaded trainer before its first step: what only the very model and its rows can tell."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import torch

from workbench.errors import RefusedError
from workbench.lm.template import NOT_LEARNED
from workbench.recipe import Recipe
from workbench.training.fast.rows import PADDING
from workbench.training.sharded import first_layer_whole

PROBES: Mapping[str, str] = {
    "accumulation-uneven": "the loss of a step is averaged over micro-batches and not over tokens",
    "attention-leaks": "in a packed row one record reads another",
    "first-loss": "the loss before the first step is not a number",
    "first-loss-high": "the base finds the records less likely than drawing tokens blindly",
    "lora-not-float32": "adapter weights are not float32: small updates would be lost and a resume would drift",
    "lora-nothing": "the adapter changes no layer: nothing would be trained",
    "quantization-differs": "the base was loaded in another form than the recipe asks for",
    "untrained-mark": "a token of the records has no trained embedding in this base",
    "wrong-gradient": "the gradient through a 4-bit layer is not that of its weights",
}
"""Every finding of the probe, and what it means."""

REMEDIES: Mapping[str, str] = {
    "accumulation-uneven": "set train.gradient_accumulation: 1 and a larger train.batch_size",
    "attention-leaks": "set train.packing: false, and tell which base it was",
    "first-loss": "set quantization.compute_dtype: bfloat16; if it is so already, fetch the base again",
    "first-loss-high": "check that tokenizer, template and base belong together",
    "lora-not-float32": "use the pinned versions of trl and peft",
    "lora-nothing": "set lora.target_modules: all-linear, or names that the base has",
    "quantization-differs": "use the pinned versions of transformers and bitsandbytes",
    "untrained-mark": "use a template without it (template: inst), or a base that was tuned for turns",
    "wrong-gradient": "use the pinned version of bitsandbytes, or quantization.kind: none",
}
"""What to do about each finding."""

WARNINGS = frozenset({"first-loss-high", "untrained-mark"})
"""Findings that do not stop a training."""

_ROWS = 4
_PACKED_TOKENS = 128
"""Most tokens of a record in the comparison of packed and alone: its logits are kept whole."""
_LEAK = 0.02
"""Share of the largest logit by which an unread neighbour may change one: none, but where experts share a product."""
_NAMED = 8
_FAINT = 0.05
"""Share of the usual length of an embedding below which a token was never trained."""


class Trainer(Protocol):
    """What the probe reads of a trainer (transformers 5, trl 1.16)."""

    model: torch.nn.Module
    data_collator: Callable[[list[dict[str, Any]]], dict[str, Any]]
    model_accepts_loss_kwargs: bool

    def compute_loss_context_manager(self) -> AbstractContextManager[object]:
        """Return the context in which a loss is computed: the loop's mixed precision."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a loaded trainer."""

    code: str
    said: str


def probe(trainer: Trainer, recipe: Recipe, rows: pa.Table) -> list[Finding]:
    """Return the warnings about a trainer and its training rows; raises RefusedError for what must not be trained.

    It draws no random number and leaves no gradient: a training that is probed gives the same weights.
    """
    found = list(_findings(trainer, recipe, rows))
    errors = [finding for finding in found if finding.code not in WARNINGS]
    for finding in found:
        logging.getLogger(__name__).warning("%s: %s. %s", finding.code, finding.said, REMEDIES[finding.code])
    if errors:
        what = "; ".join(f"{finding.code}: {finding.said}" for finding in errors)
        raise RefusedError(what, "; ".join(REMEDIES[finding.code] for finding in errors))
    return found


def _findings(trainer: Trainer, recipe: Recipe, rows: pa.Table) -> Iterator[Finding]:
    yield from trained_weights(trainer.model)
    yield from accumulation(trainer, recipe)
    yield from quantized(trainer.model, recipe)
    yield from marks(trainer.model, rows)
    # Compiled layers would be compiled anew for these few short rows.
    with torch.compiler.set_stance("force_eager"), _evaluating(trainer.model):
        yield from gradient(trainer.model)
        yield from first_loss(trainer, rows.slice(0, _ROWS))
        if recipe.train.packing:
            yield from packing(trainer, _features(rows, 2))


def trained_weights(model: torch.nn.Module) -> Iterator[Finding]:
    """Find an adapter without weights, and weights in another format than float32."""
    trained = [(name, weight.dtype) for name, weight in model.named_parameters() if weight.requires_grad]
    if not trained:
        yield Finding("lora-nothing", "no weight is trained")
    other = [name for name, dtype in trained if dtype != torch.float32]
    if other:
        yield Finding("lora-not-float32", f"{len(other):,} of {len(trained):,} trained weights, for example {other[0]}")


def accumulation(trainer: Trainer, recipe: Recipe) -> Iterator[Finding]:
    """Find a loss that is not told how many tokens the whole step learns from."""
    parts = recipe.train.gradient_accumulation
    if parts > 1 and not trainer.model_accepts_loss_kwargs:
        yield Finding("accumulation-uneven", f"{parts} micro-batches of unlike length weigh alike")


def quantized(model: torch.nn.Module, recipe: Recipe) -> Iterator[Finding]:
    """Find layers that are not in the 4 bits that were asked for."""
    layers = four_bit_layers(model)
    if recipe.quantization.kind == "nf4" and not layers:
        yield Finding("quantization-differs", "asked for nf4, and no layer is in 4 bits")
    kinds = {layer.quant_state.quant_type for layer in layers} - {"nf4"}
    if kinds:
        yield Finding("quantization-differs", f"asked for nf4, loaded as {', '.join(sorted(kinds))}")


def four_bit_layers(model: torch.nn.Module) -> list[Any]:
    """Return the layers of a model that bitsandbytes holds in 4 bits."""
    import bitsandbytes

    return [layer for layer in model.modules() if isinstance(layer, bitsandbytes.nn.Linear4bit)]


def marks(model: torch.nn.Module, rows: pa.Table) -> Iterator[Finding]:
    """Find tokens of the records whose embedding is next to nothing: marks of turns that the base never learned."""
    weights: torch.Tensor = model.get_input_embeddings().weight  # type: ignore[operator]
    used = torch.tensor(sorted(pc.unique(pc.list_flatten(rows["input_ids"])).to_pylist()))
    lengths = weights.detach()[used.to(weights.device)].float().norm(dim=1)
    faint = used[(lengths < _FAINT * lengths.median()).cpu()].tolist()
    if faint:
        told = ", ".join(map(str, faint[:_NAMED]))
        yield Finding("untrained-mark", f"the embeddings of the tokens {told} are next to nothing")


def gradient(model: torch.nn.Module) -> Iterator[Finding]:
    """Compare the gradient through one 4-bit layer with its weights taken out of the 4 bits."""
    layers = four_bit_layers(model)
    if not layers:
        return
    with first_layer_whole(model):
        alike = _likeness(layers[0])
    if alike < 0.99:
        yield Finding("wrong-gradient", f"its cosine with the true one is {alike:.2f}")


def _likeness(layer: Any) -> float:  # noqa: ANN401 - bitsandbytes' own type
    """Return the cosine of a 4-bit layer's gradient with the true one."""
    from bitsandbytes.functional import dequantize_4bit

    weight = dequantize_4bit(layer.weight.data, layer.quant_state).float()
    given = torch.linspace(-1, 1, 4 * weight.shape[1], device=weight.device).sin().reshape(4, -1)
    asked = given.to(layer.compute_dtype or torch.float32).requires_grad_()
    with torch.no_grad():
        layer(asked.detach())  # as a validation would: on some CPUs this alone breaks what follows
    out = layer(asked)
    sent = torch.ones_like(out)
    (got,) = torch.autograd.grad(out, asked, sent, allow_unused=True) if out.requires_grad else (None,)
    true = sent.float() @ weight
    return 0.0 if got is None else torch.cosine_similarity(got.float().flatten(), true.flatten(), dim=0).item()


def first_loss(trainer: Trainer, rows: pa.Table) -> Iterator[Finding]:
    """Find records whose loss is not finite, or worse than that of a model that knows nothing."""
    found = {row["record"]: _loss(trainer, row) for row in rows.to_pylist() if _learns(row)}
    broken = [record for record, loss in found.items() if not math.isfinite(loss)]
    if broken:
        yield Finding("first-loss", f"of the records {', '.join(broken)}")
        return
    blind = math.log(trainer.model.get_input_embeddings().weight.shape[0])  # type: ignore[operator]
    mean = sum(found.values()) / max(len(found), 1)
    if mean > blind + 1:
        yield Finding("first-loss-high", f"{mean:.2f} nats a token, drawing blindly costs {blind:.2f}")


def _learns(row: Mapping[str, Any]) -> bool:
    return any(label != NOT_LEARNED for label in row["labels"][1:])


def _loss(trainer: Trainer, row: Mapping[str, Any]) -> float:
    """Return a record's mean NLL through trl's head, which never holds all logits at once."""
    batch = _on_device(trainer, trainer.data_collator([{key: row[key] for key in ("input_ids", "labels")}]))
    with torch.no_grad(), trainer.compute_loss_context_manager():
        out = trainer.model(**batch, use_cache=False, fused_lm_head=True)
    return float(-out.log_probs.float().sum() / out.label_mask.sum())


def packing(trainer: Trainer, features: list[dict[str, Any]]) -> Iterator[Finding]:
    """Change every token of a record and look whether the record behind it in a packed row notices.

    Where no record reads another the very same numbers come out; where one does they differ by tenths, even in a base
    that knows nothing.
    """
    if len(features) < 2:
        return
    first, second = ({key: ids[:_PACKED_TOKENS] for key, ids in feature.items()} for feature in features)
    together = trainer.data_collator([first, second])
    if together.get("attention_mask") is not None:
        yield Finding("attention-leaks", "the collator gives a mask, which joins all records of a packed row")
        return
    words = trainer.model.get_input_embeddings().weight.shape[0]  # type: ignore[operator]
    other = first | {"input_ids": [(token + 1) % words for token in first["input_ids"]]}
    start = len(first["input_ids"])
    behind = slice(start, start + len(second["input_ids"]))
    was, now = (_logits(trainer, batch)[0, behind] for batch in (together, trainer.data_collator([other, second])))
    differs = (now - was).abs().max().item()
    if not differs <= _LEAK * was.abs().max().item():
        yield Finding("attention-leaks", f"another record before it changes a record's logits by up to {differs:.2g}")


def _features(rows: pa.Table, count: int) -> list[dict[str, Any]]:
    features: list[dict[str, Any]] = rows.slice(0, count).select(["input_ids", "labels"]).to_pylist()
    return features


def _logits(trainer: Trainer, batch: dict[str, Any]) -> torch.Tensor:
    asked = _on_device(trainer, batch)
    asked.pop("labels")
    with torch.no_grad(), trainer.compute_loss_context_manager():
        logits: torch.Tensor = trainer.model(**asked, use_cache=False).logits
    return logits.float()


def _on_device(trainer: Trainer, batch: dict[str, Any]) -> dict[str, Any]:
    device = next(trainer.model.parameters()).device
    moved = {key: value.to(device) if isinstance(value, torch.Tensor) else value for key, value in batch.items()}
    moved.pop(PADDING, None)
    return moved


@contextmanager
def _evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Switch dropout off for a while."""
    was = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was)


def longest(rows: pa.Table, count: int) -> list[dict[str, Any]]:
    """Return the longest rows, which decide whether a training fits."""
    lengths = pc.list_value_length(rows["input_ids"]).combine_chunks()
    order = pc.array_sort_indices(lengths, order="descending")
    return _features(rows.take(order[:count]), count)


def try_longest(trainer: Trainer, rows: pa.Table, count: int) -> None:
    """Run the largest micro-batch that the rows can make, forward and backward, and forget it.

    What does not fit fails here, in the first seconds, and not hours later where such a batch happens to be drawn.
    """
    batch = _on_device(trainer, trainer.data_collator(longest(rows, count)))
    device = next(trainer.model.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        with trainer.compute_loss_context_manager():
            out = trainer.model(**batch, use_cache=False, fused_lm_head=True)
        (-out.log_probs.mean()).backward()
    trainer.model.zero_grad(set_to_none=True)
