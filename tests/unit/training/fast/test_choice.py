"""Facts about who takes the fast way: only what it computes the same, and everything else says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM

from workbench.recipe import Recipe, with_overrides
from workbench.training.fast import choice
from workbench.training.fast.choice import chosen, holds_whole, is_tight, obstacle
from workbench.training.fast.structure import unknown_part
from workbench.training.memory import read_shape
from workbench.training.plan import Plan

SIZES = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
SIZES |= {"num_key_value_heads": 2, "vocab_size": 128, "pad_token_id": 0}
RECIPE = Recipe(name="r", base="b")
GPU = "cuda:0"


def built(family: str, **more: Any) -> Any:
    return AutoModelForCausalLM.from_config(getattr(transformers, f"{family}Config")(**{**SIZES, **more}))


@pytest.fixture
def ampere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))


@pytest.mark.parametrize(
    ("family", "more"),
    [("Mistral", {}), ("Llama", {"attention_bias": True}), ("Llama", {"mlp_bias": True}), ("Qwen2", {})],
)
def test_a_base_of_known_layers_takes_the_fast_way(ampere: None, family: str, more: dict[str, Any]) -> None:
    assert obstacle(RECIPE, GPU, built(family, **more)) == ""


@pytest.mark.parametrize(
    "family",
    "Gemma Gemma2 Qwen3 Phi Phi3 SmolLM3 Mixtral Olmo2 Granite StableLm Starcoder2 GPT2 GPTNeoX OPT Falcon".split(),
)
def test_a_base_of_other_layers_says_which(ampere: None, family: str) -> None:
    assert family in obstacle(RECIPE, GPU, built(family))


@pytest.mark.parametrize(
    ("more", "said"),
    [({"attention_dropout": 0.1}, "dropout"), ({"head_dim": 20}, "20 numbers"), ({"head_dim": 512}, "512 numbers")],
)
def test_what_packed_attention_cannot_do_is_an_obstacle(ampere: None, more: dict[str, Any], said: str) -> None:
    assert said in obstacle(RECIPE, GPU, built("Llama", **more))


def test_one_strange_layer_is_enough() -> None:
    base = built("Llama")
    base.model.layers[1].mlp = torch.nn.Identity()
    assert "Identity" in unknown_part(base)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train.kernels=plain", "plain"),
        ("quantization.kind=none", "nf4"),
        ("lora.dropout=0.05", "0.05"),
        ("lora.use_dora=true", "use_dora"),
        ("train.precision=float32", "float32"),
        ("quantization.compute_dtype=float32", "float32"),
    ],
)
def test_what_a_recipe_asks_for_may_stand_in_the_way(ampere: None, override: str, said: str) -> None:
    assert said in obstacle(with_overrides(RECIPE, [override]), GPU, built("Llama"))


def test_rslora_stands_in_nobodys_way(ampere: None) -> None:
    assert obstacle(with_overrides(RECIPE, ["lora.use_rslora=true"]), GPU, built("Llama")) == ""


def test_a_gpu_before_ampere_has_no_packed_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    assert "Ampere" in obstacle(RECIPE, GPU, built("Llama"))


def test_a_cpu_takes_no_fast_way_and_no_plan(tmp_path: Path) -> None:
    assert "GPU" in obstacle(RECIPE, "cpu", built("Llama"))
    assert chosen(str(tmp_path), RECIPE, "cpu") is None and not is_tight(str(tmp_path), RECIPE, "cpu", 512)


def mistral_7b(folder: Path, **more: Any) -> str:
    sizes = {"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 32000}
    sizes |= {"intermediate_size": 14336, "num_key_value_heads": 8}
    (folder / "config.json").write_text(json.dumps({"model_type": "mistral", **sizes, **more}))
    return str(folder)


def on_card(monkeypatch: pytest.MonkeyPatch, free: int, total: int, share: float = 1.0) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free * 2**30, total * 2**30))
    monkeypatch.setattr(torch.cuda, "get_per_process_memory_fraction", lambda _: share)


@pytest.mark.parametrize(("gib", "fits"), [(4, False), (24, True)])
def test_a_base_is_loaded_onto_a_card_that_has_room_for_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gib: int, fits: bool
) -> None:
    on_card(monkeypatch, gib, gib)
    assert holds_whole(mistral_7b(tmp_path), RECIPE, GPU) == fits
    assert holds_whole(str(tmp_path), RECIPE, "cpu")


def test_the_plan_follows_from_what_is_free_and_what_may_be_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, asked = mistral_7b(tmp_path), with_overrides(RECIPE, ["train.batch_size=8"])
    on_card(monkeypatch, 140, 141)
    assert chosen(base, asked, GPU) == Plan("none", 16_384)
    for free, share in ((20, 1.0), (140, 20 / 141)):
        on_card(monkeypatch, free, 141, share)
        plan = chosen(base, asked, GPU)
        assert plan is not None and plan.checkpointing != "none"


def test_processes_that_train_together_take_the_plan_of_the_fullest_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, asked = mistral_7b(tmp_path), with_overrides(RECIPE, ["train.batch_size=8"])
    on_card(monkeypatch, 12, 141)
    least = chosen(base, asked, GPU)
    on_card(monkeypatch, 140, 141)
    monkeypatch.setattr(choice, "smallest", lambda number: min(number, 12 * 2**30))
    assert chosen(base, asked, GPU) == least


def test_only_what_comes_near_to_the_card_is_tried_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = mistral_7b(tmp_path)
    on_card(monkeypatch, 140, 141)
    assert not is_tight(base, RECIPE, GPU, 200)
    on_card(monkeypatch, 12, 12)
    assert is_tight(base, RECIPE, GPU, 200)
    tight = with_overrides(RECIPE, ["train.gradient_checkpointing=true"])
    on_card(monkeypatch, 16, 16)
    assert is_tight(base, RECIPE, GPU, 1_000) and not is_tight(base, tight, GPU, 1_000)


def test_processes_that_train_together_try_the_longest_rows_all_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = mistral_7b(tmp_path)
    on_card(monkeypatch, 140, 141)  # of this process; another one's is smaller, and tries them
    monkeypatch.setattr(choice, "smallest", lambda number: min(number, 12 * 2**30))
    assert is_tight(base, RECIPE, GPU, 200)


@pytest.mark.parametrize(
    "more",
    [
        {"intermediate_size": [64, 64]},
        {"num_attention_heads": None},
        {"num_local_experts": 8},
        {"n_routed_experts": 64},
    ],
    ids=["a size a layer", "no size", "experts", "routed experts"],
)
def test_a_base_that_does_not_tell_its_sizes_is_not_estimated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    base = mistral_7b(tmp_path, **more)
    with pytest.raises(KeyError):
        read_shape(tmp_path)
    on_card(monkeypatch, 140, 141)
    assert chosen(base, RECIPE, GPU) is None and is_tight(base, RECIPE, GPU, 200)
