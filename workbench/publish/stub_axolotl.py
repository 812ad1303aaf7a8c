"""Axolotl's file for an export: the settings of `axolotl train`."""

from __future__ import annotations

from typing import Any

from workbench.errors import UsageError
from workbench.lm.turns import TEMPLATES
from workbench.publish.configured import Configured, Trainer, as_yaml, base_said, refuse_split_texts
from workbench.publish.rendering import holds_more

SETTINGS = "axolotl.yaml"


def _write(configured: Configured) -> dict[str, str]:
    if configured.format == "alpaca" and configured.has_history:
        raise UsageError("Axolotl's alpaca reads neither system nor history", "give --format messages")
    refuse_split_texts(configured)
    return {SETTINGS: as_yaml(_head(configured), _settings(configured))}


def _head(configured: Configured) -> list[str]:
    said = [f"In this folder: axolotl train {SETTINGS}", *base_said(configured)]
    if configured.format in _CHAT and configured.recipe.template == "auto":
        said.append("It takes the base's own chat template, and stops where there is none: give the recipe a template.")
    if holds_more(configured.schema):
        said.append(
            "It gives calls and tools to the template, and learns answers of weight 0, a mark it does not know."
        )
    if configured.format == "alpaca":
        said.append("Its type alpaca writes a sentence before each instruction that the workbench does not write.")
    return said


def _settings(configured: Configured) -> dict[str, Any]:
    base, revision = configured.base
    return {
        "base_model": base,
        "revision_of_model": revision,
        **_adapter(configured),
        **_records(configured),
        **_loop(configured),
        "output_dir": f"adapter-{configured.recipe.name}",
    }


def _adapter(configured: Configured) -> dict[str, Any]:
    lora, quantization = configured.recipe.lora, configured.recipe.quantization
    is_nf4 = quantization.kind == "nf4"
    return {
        "adapter": "qlora" if is_nf4 else "lora",
        "load_in_4bit": is_nf4,
        "bnb_config_kwargs": {"bnb_4bit_use_double_quant": quantization.double_quant} if is_nf4 else None,
        "gptq": True if quantization.kind == "gptq" else None,
        "lora_r": lora.r,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "lora_target_linear": None if configured.targets else True,
        "lora_target_modules": configured.targets,
        "peft_use_rslora": lora.use_rslora,
        "peft_use_dora": lora.use_dora,
    }


def _records(configured: Configured) -> dict[str, Any]:
    train = configured.recipe.train
    template = TEMPLATES.get(configured.recipe.template) if configured.format in _CHAT else None
    return {
        "datasets": [_source(configured, "train")],
        "test_datasets": [_source(configured, "validation")] if configured.evaluates else None,
        "chat_template": ("jinja" if template else "tokenizer_default") if configured.format in _CHAT else None,
        "chat_template_jinja": template,
        "dataset_prepared_path": "prepared",
        "train_on_inputs": not train.completion_only,
        "sequence_len": train.max_length,
        "sample_packing": train.packing,
        "eval_sample_packing": train.packing if configured.evaluates else None,
        "group_by_length": train.sampling == "group_by_length",
    }


def _source(configured: Configured, split: str) -> dict[str, Any]:
    read = _READ[configured.format]
    if configured.format in _CHAT and not configured.recipe.train.completion_only:
        read = read | {"roles_to_train": ["system", "user", "assistant"], "train_on_eos": "all"}
    return {"path": configured.files[split], "ds_type": "json", "split": "train", **read}


_CHAT = ("messages", "sharegpt")
_READ: dict[str, dict[str, Any]] = {
    "messages": {
        "type": "chat_template",
        "field_messages": "messages",
        "message_property_mappings": {"role": "role", "content": "content"},
        "roles_to_train": ["assistant"],
        "train_on_eos": "turn",
    },
    "sharegpt": {
        "type": "chat_template",
        "field_messages": "conversations",
        "message_property_mappings": {"role": "from", "content": "value"},
        "roles_to_train": ["assistant"],
        "train_on_eos": "turn",
    },
    "alpaca": {"type": "alpaca"},
    "prompt-completion": {
        "type": {
            "system_prompt": "",
            "field_instruction": "prompt",
            "field_output": "completion",
            "format": "{instruction}",
            "no_input_format": "{instruction}",
        }
    },
    "text": {"type": "completion", "field": "text"},
}


def _loop(configured: Configured) -> dict[str, Any]:
    train = configured.recipe.train
    return {
        "num_epochs": train.epochs,
        "max_steps": train.max_steps,
        "micro_batch_size": train.batch_size,
        "gradient_accumulation_steps": train.gradient_accumulation,
        "learning_rate": train.learning_rate,
        "lr_scheduler": train.scheduler,
        "warmup_ratio": configured.warmup_share,
        "warmup_steps": configured.warmup_steps,
        "optimizer": train.optimizer,
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
        "bf16": configured.precision == "bfloat16",
        "fp16": configured.precision == "float16",
        "seed": train.seed,
        "save_steps": train.save_steps,
        "eval_steps": train.eval_steps if configured.evaluates else None,
        "logging_steps": train.logging_steps,
        "gradient_checkpointing": configured.checkpoints,
    }


AXOLOTL = Trainer((*_CHAT, "alpaca", "prompt-completion", "text"), _write)
