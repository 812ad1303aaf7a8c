"""A finished run on a base of a few thousand random weights: its adapter is random and never trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import MistralConfig, MistralForCausalLM

from workbench.lm.template import TINY_TEMPLATE
from workbench.lm.tokenizer import to_fast_tokenizer, train_sentencepiece
from workbench.lm.xray import Example
from workbench.recipe import Recipe, with_overrides
from workbench.training.prepare import prepare
from workbench.training.runs import RunFolder

MARKS = ("[INST]", "[/INST]")
TOWNS = ("Brest", "Nîmes sur mer", "Lyon", "Metz la longue, la belle")
SHAPE = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "head_dim": 16}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Mistral of one layer."""
    folder: Path = tmp_path_factory.mktemp("base")
    model = train_sentencepiece([*TOWNS] * 9, folder, vocab_size=330, user_defined=MARKS, seed=0)
    tokenizer = to_fast_tokenizer(model, MARKS, chat_template=TINY_TEMPLATE)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 4, "sliding_window": None}
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
    config = MistralConfig(vocab_size=len(tokenizer), **SHAPE, **heads, **ends)
    MistralForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def run(base: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Questions in train, validation and test; two prose rows in the split `prose`."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "random")
    recipe = with_overrides(Recipe(name="random", base="small"), ["generate.max_new_tokens=6"])
    prepare(folder, recipe, {"base_path": str(base)}, rows())
    torch.manual_seed(1)
    lora = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    tuned = get_peft_model(MistralForCausalLM.from_pretrained(base), lora)
    for name, weight in tuned.named_parameters():
        if "lora_" in name:
            weight.data *= 10
    tuned.save_pretrained(folder.adapter)
    return folder


def rows() -> list[Example]:
    """Records of every split, of very different lengths."""
    asked = [
        Example(
            f"r{place}",
            ("train", "validation", "test")[place % 3],
            {
                "messages": [
                    {"role": "user", "content": f"Where {'far ' * (place % 7)}is it?"},
                    {"role": "assistant", "content": TOWNS[place % 4]},
                ]
            },
        )
        for place in range(30)
    ]
    return [*asked, *(Example(f"p{place}", "prose", {"text": TOWNS[place]}) for place in range(2))]
