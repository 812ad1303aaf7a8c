"""Every recipe: named as its file, its command in its head, and those of the five systems with their settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli import workbench
from workbench.recipe import cautions, load_recipe
from workbench.workspace import samples

RECIPES = {path.stem: path for path in sorted((samples() / "recipes").glob("*.yaml"))}
IMPROVED = "-improved"
SEVEN = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
NF4 = {"quantization.kind": "nf4", "quantization.double_quant": True}
DEFAULTS = {"train.weight_decay": 0.0, "train.max_grad_norm": 1.0, "train.sampling": "random"}
ONE_BY_ONE = {"train.batch_size": 1, "train.gradient_accumulation": 8}
STORY: dict[str, Any] = {
    "base": "mistralai/Mistral-7B-Instruct-v0.2",
    "quantization.kind": "nf4",
    "quantization.double_quant": False,
    "quantization.compute_dtype": "bfloat16",
    "lora.alpha": 32,
    "lora.dropout": 0.1,
    "lora.target_modules": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj"),
    "lora.use_rslora": False,
    "train.epochs": 50,
    "train.batch_size": 8,
    "train.gradient_accumulation": 1,
    "train.learning_rate": 2e-4,
    "train.scheduler": "constant",
    "train.warmup": 0.03,
    "train.optimizer": "paged_adamw_32bit",
    "train.weight_decay": 0.001,
    "train.max_grad_norm": 0.3,
    "train.sampling": "group_by_length",
    "train.max_length": 2048,
    "train.packing": False,
    "generate.max_new_tokens": 50,
    "generate.do_sample": True,
    "generate.temperature": 0.7,
    "generate.top_k": 50,
    "generate.top_p": 0.95,
}
ALPACA: dict[str, Any] = {
    "lora.r": 8,
    "lora.alpha": 16,
    "lora.dropout": 0.05,
    "lora.target_modules": ("q_proj", "v_proj"),
    "train.epochs": 1,
}
SYSTEMS: dict[str, dict[str, Any]] = {
    "quiz-mistral": NF4
    | DEFAULTS
    | ONE_BY_ONE
    | {
        "base": "mistralai/Mistral-7B-v0.1",
        "quantization.compute_dtype": "float16",
        "lora.r": 16,
        "lora.alpha": 32,
        "lora.dropout": 0.05,
        "lora.target_modules": SEVEN,
        "train.epochs": 3,
        "train.learning_rate": 2e-4,
        "train.scheduler": "cosine",
        "train.warmup": 0.05,
        "train.optimizer": "paged_adamw_8bit",
        "train.max_length": 1024,
        "train.packing": False,
        "generate.max_new_tokens": 300,
        "generate.do_sample": True,
        "generate.temperature": 0.7,
        "generate.top_p": 0.9,
    },
    "domain-qa": NF4
    | DEFAULTS
    | ONE_BY_ONE
    | {
        "base": "mistralai/Mistral-7B-Instruct-v0.3",
        "quantization.compute_dtype": "float16",
        "lora.r": 16,
        "lora.alpha": 32,
        "lora.dropout": 0.05,
        "lora.target_modules": SEVEN,
        "train.epochs": 3,
        "train.learning_rate": 1e-4,
        "train.scheduler": "linear",
        "train.max_length": 2048,
        "train.packing": True,
        "train.seed": 42,
        "train.eval_steps": 200,
        "train.save_steps": 500,
        "generate.max_new_tokens": 128,
        "generate.do_sample": False,
    },
    "alpaca-1k": ALPACA | {"base": "mistralai/Mistral-7B-v0.1", "quantization.kind": "nf4"},
    "alpaca-1k-gptq": ALPACA | {"quantization.kind": "gptq"},
    "novel-frankenstein": NF4
    | DEFAULTS
    | {
        "base": "mistralai/Mistral-7B-v0.1",
        "quantization.compute_dtype": "bfloat16",
        "train.precision": "float16",
        "lora.r": 32,
        "lora.alpha": 64,
        "lora.dropout": 0.05,
        "lora.target_modules": ("q_proj", "v_proj"),
        "train.epochs": 2,
        "train.batch_size": 2,
        "train.gradient_accumulation": 1,
        "train.learning_rate": 2e-5,
        "train.scheduler": "linear",
        "train.warmup": 2,
        "train.optimizer": "paged_adamw_8bit",
        "train.packing": False,
        "generate.max_new_tokens": 100,
        "generate.do_sample": False,
    },
    "story-instruct": STORY | {"lora.r": 16},
    "story-instruct-r256": STORY | {"lora.r": 256},
}
"""What each system asked for, as its code or its README tells; a story rank of 16 is ours."""
FACTS = [(name, key, value) for name, facts in SYSTEMS.items() for key, value in facts.items()]
SHOWN = {
    "quantization": {"kind", "double_quant", "compute_dtype"},
    "lora": {"r", "alpha", "dropout", "target_modules"},
    "train": {
        *("epochs", "batch_size", "gradient_accumulation", "learning_rate", "scheduler", "warmup", "optimizer"),
        *("max_length", "packing"),
    },
    "generate": {"max_new_tokens", "do_sample", "temperature", "top_p"},
}


def value(name: str, key: str) -> Any:
    """Return what a recipe says under a dotted key."""
    found: Any = load_recipe(RECIPES[name])
    for step in key.split("."):
        found = getattr(found, step)
    return found


@pytest.mark.parametrize(("name", "key", "wanted"), FACTS, ids=[f"{name}-{key}" for name, key, _ in FACTS])
def test_a_recipe_asks_for_what_its_system_asked_for(name, key, wanted):
    assert value(name, key) == wanted


def test_every_system_has_its_recipe_and_one_with_our_defaults():
    systems = {"quiz-mistral", "domain-qa", "alpaca-1k", "novel-frankenstein", "story-instruct"}
    assert systems | {f"{name}{IMPROVED}" for name in systems} <= set(RECIPES)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_the_head_of_a_recipe_holds_the_command_that_runs_it(name):
    head = RECIPES[name].read_text(encoding="utf-8").partition("\nname:")[0]
    assert re.search(rf"^#   workbench train \S+ --recipe {re.escape(name)}$", head, re.M)
    assert load_recipe(RECIPES[name]).name == name


@pytest.mark.parametrize("name", [name for name in sorted(RECIPES) if name.endswith(IMPROVED)])
def test_an_improved_recipe_says_why_where_it_differs(name):
    theirs, ours = (_lines(RECIPES[found]) for found in (name.removesuffix(IMPROVED), name))
    named = {"name", "description"}
    changed = {key for key, (said, _) in ours.items() if key not in named and theirs.get(key, ("",))[0] != said}
    assert changed and not [key for key in changed if not ours[key][1]]


def _lines(path: Path) -> dict[str, tuple[str, str]]:
    """Return {key: (value, comment)} of a recipe's lines."""
    found = re.findall(r"^ *(\w+): *([^#\n]*?) *(?:# *(.*))?$", path.read_text(encoding="utf-8"), re.M)
    return {key: (said, why) for key, said, why in found}


def test_only_what_a_person_should_know_is_warned_of():
    warned = {name for name in RECIPES if cautions(load_recipe(RECIPES[name]))}
    assert warned == {"story-instruct", "story-instruct-r256"}
    assert "256" in cautions(load_recipe(RECIPES["story-instruct-r256"]))[0]


def test_recipe_show_holds_the_promised_keys(tmp_path):
    assert workbench("init", ".", "--bare", cwd=tmp_path).code == 0
    said = workbench("recipe", "show", "quiz-mistral", "--json", cwd=tmp_path)
    assert said.code == 0 and said.json["base"] == "mistralai/Mistral-7B-v0.1"
    assert all(wanted <= set(said.json[part]) for part, wanted in SHOWN.items())
