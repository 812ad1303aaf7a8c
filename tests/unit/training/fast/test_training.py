"""Facts about the fast way as a whole: on a CPU, fused and in rows of one length, it trains what PEFT trains."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AttentionInterface, AutoModelForCausalLM

from workbench.training import qlora
from workbench.training.fast import choice
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


@pytest.mark.thorough
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


def another(family: str, like: Path, folder: Path, **more: Any) -> Path:
    """Write a random base of a family, with the tokenizer of another."""
    shutil.copytree(like, folder)
    (folder / "model.safetensors").unlink()
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    sizes |= {"num_key_value_heads": 2, "head_dim": 16, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
    known = json.loads((like / "config.json").read_text())
    config = getattr(transformers, f"{family}Config")(vocab_size=known["vocab_size"], **{**sizes, **more})
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.1)
    model.save_pretrained(folder)
    return folder


def logits_and_gradients(
    run: RunFolder, *, fast: bool, rows: int = 3
) -> tuple[torch.Tensor, dict[str, torch.Tensor | None]]:
    """Return the NLL of each learned token, and the adapter's gradients, of a run's first rows."""
    material = read_material(run)
    trainer = build_trainer(material, run.checkpoints)
    for name, weight in trainer.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1, generator=torch.Generator().manual_seed(0))
    if fast:
        fuse(trainer.model)
        trainer.data_collator = OneRow(trainer.data_collator, qlora._frame(material))
    batch = trainer.data_collator([trainer.train_dataset[place] for place in range(rows)])
    batch.pop("padding", None)
    out = trainer.model(**batch, use_cache=False, fused_lm_head=True)
    (-out.log_probs.sum() / out.label_mask.sum()).backward()
    learned = out.log_probs.flatten()[out.label_mask.flatten().bool()].detach()
    return learned, {name: weight.grad for name, weight in trainer.model.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize(
    ("family", "more", "settings"),
    [
        ("Llama", {"attention_bias": True, "mlp_bias": True}, ("lora.use_rslora=true",)),
        ("Llama", {"sliding_window": 3}, ()),
        ("Mistral", {"sliding_window": 3}, ("lora.target_modules=[q_proj, v_proj, up_proj]",)),
        ("Qwen2", {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1}, ()),
    ],
    ids=["biases and rsLoRA", "a window that Llama ignores", "some modules", "a window in some layers"],
)
def test_every_fused_family_computes_what_it_did(
    prepared: Prepared, base: Path, tmp_path: Path, family: str, more: dict[str, Any], settings: tuple[str, ...]
) -> None:
    folder = another(family, base, tmp_path / "other", **more)
    assert "" == choice.unknown_part(AutoModelForCausalLM.from_pretrained(folder))
    exact = ("quantization.compute_dtype=float32", "train.packing=false", *settings)
    plain, fused = (prepared(name, *exact, on=folder) for name in ("plain", "fused"))
    (nll, expected), (same, got) = (logits_and_gradients(run, fast=run is fused) for run in (plain, fused))
    torch.testing.assert_close(same, nll, rtol=1e-4, atol=1e-5)
    assert got.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(got[name], gradient, rtol=1e-3, atol=1e-6, msg=name)


@pytest.mark.parametrize(
    ("family", "more"),
    [
        ("Llama", {"sliding_window": 3}),
        ("Mistral", {"sliding_window": 3}),
        ("Qwen2", {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1}),
    ],
)
def test_a_fused_layer_tells_the_attention_what_its_own_class_does(
    prepared: Prepared, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str, more: dict[str, Any]
) -> None:
    told: list[dict[str, Any]] = []
    right = AttentionInterface.get_interface

    def watched(self: AttentionInterface, *asked: Any) -> Callable[..., Any]:
        attend = right(self, *asked)

        def noted(*parts: Any, **settings: Any) -> Any:
            told.append({key: value for key, value in settings.items() if not isinstance(value, torch.Tensor)})
            return attend(*parts, **settings)

        return noted

    monkeypatch.setattr(AttentionInterface, "get_interface", watched)
    run = prepared("run", on=another(family, base, tmp_path / "other", **more))
    trainer = build_trainer(read_material(run), run.checkpoints)
    batch = trainer.data_collator([trainer.train_dataset[0]])
    trainer.model(**batch, use_cache=False)
    assert fuse(trainer.model) == 14
    trainer.model(**batch, use_cache=False)
    assert len(told) == 4 and told[:2] == told[2:]


@pytest.mark.parametrize("shape", [("train.packing=true", "train.max_length=64"), ("train.packing=false",)])
def test_in_a_fused_row_no_record_reads_another(prepared: Prepared, shape: tuple[str, ...]) -> None:
    run = prepared("run", "quantization.compute_dtype=float32", *shape)
    material = read_material(run)
    trainer = build_trainer(material, run.checkpoints)
    hastened(run, trainer, material)
    trainer.model.eval()
    rows = [dict(trainer.train_dataset[place]) for place in range(2)]
    batch = trainer.data_collator(rows)
    ends = batch["cu_seq_lens_q"].unique().tolist()
    assert len(ends) > 4  # a few records, whether one row or two held them
    for own, (start, end) in enumerate(pairwise(ends[:-1])):
        changed = {**batch, "input_ids": batch["input_ids"].clone()}
        changed["input_ids"][0, start:end] += 1
        was, now = (logits(trainer, inputs) for inputs in (batch, changed))
        assert not torch.equal(was[start:end], now[start:end]), own
        assert torch.equal(was[:start], now[:start]) and torch.equal(was[end:], now[end:]), own


def logits(trainer: Trainer, batch: dict[str, Any]) -> torch.Tensor:
    asked = {key: value for key, value in batch.items() if key not in ("labels", "padding")}
    with torch.no_grad():
        found: torch.Tensor = trainer.model(**asked, use_cache=False).logits[0]
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("family", ["Qwen2", "Gemma", "SmolLM3", "Phi3", "GPTNeoX"])
def test_a_base_of_any_family_trains(prepared: Prepared, base: Path, tmp_path: Path, family: str) -> None:
    short = ("train.max_steps=2", "train.eval_steps=null")
    run = prepared("run", *short, on=another(family, base, tmp_path / "other"))
    train(run, StopRequest())
    assert run.status() == "finished" and len(curve(run)) == 2


@pytest.mark.thorough
@pytest.mark.parametrize("plan", ["none", "selective", "full", "offload"])
def test_every_plan_trains_without_a_gpu_too(prepared: Prepared, plan: str) -> None:
    short = ("train.max_steps=2", "train.eval_steps=null")
    run, free = prepared("run", *short, f"train.plan={plan}"), prepared("free", *short)
    for each in (run, free):
        train(each, StopRequest())
    assert curve(run) == pytest.approx(curve(free), rel=1e-3)
