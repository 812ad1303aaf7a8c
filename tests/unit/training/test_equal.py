"""Facts about what must come out the same: as plain TRL, however a step is cut, and with every kind of adapter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.training.test_qlora import StopAfter
from workbench.lm.load import fix_bnb_cpu
from workbench.training.qlora import read_material, train
from workbench.training.runs import RunFolder
from workbench.training.signals import StopRequest

Prepared = Callable[..., RunFolder]

pytestmark = pytest.mark.slow


def losses(run: RunFolder) -> list[float]:
    return [line["loss"] for line in run.metrics() if "loss" in line]


def plain_trl(run: RunFolder, output: Path) -> list[float]:
    """Train the run's rows with SFTTrainer as its documentation does, and return the loss of every step."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig
    from trl import SFTConfig, SFTTrainer

    material = read_material(run)
    train = material.recipe.train
    bits = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    model = AutoModelForCausalLM.from_pretrained(material.base_path, quantization_config=bits, dtype=torch.bfloat16)
    fix_bnb_cpu(model)
    arguments: dict[str, Any] = {
        "per_device_train_batch_size": train.batch_size,
        "gradient_accumulation_steps": train.gradient_accumulation,
        "learning_rate": train.learning_rate,
        "lr_scheduler_type": train.scheduler,
        "warmup_steps": train.warmup,
        "max_steps": train.max_steps,
        "max_length": train.max_length,
        "packing": train.packing,
        "seed": train.seed,
        "data_seed": train.seed,
    }
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(output), logging_steps=1, use_cpu=True, bf16=True, save_strategy="no", **arguments
        ),
        train_dataset=Dataset.from_list(material.train.select(["input_ids", "labels"]).to_pylist()),
        processing_class=material.tokenizer,
        peft_config=LoraConfig(
            r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
    )
    trainer.train()
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


@pytest.mark.parametrize(
    "shape",
    [
        (),
        ("train.gradient_accumulation=2", "train.batch_size=2"),
        ("train.packing=true", "train.max_length=64", "train.batch_size=2"),
    ],
    ids=["padded", "accumulated", "packed"],
)
def test_the_loss_curve_is_that_of_plain_trl(prepared: Prepared, tmp_path: Path, shape: tuple[str, ...]) -> None:
    run = prepared("run", "train.max_steps=10", "train.eval_steps=null", "train.learning_rate=2e-3", *shape)
    train(run, StopRequest())
    ours, theirs = losses(run), plain_trl(run, tmp_path / "plain")
    assert len(ours) == len(theirs) == 10 and ours[-1] < ours[0]
    # They keep the adapter in bfloat16, we in float32: the first loss is the same, the others differ by rounding.
    assert ours[0] == pytest.approx(theirs[0], rel=1e-4)
    assert ours == pytest.approx(theirs, rel=5e-3)


def test_a_step_in_four_parts_is_the_step_in_one(prepared: Prepared) -> None:
    same = ("train.max_steps=4", "train.eval_steps=null")
    whole = prepared("whole", *same, "train.batch_size=4")
    parts = prepared("parts", *same, "train.batch_size=1", "train.gradient_accumulation=4")
    for run in (whole, parts):
        train(run, StopRequest())
    assert losses(parts) == pytest.approx(losses(whole), rel=2e-3)


def test_a_run_resumed_in_smaller_micro_batches_goes_on_with_the_same_rows(prepared: Prepared) -> None:
    same = ("train.max_steps=6", "train.save_steps=3", "train.eval_steps=null")
    whole, parts = prepared("whole", *same), prepared("parts", *same)
    train(whole, StopRequest())
    train(parts, StopAfter(3))
    longest = read_material(parts).longest
    plans = {"from": {}, "to": {"checkpointing": "none", "tokens": 2 * longest}}
    parts.note("steps_down", [{"step": 3, "reason": "full", **plans}])
    train(parts, StopRequest(), resume=True)
    assert [line["step"] for line in parts.metrics()] == [1, 2, 3, 4, 5, 6]
    assert losses(parts) == pytest.approx(losses(whole), rel=2e-3)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ((), {"lora_A", "lora_B"}),
        (("lora.use_rslora=true",), {"lora_A", "lora_B"}),
        (("lora.use_dora=true",), {"lora_A", "lora_B", "lora_magnitude_vector"}),
    ],
    ids=["LoRA", "rsLoRA", "DoRA"],
)
def test_every_kind_of_adapter_trains_by_a_recipe_key(
    prepared: Prepared, settings: tuple[str, ...], names: set[str]
) -> None:
    from safetensors.torch import load_file

    run = prepared("run", "train.eval_steps=null", "train.learning_rate=3e-3", *settings)
    train(run, StopRequest())
    found = losses(run)
    assert found[-1] < 0.95 * found[0]
    weights = load_file(run.adapter / "adapter_model.safetensors")
    assert {part for name in weights for part in name.split(".") if part.startswith("lora_")} == names
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
