"""The recipes of the five systems, by the commands alone: each trains, and what it asked for stands in its run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

from tests.cli import Said, workbench
from workbench.lm.tokenizer import to_fast_tokenizer, train_sentencepiece
from workbench.workspace import samples

CORPORA = {"quiz": "quiz", "domain": "domain-qa", "alpaca": "instruct", "novel": "novel", "story": "story"}
"""First word of a recipe's name -> the sample corpus of that kind."""
SHORT = ("train.max_steps=2", "train.max_length=256", "generate.max_new_tokens=8")
SYSTEMS = [path.stem for path in sorted((samples() / "recipes").glob("*-*.yaml")) if "gptq" not in path.stem]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose sample corpora have a version without literal marks."""
    folder = tmp_path_factory.mktemp("room")
    workbench("init", ".", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Mistral of one layer without a chat template, like Mistral-7B-v0.1."""
    folder = tmp_path_factory.mktemp("base")
    lines = (samples() / "corpora" / "domain-qa" / "statements.txt").read_text(encoding="utf-8").splitlines()
    made = to_fast_tokenizer(train_sentencepiece(lines, folder, vocab_size=400, user_defined=(), seed=0))
    made.save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "head_dim": 16}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 4, "sliding_window": None}
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
    MistralForCausalLM(MistralConfig(vocab_size=len(made), **shape, **heads, **ends)).save_pretrained(folder)
    return folder


def built(room: Path, corpus: str) -> str:
    """Ingest a corpus, remove its literal marks and cut a version; nothing is done twice."""
    assert workbench("ingest", corpus, cwd=room).code == 0
    workbench("edit", corpus, "--fix", "literal-marker", cwd=room)
    assert workbench("split", corpus, cwd=room).code == 0
    return corpus


def trained(room: Path, recipe: str, base: str) -> Said:
    """Train a recipe for two steps; the run is named by recipe and base."""
    corpus, name = built(room, CORPORA[recipe.split("-")[0]]), f"{recipe}-on-{Path(base).name}"
    settings = [part for setting in (f"base={base}", *SHORT) for part in ("--set", setting)]
    return workbench("train", corpus, "--recipe", recipe, "--name", name, *settings, "--json", cwd=room)


def test_a_system_trains_by_its_own_recipe_on_any_base(room, base):
    said = trained(room, "quiz-mistral", str(base))
    assert said.code == 0, said.talk
    run = Path(said.json["folder"])
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert facts["precision"]["asked"]["compute"] == "float16"
    kept = json.loads((run / "adapter" / "adapter_config.json").read_text(encoding="utf-8"))
    assert (kept["r"], kept["lora_alpha"], kept["lora_dropout"]) == (16, 32, 0.05) and len(kept["target_modules"]) == 7
    assert "### Instruction:" in (run / "adapter" / "chat_template.jinja").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("recipe", SYSTEMS)
def test_every_system_trains_on_the_tiny_base(room, recipe):
    said = trained(room, recipe, "tiny")
    assert said.code == 0 and said.json["state"] == "finished", said.talk
    assert ("mind: lora.r=256" in said.talk) == ("r256" in recipe)


@pytest.mark.slow
def test_a_sweep_trains_each_variant_once_and_puts_them_under_the_baseline(room, base):
    corpus = built(room, "domain-qa")
    settings = [part for setting in (f"base={base}", *SHORT) for part in ("--set", setting)]
    axes = ["--over", "lora.r=4,8", "--over", "lora.alpha=8,16", "--zip", "--latency", "3"]
    first = workbench("sweep", corpus, "--recipe", "domain-qa", *settings, *axes, "--json", cwd=room)
    assert first.code == 0, first.talk
    rows = first.json["rows"]
    assert [row["variant"] for row in rows] == ["baseline", "lora.r=4 lora.alpha=8", "lora.r=8 lora.alpha=16"]
    assert all(row["em"] is not None and {"en", "fr"} <= set(row["languages"]) for row in rows)
    assert all(row["first_token_p95"] >= row["first_token_p50"] > 0 for row in rows)
    again = workbench("sweep", corpus, "--recipe", "domain-qa", *settings, *axes, "--json", cwd=room)
    assert again.json == first.json and "step" not in again.talk


@pytest.mark.slow
def test_a_model_is_asked_to_write_questions_and_each_is_judged(room, base):
    said = trained(room, "quiz-mistral-improved", str(base))
    assert said.code == 0, said.talk
    asked = ("--set", "topic=Optimizers", "--set", "difficulty=easy", "-n", "3", "--seed", "5", "--json")
    run = said.json["run"]
    written = workbench("generate", run, *asked, cwd=room)
    assert written.code == 0, written.talk
    assert written.json["asked"] == 3 and len(written.json["answers"]) == 3
    assert written.json["valid"] + sum(written.json["reasons"].values()) >= 3
    assert workbench("generate", run, *asked, cwd=room).json == written.json
