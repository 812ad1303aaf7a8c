"""Facts about the fast way on a GPU: with every plan it is at least as near to float32 as PEFT's own layers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import bitsandbytes
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from workbench.training.fast import attention
from workbench.training.fast.compiling import compile_layers
from workbench.training.fast.layers import fuse

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
TOKENS, RECORD, HIDDEN = 1024, 120, 512


SIZES = {"hidden_size": HIDDEN, "intermediate_size": 1024, "num_hidden_layers": 3, "vocab_size": 512}
HEADS = {"num_attention_heads": 8, "num_key_value_heads": 2}
FAMILIES: dict[str, tuple[Any, Any]] = {
    "mistral": (MistralForCausalLM, MistralConfig(**SIZES, **HEADS, head_dim=64, sliding_window=None)),
    "llama": (LlamaForCausalLM, LlamaConfig(**SIZES, **HEADS, head_dim=64)),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**SIZES, **HEADS)),
}


@pytest.fixture(scope="module", params=FAMILIES)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    kind, config = FAMILIES[request.param]
    kind(config).save_pretrained(folder)
    return folder


def tuned(base: Path) -> Any:
    attention.register()
    model = AutoModelForCausalLM.from_pretrained(
        base,
        dtype=torch.bfloat16,
        device_map={"": 0},
        attn_implementation=attention.PACKED,
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        ),
    )
    model.requires_grad_(False)
    model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    source = torch.Generator(device="cuda").manual_seed(1)
    for _, weight in adapter(model):
        weight.data = torch.randn(weight.shape, generator=source, device="cuda") * 0.05
    model.enable_input_require_grads()
    return model.train()


def adapter(model: Any) -> list[tuple[str, Tensor]]:
    return [(name, weight) for name, weight in model.named_parameters() if "lora_" in name]


def batch() -> dict[str, Any]:
    bounds = [*range(0, TOKENS, RECORD), TOKENS, TOKENS, TOKENS]
    ends = torch.tensor(bounds, dtype=torch.int32, device="cuda")
    positions = torch.cat([torch.arange(end - start) for start, end in pairwise(bounds)])
    ids = torch.randint(0, 512, (1, TOKENS), generator=torch.Generator().manual_seed(2))
    packed = {"cu_seq_lens_q": ends, "cu_seq_lens_k": ends, "max_length_q": RECORD, "max_length_k": RECORD}
    return {"input_ids": ids.cuda(), "position_ids": positions[None].cuda(), **packed}


def gradients(model: Any, inputs: dict[str, Any], *, mixed: bool = True) -> Tensor:
    model.zero_grad(set_to_none=True)
    with torch.autocast("cuda", torch.bfloat16, enabled=mixed):
        hidden = model.get_base_model().model(**inputs, use_cache=False).last_hidden_state
    weights = torch.randn(1, TOKENS, HIDDEN, generator=torch.Generator().manual_seed(3)).cuda()
    (hidden.float() * weights).mean().backward()
    return torch.cat([weight.grad.double().flatten() for _, weight in adapter(model)])


def in_float32(model: Any) -> Any:
    for name, module in list(model.named_modules()):
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            weight = bitsandbytes.functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
            plain = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="cuda")
            plain.weight = torch.nn.Parameter(weight.to(torch.bfloat16).float(), requires_grad=False)
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, plain)
    model = model.float()
    model.get_base_model().set_attn_implementation("sdpa")
    return model


def far(got: Tensor, truth: Tensor) -> float:
    return ((got - truth).norm() / truth.norm()).item()


@pytest.fixture(scope="module")
def truth(base: Path) -> Tensor:
    inputs = {key: value for key, value in batch().items() if key in ("input_ids", "position_ids")}
    return gradients(in_float32(tuned(base)), inputs, mixed=False)


@pytest.fixture(scope="module")
def plain(base: Path, truth: Tensor) -> float:
    return far(gradients(tuned(base), batch()), truth)


def test_fused_layers_are_as_near_to_float32_as_pefts(base: Path, truth: Tensor, plain: float) -> None:
    model = tuned(base)
    assert fuse(model) == 21
    assert far(gradients(model, batch()), truth) < 1.1 * plain < 0.1


@pytest.mark.parametrize("kind", ["none", "selective", "full", "offload"])
def test_every_plan_is_as_near_to_float32_as_pefts_layers(base: Path, truth: Tensor, plain: float, kind: Any) -> None:
    torch._dynamo.reset()
    model = tuned(base)
    fuse(model)
    compile_layers(model.get_base_model().model.layers, kind)
    for _ in range(3):
        assert far(gradients(model, batch()), truth) < 1.1 * plain


def test_stronger_plans_keep_less(base: Path) -> None:
    kept = {kind: _kept(base, kind) for kind in ("none", "selective", "full", "offload")}
    assert max(kept["none"], kept["selective"]) == kept["none"] > kept["full"] > kept["offload"], kept


def _kept(base: Path, kind: Any) -> int:
    torch._dynamo.reset()
    model = tuned(base)
    fuse(model)
    compile_layers(model.get_base_model().model.layers, kind)
    gradients(model, batch())
    before = torch.cuda.memory_allocated()
    with torch.autocast("cuda", torch.bfloat16):
        hidden = model.get_base_model().model(**batch(), use_cache=False).last_hidden_state
    kept = torch.cuda.memory_allocated() - before
    del hidden
    return kept
