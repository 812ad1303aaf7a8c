"""A base of a few thousand random weights, as small as transformers makes one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workbench.lm.template import TINY_TEMPLATE
from workbench.lm.tokenizer import to_fast_tokenizer, train_sentencepiece

MARKS = ("[INST]", "[/INST]")


def write_base(folder: Path, lines: Iterable[str], *, template: str | None = TINY_TEMPLATE, **config: Any) -> Path:
    """Write a random Mistral of one layer, its vocabulary learned from some lines."""
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    model = train_sentencepiece(list(lines), folder, vocab_size=340, user_defined=MARKS, seed=0)
    tokenizer = to_fast_tokenizer(model, MARKS, chat_template=template)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "head_dim": 16}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 4, "sliding_window": None}
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
    whole = MistralConfig(**{"vocab_size": len(tokenizer), **shape, **heads, **ends, **config})
    MistralForCausalLM(whole).save_pretrained(folder)
    return folder
