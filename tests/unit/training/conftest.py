"""A base of a few thousand random weights, and runs prepared on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

from workbench.lm.template import TINY_TEMPLATE
from workbench.lm.tokenizer import to_fast_tokenizer, train_sentencepiece
from workbench.lm.xray import Example
from workbench.recipe import Recipe, with_overrides
from workbench.training.prepare import prepare
from workbench.training.runs import RunFolder

MARKS = ("[INST]", "[/INST]")
TOWNS = ("Brest", "Nîmes", "Lyon", "Metz")
Prepared = Callable[..., RunFolder]


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Mistral of one layer with untied embeddings."""
    folder: Path = tmp_path_factory.mktemp("base")
    lines = [f"{example.rendered['prompt']}{example.rendered['completion']}" for example in examples()]
    model = train_sentencepiece(lines, folder, vocab_size=340, user_defined=MARKS, seed=0)
    tokenizer = to_fast_tokenizer(model, MARKS, chat_template=TINY_TEMPLATE)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    MistralForCausalLM(
        MistralConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=4,
            num_key_value_heads=4,
            head_dim=16,
            sliding_window=None,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=3,
        )
    ).save_pretrained(folder)
    return folder


def examples(rows: int = 20) -> list[Example]:
    """Questions and answers of different lengths, every fifth in validation."""
    return [
        Example(
            f"r{place}",
            "validation" if place % 5 == 4 else "train",
            {"prompt": f"Where is {'far ' * (place % 3)}{place}? ", "completion": TOWNS[place % 4]},
        )
        for place in range(rows)
    ]


@pytest.fixture
def prepared(base: Path, tmp_path: Path) -> Prepared:
    """Prepare a run of a short recipe, changed by overrides."""

    def make(name: str, *overrides: str, rows: Sequence[Example] | None = None, on: Path = base) -> RunFolder:
        short = ["max_steps=8", "batch_size=4", "learning_rate=1e-2", "logging_steps=1", "eval_steps=4"]
        wanted = [*(f"train.{item}" for item in short), *overrides]
        recipe = with_overrides(Recipe(name="short", base="small"), wanted)
        run = RunFolder(tmp_path / name)
        prepare(run, recipe, {"base_path": str(on), "version": "v1"}, rows or examples())
        return run

    return make
