"""Unsloth's file for an export: a script, as Unsloth has no settings file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.lm.turns import TEMPLATES
from workbench.publish.configured import (
    Configured,
    Trainer,
    base_said,
    refuse_calls,
    refuse_split_texts,
    training_arguments,
)

SCRIPT = "unsloth_train.py"
_MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
"""What its get_peft_model adapts by default: all linear layers of a block."""


def _write(configured: Configured) -> dict[str, str]:
    refuse_calls(configured, "Unsloth's script")
    refuse_split_texts(configured)
    parts = (_head(configured), _model(configured), _TEXTS[configured.format], _training(configured))
    return {SCRIPT: "\n\n".join(part.strip("\n") for part in parts) + "\n"}


def _head(configured: Configured) -> str:
    said = [f'"""Train on this export with Unsloth; in this folder, on a machine with a GPU: python {SCRIPT}', ""]
    said += [*base_said(configured), *_differences(configured)]
    imports = [
        "from unsloth import FastLanguageModel  # before the others, which it changes",
        "from unsloth.chat_templates import train_on_responses_only" if _masks(configured) else "",
        "from datasets import load_dataset",
        "from trl import SFTConfig, SFTTrainer",
    ]
    return "\n".join([*said, '"""', "", *filter(None, imports)])


def _differences(configured: Configured) -> list[str]:
    said = []
    if _template(configured) is None and configured.format == "messages":
        said.append("The base's own chat template is taken: it must have one.")
    if configured.format == "prompt-completion" and configured.recipe.train.completion_only:
        said.append("The prompt is learned too: Unsloth finds answers by the marks of a chat template alone.")
    return said


def _masks(configured: Configured) -> bool:
    return configured.format == "messages" and configured.recipe.train.completion_only


def _template(configured: Configured) -> str | None:
    return TEMPLATES.get(configured.recipe.template)


def _model(configured: Configured) -> str:
    recipe, (base, revision) = configured.recipe, configured.base
    loaded = {
        "model_name": base,
        "revision": revision,
        "max_seq_length": recipe.train.max_length,
        "load_in_4bit": recipe.quantization.kind == "nf4",
    }
    adapted = {
        "r": recipe.lora.r,
        "lora_alpha": recipe.lora.alpha,
        "lora_dropout": recipe.lora.dropout,
        "target_modules": configured.targets or _MODULES,
        "use_rslora": recipe.lora.use_rslora,
        "use_dora": recipe.lora.use_dora,
        "use_gradient_checkpointing": configured.checkpoints,
        "random_state": recipe.train.seed,
    }
    template = _template(configured) if configured.format == "messages" else None
    lines = [f"model, tokenizer = FastLanguageModel.from_pretrained(\n{_arguments(loaded)})"]
    lines += [f"tokenizer.chat_template = {template!r}"] * (template is not None)
    lines += [f"model = FastLanguageModel.get_peft_model(\n    model,\n{_arguments(adapted)})"]
    return "\n".join([*lines, "", f"records = load_dataset('json', data_files={_files(configured)!r})"])


def _files(configured: Configured) -> dict[str, str]:
    wanted = ("train", "validation") if configured.evaluates else ("train",)
    return {split: configured.files[split] for split in wanted}


def _arguments(values: Mapping[str, Any], indent: str = "    ") -> str:
    return "".join(f"{indent}{key}={value!r},\n" for key, value in values.items() if value is not None)


_TEXTS = {
    "messages": """
def with_text(record):
    return {"text": tokenizer.apply_chat_template(record["messages"], tokenize=False)}


texts = records.map(with_text, remove_columns=records["train"].column_names)
""",
    "prompt-completion": """
def with_text(record):
    return {"text": record["prompt"] + record["completion"] + tokenizer.eos_token}


texts = records.map(with_text, remove_columns=records["train"].column_names)
""",
    "text": """
def with_text(record):
    return {"text": record["text"] + tokenizer.eos_token}


texts = records.map(with_text, remove_columns=[c for c in records["train"].column_names if c != "text"])
""",
}


def _training(configured: Configured) -> str:
    ends = ["trainer = train_on_responses_only(trainer)"] if _masks(configured) else []
    name = f"adapter-{configured.recipe.name}"
    return "\n".join(
        [
            "trainer = SFTTrainer(",
            "    model=model,",
            "    processing_class=tokenizer,",
            '    train_dataset=texts["train"],',
            *(['    eval_dataset=texts["validation"],'] if configured.evaluates else []),
            f"    args=SFTConfig(\n{_arguments(_loop(configured), '        ')}    ),",
            ")",
            *ends,
            "trainer.train()",
            f"model.save_pretrained({name!r})",
            f"tokenizer.save_pretrained({name!r})",
        ]
    )


def _loop(configured: Configured) -> dict[str, Any]:
    train = configured.recipe.train
    return {
        "output_dir": f"checkpoints-{configured.recipe.name}",
        "dataset_text_field": "text",
        "max_length": train.max_length,
        "packing": train.packing,
        **training_arguments(configured),
        "report_to": "none",
    }


UNSLOTH = Trainer(("messages", "prompt-completion", "text"), _write)
