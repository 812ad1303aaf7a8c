"""Let a model answer prompts, decoded as the recipe says and in no other way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from workbench.evaluation.bench import BATCH_TOKENS, Bench, batches, padded
from workbench.recipe import Recipe

if TYPE_CHECKING:
    from transformers import GenerationConfig, PretrainedConfig, PreTrainedTokenizerBase


def answer(bench: Bench, prompts: Sequence[Sequence[int]], report: Callable[[int], None]) -> list[str]:
    """Return what the model says to each prompt (ids), decoded without special tokens and stripped."""
    found: dict[int, str] = {}
    longest = bench.recipe.generate.max_new_tokens
    _seed(bench.recipe)
    for places in batches([len(prompt) + longest for prompt in prompts], room(bench)):
        found |= zip(places, _batch_texts(bench, [prompts[place] for place in places]), strict=True)
        report(len(found))
    return [found[place] for place in range(len(prompts))]


def room(bench: Bench) -> int:
    """Return how many tokens of prompts and answers a GPU reads at once: the more, the rarer it unpacks the base.

    A power of two that fits half of its free memory, so that the same card forms the same batches again.
    """
    if bench.model.device.type == "cpu":
        return BATCH_TOKENS
    import torch

    gpu = bench.model.device
    free = int(torch.cuda.mem_get_info(gpu)[0]) + torch.cuda.memory_reserved(gpu) - torch.cuda.memory_allocated(gpu)
    each = _bytes_of_a_token(bench.model.config.get_text_config())
    fitting = free // 2 // each if each else 0
    return max(BATCH_TOKENS, min(_MOST_TOKENS, 1 << max(fitting.bit_length() - 1, 0)))


_MOST_TOKENS = 65_536
"""More at once answer no faster."""


def _bytes_of_a_token(config: PretrainedConfig) -> int | None:
    """Return what a token takes while a model answers: keys and values of all layers, and one layer's arithmetic.

    None for a base that does not tell its sizes by these names, one number for all layers.
    """
    try:
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        wide = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
        return int(2 * (2 * config.num_hidden_layers * heads * size + 4 * wide))
    except (AttributeError, TypeError):
        return None


def _seed(recipe: Recipe) -> None:
    # With sampling, base and tuned must at least draw the same numbers.
    if recipe.generate.do_sample:
        from transformers import set_seed

        set_seed(recipe.generate.seed)


def _batch_texts(bench: Bench, prompts: list[Sequence[int]]) -> list[str]:
    import torch

    tokenizer, device = bench.tokenizer, bench.model.device
    ids = padded(prompts, pad_of(tokenizer), left=True).to(device)
    mask = padded([[1] * len(prompt) for prompt in prompts], 0, left=True).to(device)
    with torch.no_grad():
        out = bench.model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=decoding(bench),
        )
    texts = tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)
    return [text.strip() for text in texts]


def pad_of(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the id that fills a prompt on the left: EOS where the tokenizer has no padding of its own."""
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id)


def decoding(bench: Bench, **forced: int) -> GenerationConfig:
    """Return what the recipe says about decoding and nothing else, so that all bases are asked alike.

    `forced` wins over it: a latency is measured over a fixed number of tokens.
    """
    from transformers import GenerationConfig

    generate, tokenizer = bench.recipe.generate, bench.tokenizer
    chosen: dict[str, Any] = {"max_new_tokens": generate.max_new_tokens, "do_sample": generate.do_sample}
    chosen["repetition_penalty"] = generate.repetition_penalty
    if generate.do_sample:
        chosen |= {"temperature": generate.temperature, "top_p": generate.top_p, "top_k": generate.top_k or 0}
    ends = {"pad_token_id": pad_of(tokenizer), "eos_token_id": tokenizer.eos_token_id}
    return GenerationConfig(**chosen | forced | ends)
