"""What a recipe says, in the words of peft and trl."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peft import LoraConfig
from trl import SFTConfig

from workbench.lm.load import device
from workbench.lm.precision import run_precision
from workbench.recipe import Recipe
from workbench.training.reporting import trackers


def lora(recipe: Recipe) -> LoraConfig:
    """Return the adapter of a recipe."""
    modules = recipe.lora.target_modules
    return LoraConfig(
        r=recipe.lora.r,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules=modules if isinstance(modules, str) else list(modules),
        use_rslora=recipe.lora.use_rslora,
        use_dora=recipe.lora.use_dora,
        task_type="CAUSAL_LM",
    )


def arguments(recipe: Recipe, output: Path, **laid_out: Any) -> SFTConfig:  # noqa: ANN401 - any argument
    """Return the training arguments of a recipe; `laid_out` are those that the memory plan sets in its place."""
    return SFTConfig(output_dir=str(output), **{**_loop(recipe), **_surroundings(recipe), **laid_out})


def _loop(recipe: Recipe) -> dict[str, Any]:
    train = recipe.train
    return {
        "num_train_epochs": train.epochs,
        "max_steps": train.max_steps or -1,
        "per_device_train_batch_size": train.batch_size,
        "per_device_eval_batch_size": train.batch_size,
        "gradient_accumulation_steps": train.gradient_accumulation,
        "learning_rate": train.learning_rate,
        "lr_scheduler_type": train.scheduler,
        "warmup_steps": train.warmup,
        "optim": train.optimizer,
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
        "train_sampling_strategy": train.sampling,
        "max_length": train.max_length,
        "packing": train.packing,
        "packing_strategy": "bfd",
        "gradient_checkpointing": train.recomputes,
        "seed": train.seed,
        "data_seed": train.seed,
        "save_steps": train.save_steps,
        "eval_strategy": "steps" if train.eval_steps else "no",
        "eval_steps": train.eval_steps,
        "logging_steps": train.logging_steps,
    }


def _surroundings(recipe: Recipe) -> dict[str, Any]:
    on_cpu = device() == "cpu"
    dtype = run_precision(recipe, device()).mixed
    return {
        "bf16": dtype == "bfloat16",
        "fp16": dtype == "float16",
        "use_cpu": on_cpu,
        "dataloader_pin_memory": not on_cpu,
        # One worker lays out the next micro-batch while the GPU computes this one.
        "dataloader_num_workers": 0 if on_cpu else 1,
        "ddp_find_unused_parameters": False,
        # Buffers are the same everywhere and never change; those of fused layers hold the whole base.
        "ddp_broadcast_buffers": False,
        # The rows are cut, labelled and packed already.
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "save_strategy": "steps",
        "save_total_limit": 2,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "report_to": trackers(recipe) or "none",
    }
