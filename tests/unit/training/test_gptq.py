"""Facts about a GPTQ base: it loads as it is stored, trains with true gradients, and takes its adapter again."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from workbench.lm.load import attach_adapter, load_base
from workbench.lm.tokenizer import load_tokenizer
from workbench.training.qlora import train
from workbench.training.runs import RunFolder
from workbench.training.signals import StopRequest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("gptqmodel") is None, reason="needs the extra: pip install 'workbench[gptq]'"),
]
SETTINGS = ("quantization.kind=gptq", "quantization.compute_dtype=float32", "lora.target_modules=[q_proj, v_proj]")


@pytest.fixture(scope="module")
def quantised(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small base, quantised by GPTQ in 4 bits on a few sentences."""
    from transformers import AutoModelForCausalLM, GPTQConfig

    # Two cores are too few for the number of workers that the library takes by itself.
    os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "2")
    tokenizer = load_tokenizer(base)
    texts = [f"Where is the town number {number}, and who lives there?" for number in range(32)]
    asked = GPTQConfig(bits=4, group_size=32, dataset=texts, tokenizer=tokenizer, model_seqlen=32)
    made = AutoModelForCausalLM.from_pretrained(str(base), quantization_config=asked, device_map={"": "cpu"})
    folder = tmp_path_factory.mktemp("gptq")
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_gradients_through_a_gptq_layer_are_those_of_its_weights(quantised: Path) -> None:
    model = load_base(quantised, quantization="gptq", compute_dtype="float32", device="cpu").train()
    layer = model.model.layers[0].mlp.up_proj
    given = torch.randn(4, 64, requires_grad=True)
    out = layer(given)
    pull = torch.randn_like(out)
    (out * pull).sum().backward()
    with torch.no_grad():
        weight = layer(torch.eye(64))
    assert torch.allclose(given.grad, pull @ weight.T, atol=1e-4)


def test_an_adapter_is_trained_on_a_gptq_base_and_loads_on_it_again(
    prepared: Callable[..., RunFolder], quantised: Path
) -> None:
    run = prepared("gptq", *SETTINGS, on=quantised)
    train(run, StopRequest())
    losses = [line["loss"] for line in run.metrics() if "loss" in line]
    assert run.status() == "finished" and losses[-1] < losses[0]
    tuned = attach_adapter(load_base(quantised, quantization="gptq", compute_dtype="float32"), run.adapter)
    assert any("lora_A" in name for name, _ in tuned.named_parameters())
