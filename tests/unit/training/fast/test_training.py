"""Facts about the fast way as a whole: on a CPU, fused and in rows of one length, it trains what PEFT trains."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch

from workbench.training import qlora
from workbench.training.fast.layers import fuse
from workbench.training.fast.rows import OneRow
from workbench.training.qlora import Trainer, build_trainer, read_material, train
from workbench.training.runs import RunFolder
from workbench.training.signals import StopRequest

Prepared = Callable[..., RunFolder]

SHAPES = [
    ("train.packing=false", "train.batch_size=4"),
    ("train.packing=true", "train.max_length=64", "train.batch_size=2"),
    ("train.packing=false", "train.batch_size=2", "train.gradient_accumulation=2"),
]


def curve(run: RunFolder) -> list[float]:
    return [line["loss"] for line in run.metrics() if "loss" in line]


def hastened(run: RunFolder, trainer: Trainer, material: qlora.Material) -> None:
    """What a GPU does, short of its attention and its compiler."""
    assert fuse(trainer.model) == 7
    trainer.data_collator = OneRow(trainer.data_collator, qlora._frame(material))


@pytest.mark.parametrize("shape", SHAPES, ids=["padded", "packed", "accumulated"])
def test_the_fast_way_follows_the_loss_curve_of_the_plain_one(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch, shape: tuple[str, ...]
) -> None:
    plain, fast = prepared("plain", *shape), prepared("fast", *shape)
    train(plain, StopRequest())
    monkeypatch.setattr(qlora, "_hasten", hastened)
    train(fast, StopRequest())
    assert curve(fast) == pytest.approx(curve(plain), rel=2e-2)
    for got, expected in zip(fast.metrics(), plain.metrics(), strict=True):
        assert got.get("eval_loss", 0) == pytest.approx(expected.get("eval_loss", 0), rel=2e-2)
        if not any("packing=true" in setting for setting in shape):
            assert got.get("tokens_seen") == expected.get("tokens_seen")


def test_the_adapter_of_a_fused_model_is_a_plain_one(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qlora, "_hasten", hastened)
    run, plain = prepared("fused", "train.max_steps=1"), prepared("plain", "train.max_steps=1")
    train(run, StopRequest())
    monkeypatch.undo()
    train(plain, StopRequest())
    for name in ("adapter_config.json",):
        assert json.loads((run.adapter / name).read_text()) == json.loads((plain.adapter / name).read_text())
    from safetensors.torch import load_file

    got, expected = (load_file(each.adapter / "adapter_model.safetensors") for each in (run, plain))
    assert {name: weight.shape for name, weight in got.items()} == {name: w.shape for name, w in expected.items()}
    assert all(weight.dtype == torch.float32 for weight in got.values())


def test_a_fused_model_in_float32_has_the_gradients_of_the_plain_one(prepared: Prepared) -> None:
    exact = ("quantization.compute_dtype=float32", "train.packing=false")
    gradients = []
    for name in ("plain", "fused"):
        run = prepared(name, *exact)
        material = read_material(run)
        trainer = build_trainer(material, run.checkpoints)
        for module, weight in trainer.model.named_parameters():
            if "lora_B" in module:
                torch.nn.init.normal_(weight, std=0.1, generator=torch.Generator().manual_seed(0))
        if name == "fused":
            hastened(run, trainer, material)
        batch = trainer.data_collator([trainer.train_dataset[place] for place in range(3)])
        trainer.compute_loss(trainer.model, batch).backward()
        gradients.append({key: weight.grad for key, weight in trainer.model.named_parameters() if weight.requires_grad})
    plain, fused = gradients
    assert plain.keys() == fused.keys()
    for key, expected in plain.items():
        torch.testing.assert_close(fused[key], expected, rtol=1e-4, atol=1e-6, msg=key)
